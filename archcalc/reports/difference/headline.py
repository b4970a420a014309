"""What changed in one sentence."""

from __future__ import annotations

from collections.abc import Collection

from archcalc.difference.compare import Difference
from archcalc.difference.side import PEAKS
from archcalc.reports import numbers

TRAINABLE = "trainable"
NAMES = {
    "params": "parameters",
    TRAINABLE: "trainable parameters",
    "macs": "MACs",
    "activation_bytes": "activations",
    "training_memory_bytes": "training memory",
    "inference_memory_bytes": "inference memory",
}


def words(peaks: Collection[str]) -> dict[str, str]:
    """The measures that are shown, with their names."""
    return {measure: word for measure, word in NAMES.items() if measure not in PEAKS or measure in peaks}


def name(found: Difference) -> str:
    """The model's name, or both."""
    before, after = found.base.model, found.head.model
    return after or before or "" if before == after or not before or not after else f"{before} → {after}"


def headline(found: Difference, peaks: Collection[str] = PEAKS[:1]) -> str:
    """One sentence: `parameters +1.18 M (+10.1 %) · MACs unchanged · activations −3.0 %`.

    With those of the `peaks`, which take longest to compute. What saved JSON lacks is left out.
    """
    only = "new" if found.base.model is None else "removed" if found.head.model is None else ""
    parts = [only] if only else []
    for measure, word in words(peaks).items():
        if measure not in found.measures:
            continue
        before, after = found.totals(measure)
        if measure == TRAINABLE and (before, after) == found.totals("params"):
            continue  # all are trained
        if only:
            parts.append(f"{_amount(before or after, measure)} {word}")
        elif before == after:
            parts.append(f"{word} unchanged")
        else:
            parts.append(f"{word} {signed(after - before, measure)}{percent(before, after)}")
    return " · ".join(parts)


def _amount(number: int, measure: str) -> str:
    return (numbers.size(number) or "0 B") if measure.endswith("bytes") else numbers.short(number)


def signed(change: int, measure: str = "") -> str:
    """`+1.18 M`; of bytes `−3.1 MB`."""
    amount = numbers.size(abs(change)) if measure.endswith("bytes") else numbers.short(abs(change), 3)
    return f"{'+' if change > 0 else '−'}{amount}"


def percent(before: int, after: int) -> str:
    """` (+10.1 %)`; empty if it rounds to 0, or the value was 0 before."""
    if not before:
        return ""
    share = (after - before) / before
    if abs(share) < 0.0005:
        return ""
    return (
        f" ({'+' if share > 0 else '−'}{numbers.percent(abs(share))})"
        if share < 10
        else f" ({numbers.percent(after / before)} as much)"
    )
