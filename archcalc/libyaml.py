"""PyYAML, for its binding to libyaml; what its pure-Python parser needs is made only when used.

Importing PyYAML compiles patterns for a parser in Python, one of which takes longer than everything else that is
imported to read a spec. Where libyaml is present, they are never used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcalc.patterns import imported

if TYPE_CHECKING:
    import yaml as yaml
else:
    yaml = imported("yaml")
