"""How Sphinx makes a site of these pages: `pip install '.[docs]' && sphinx-build -W docs build/docs`."""

from __future__ import annotations

from archcalc import __version__

project = "archcalc"
release = __version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"archcalc {release}"
myst_heading_anchors = 3
# Links into the repository, as files: the site does not hold them.
suppress_warnings = ["myst.xref_missing"]
linkcheck_ignore = [r"https://github\.com/OWNER/"]
