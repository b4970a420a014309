"""Numbers and sizes for people. Units are decimal: 1 MB is 10^6 bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archcalc.expectations import Used

_UNITS = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


def exact(number: int) -> str:
    """`61,100,840`."""
    return f"{number:,}"


def short(number: int, digits: int = 4) -> str:
    """About `digits` significant digits: `61.10 M`, `4.089 G`; below 10,000 the exact number."""
    if number < 10_000:
        return f"{number:,}"
    scaled, unit = _scale(number, digits)
    return f"{scaled} {unit}"


def column(number: int) -> str:
    """For a column of a table: `118.0 M`; empty for 0."""
    if number == 0:
        return ""
    if number < 10_000:
        return f"{number:,}"
    value, power = number / 1000, 1
    while value >= 999.95 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{value:,.1f} {_UNITS[power]}"


def size(count: int) -> str:
    """Bytes: `784 B`, `3.2 MB`; empty for 0."""
    if count == 0:
        return ""
    if count < 1000:
        return f"{count} B"
    value, power = count / 1000, 1
    while value >= 999.95 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{value:,.1f} {'kMGTPEZY'[power - 1]}B"


def with_unit(number: int, unit: str) -> str:
    """`4.089 GMACs`; without a prefix below 10,000: `1,152 MACs`."""
    if number < 10_000:
        return f"{number:,} {unit}"
    scaled, prefix = _scale(number, 4)
    return f"{scaled} {prefix}{unit}"


def seconds(value: float) -> str:
    """A duration: `9.81 ms`."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:#.3g} {unit}" if value / scale < 99.95 else f"{value / scale:,.0f} {unit}"
    return f"{value * 1e9:.0f} ns"


def share(part: int, whole: int) -> str:
    """A percentage with one decimal; empty for 0."""
    return f"{100 * part / whole:.1f}" if part and whole else ""


def percent(share: float, digits: int = 1) -> str:
    """`87.5 %`; from a factor of ten on, `1,200 times`."""
    if abs(share) < 10:
        return f"{100 * share:.{digits}f} %"
    return f"{share:,.0f} times" if abs(share) < 1e6 else f"{share:.1e} times"


def budgets(found: Iterable[Used]) -> str:
    """`params 87.5 % of 5M, macs 12 times 4M`: how much of each budget is used."""
    return ", ".join(f"{one.name} {percent(one.share)}{' of' if one.share < 10 else ''} {one.text}" for one in found)


def shape(sizes: Sequence[int]) -> str:
    """`64×55×55`."""
    return "×".join(str(int(one)) for one in sizes)


def _scale(number: int, digits: int) -> tuple[str, str]:
    value, power = float(number), 0
    while value >= 1000 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    decimals = max(0, digits - len(str(int(value))))
    text = f"{value:,.{decimals}f}"
    if text.startswith("1000") and power < len(_UNITS) - 1:  # rounded up into the next unit
        return _scale(round(value / 1000) * 1000 ** (power + 1), digits)
    return text, _UNITS[power]
