"""What changed, for people."""

from __future__ import annotations

from archcalc.difference.compare import Difference
from archcalc.difference.side import LayerRecord
from archcalc.reports import numbers
from archcalc.reports.difference.headline import headline, signed
from archcalc.reports.difference.report import Report


def render(report: Report) -> str:
    """The networks that changed, one after the other."""
    return "\n".join(network(one) for one in report.differences if not one.is_empty) or "nothing changed\n"


def network(found: Difference) -> str:
    """The headline, the layers that changed, and how many did not."""
    if found.is_empty:
        return f"{found.head.model}: nothing changed\n"
    name = found.head.model if found.base.model == found.head.model else f"{found.base.model} → {found.head.model}"
    rows = [("~", _ids(old, new), _labels(old, new), _params(old.params, new.params)) for old, new in found.changed]
    rows += [("+", one.id, one.label, _params(0, one.params)) for one in found.added]
    rows += [("−", one.id, one.label, _params(one.params, 0)) for one in found.removed]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (1, 2)]
    lines = [f"{name}: {headline(found)}", ""]
    lines += [
        f"  {sign} {id:<{widths[0]}}  {label:<{widths[1]}}  {params}".rstrip() for sign, id, label, params in rows
    ]
    lines.append(f"  {summary(found)}")
    return "\n".join(lines) + "\n"


def summary(found: Difference) -> str:
    """How many layers changed in which way."""
    parts = [f"{len(found.changed)} changed", f"{len(found.added)} added", f"{len(found.removed)} removed"]
    text = ", ".join(parts)
    if found.moved:
        text += f"; {len(found.moved)} as before at other costs, because their input changed"
    return text + f"; {found.unchanged} unchanged layers not shown"


def _ids(old: LayerRecord, new: LayerRecord) -> str:
    return new.id if old.what[1] == new.what[1] else f"{old.id} → {new.id}"


def _labels(old: LayerRecord, new: LayerRecord) -> str:
    before, after = old, new
    copies = f" ×{old.count} → ×{new.count}" if old.count != new.count else ""
    return (before.label if before.label == after.label else f"{before.label} → {after.label}") + copies


def _params(before: int, after: int) -> str:
    if before == after:
        return ""
    return f"{signed(after - before)}   ({numbers.short(before, 3)} → {numbers.short(after, 3)})"
