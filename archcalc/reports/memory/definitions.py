"""A page of text on what every number about memory means."""

from __future__ import annotations

import textwrap

from archcalc.memory.definitions import ASSUMPTIONS, DEFINITIONS, SURE


def text(width: int) -> str:
    """A paragraph for each number, and one for each degree of certainty, in `width` columns."""
    width = max(30, min(width, 96))
    lines = []
    for definition in DEFINITIONS.values():
        lines.append(f"{definition.name} ({definition.key}_bytes, {definition.certainty})")
        lines += textwrap.wrap(definition.text, width, initial_indent="  ", subsequent_indent="  ")
        lines.append("")
    for word, meaning in SURE.items():
        lines += textwrap.wrap(f"{word}: {meaning}", width, subsequent_indent="  ")
    lines += ["", "what the peaks assume"]
    for assumption in ASSUMPTIONS:
        lines += textwrap.wrap(assumption, width, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"
