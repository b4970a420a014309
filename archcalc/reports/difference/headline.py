"""What changed in one sentence."""

from __future__ import annotations

from archcalc.difference.compare import Difference
from archcalc.reports import numbers

NAMES = (("params", "parameters"), ("macs", "MACs"), ("activation_bytes", "activations"),
          ("training_memory_bytes", "training memory"))  # fmt: skip


def headline(found: Difference) -> str:
    """One sentence: `parameters +1.18 M (+10.1 %) · MACs unchanged · activations −3.0 %`; what saved JSON leaves out is not told."""
    parts = []
    for measure, name in NAMES:
        if measure not in found.measures:
            continue
        before, after = found.base.totals[measure], found.head.totals[measure]
        if before == after:
            parts.append(f"{name} unchanged")
        else:
            parts.append(f"{name} {signed(after - before, measure)}{percent(before, after)}")
    return " · ".join(parts)


def signed(change: int, measure: str = "") -> str:
    """`+1.18 M`; of bytes `−3.1 MB`."""
    amount = numbers.size(abs(change)) if measure.endswith("bytes") else numbers.short(abs(change), 3)
    return f"{'+' if change > 0 else '−'}{amount}"


def percent(before: int, after: int) -> str:
    """` (+10.1 %)`; empty where it rounds to nothing, or grew from nothing."""
    if not before:
        return ""
    percent = 100 * (after - before) / before
    if abs(percent) < 0.05:
        return ""
    return f" ({'+' if percent > 0 else '−'}{abs(percent):.1f} %)"
