"""Parses memory limits."""

from __future__ import annotations

import re

from archcalc.diagnostics import RequestError

_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_BYTES = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([KMGT]?)(i?)B\Z", re.ASCII | re.IGNORECASE)


def parse_bytes(text: str | None, option: str) -> int | None:
    """`24GB`, `80 GiB` as bytes; None of None. Raises `RequestError`, with a suggestion for a number without a unit."""
    if text is None:
        return None
    match = _BYTES.match(text.strip())
    if match is None or not float(match[1]):
        number = re.match(r"\d{1,6}(?:\.\d{1,3})?\Z", text.strip(), re.ASCII)
        hint = f": did you mean {text.strip()}GB?" if number else ""
        raise RequestError(f"{option} takes bytes with their unit, e.g. 24GB or 80GiB, not {text!r}{hint}")
    whole, _, part = match[1].partition(".")
    scale = int((1024 if match[3] else 1000) ** _UNITS[match[2].upper()])
    return int(whole) * scale + int(part or "0") * scale // int(10 ** len(part))
