"""The values of a name, as written: `width=256..2048:256`, `depth=6,12,24`, `n=1..64:*2`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from archcalc.diagnostics import RequestError

# More values per name must be a mistake in a step.
MOST = 1_000_000
_RANGE = re.compile(r"(?P<first>[^:]+?)\.\.(?P<last>[^:]+?)(?::(?P<step>.+))?\Z")
_FORM = "write values as 6,12,24 or a range, e.g. 256..2048:256, 1..64:*2"


@dataclass(frozen=True)
class Axis:
    """A name with its values, as `--set` takes them."""

    name: str
    values: tuple[str, ...]


def parse_axis(text: str) -> Axis:
    """`NAME=VALUES`. Raises `RequestError` for anything else."""
    name, equals, values = (part.strip() for part in text.partition("="))
    if not name or not equals or not values:
        raise RequestError(f"--set takes NAME=VALUES, e.g. --set width=128,256, not {text!r}")
    return Axis(name, parse_values(values, name))


def parse_axes(texts: Sequence[str]) -> list[Axis]:
    """Several axes with distinct names. Raises `RequestError`."""
    axes = [parse_axis(text) for text in texts]
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise RequestError(f"--set {name} is given twice: give all its values at once")
    return axes


def parse_values(text: str, name: str) -> tuple[str, ...]:
    """Comma-separated values and ranges, without duplicates. Raises `RequestError`."""
    found: dict[str, None] = {}
    for entry in text.split(","):
        if not entry.strip():
            raise RequestError(f"{name}={text}: a value is missing between commas: {_FORM}")
        for value in _entry(entry.strip(), name):
            found[value] = None
            if len(found) > MOST:
                raise RequestError(f"{name}={text}: more than {MOST:,} values: take a larger step")
    return tuple(found)


def parse_batches(text: str) -> list[int]:
    """Batch sizes, written like other values. Raises `RequestError`."""
    return [batch_size(value) for value in parse_values(text, "--batch")]


def batch_size(value: str) -> int:
    """A batch size from its text. Raises `RequestError`."""
    if not re.fullmatch(r"\d{1,13}", value, re.ASCII) or not 1 <= int(value) < 2**40:
        raise RequestError(f"a batch must be a whole number from 1 to {2**40 - 1:,}, not {value}")
    return int(value)


def _entry(text: str, name: str) -> Iterator[str]:
    """A value, or those of a range; its end is included if a step reaches it."""
    if ".." not in text:
        yield text
        return
    match = _RANGE.match(text)
    if not match:
        raise RequestError(f"{name}={text}: no range: {_FORM}")
    first, last = (_number(match[end], text, name) for end in ("first", "last"))
    step = match["step"] or "1"
    factor = _number(step[1:], text, name) if step.startswith("*") else None
    distance = Decimal(0) if factor is not None else _number(step, text, name)
    if match["step"] is None and (first % 1 or last % 1):
        raise RequestError(f"{name}={text}: a range of fractions needs a step, e.g. 0.1..0.5:0.1")
    if first > last:
        raise RequestError(f"{name}={text}: the range ends before it begins: write {match['last']}..{match['first']}")
    if (factor is not None and (factor <= 1 or first <= 0)) or (factor is None and distance <= 0):
        raise RequestError(f"{name}={text}: the range never ends with this step: {_FORM}")
    value = first
    while value <= last:
        yield format(value.normalize(), "f")
        value = value * factor if factor is not None else value + distance


def _number(text: str, entry: str, name: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) > 2**63:
        raise RequestError(f"{name}={entry}: `{text.strip()}` is not a number: {_FORM}")
    return number
