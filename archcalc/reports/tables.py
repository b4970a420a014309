"""Tables in GitHub's markdown, for a pull request or a README."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.quoting import markdown_links


def table(header: Sequence[str], align: str, lines: Iterable[Sequence[str]]) -> str:
    """A table; `align` has an l or an r for each column."""
    rule = ["---:" if side == "r" else "---" for side in align]
    return markdown_links("\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *lines))) + "\n"
