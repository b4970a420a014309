"""PyYAML, for its binding to libyaml; what its own parser needs is made when that is asked.

Importing it compiles patterns for a parser in Python, one of which takes longer than all else that is imported to read a
spec. Where libyaml is there nobody asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcalc.patterns import imported

if TYPE_CHECKING:
    import yaml as yaml
else:
    yaml = imported("yaml")
