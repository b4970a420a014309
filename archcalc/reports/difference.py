"""What changed between two networks, as text, JSON and markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.difference import Difference, LayerRecord
from archcalc.reports import numbers

_NAMES = (("params", "parameters"), ("macs", "MACs"), ("activation_bytes", "activations"),
          ("training_memory_bytes", "training memory"))  # fmt: skip


def headline(found: Difference) -> str:
    """One sentence: `parameters +1.18 M (+10.1 %) · MACs unchanged · activations −3.0 %`; what saved JSON leaves out is not told."""
    parts = []
    for measure, name in _NAMES:
        if measure not in found.measures:
            continue
        before, after = found.base.totals[measure], found.head.totals[measure]
        if before == after:
            parts.append(f"{name} unchanged")
        else:
            parts.append(f"{name} {_signed(after - before, measure)}{_percent(before, after)}")
    return " · ".join(parts)


def _signed(change: int, measure: str = "") -> str:
    amount = numbers.size(abs(change)) if measure.endswith("bytes") else numbers.short(abs(change), 3)
    return f"{'+' if change > 0 else '−'}{amount}"


def _percent(before: int, after: int) -> str:
    if not before:
        return ""
    percent = 100 * (after - before) / before
    if abs(percent) < 0.05:
        return ""
    return f" ({'+' if percent > 0 else '−'}{abs(percent):.1f} %)"


def text(found: Difference) -> str:
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
    return f"{_signed(after - before)}   ({numbers.short(before, 3)} → {numbers.short(after, 3)})"


def data(found: Difference) -> dict[str, Any]:
    """Exact numbers, before and after."""
    return {
        "version": 1,
        "base": found.base.model,
        "head": found.head.model,
        "headline": headline(found),
        "totals": {
            name: {"before": found.base.totals[name], "after": found.head.totals[name]} for name in found.measures
        },
        "changed": [{"before": vars(old), "after": vars(new)} for old, new in found.changed],
        "added": [vars(one) for one in found.added],
        "removed": [vars(one) for one in found.removed],
        "moved": [{"before": vars(old), "after": vars(new)} for old, new in found.moved],
        "unchanged": found.unchanged,
        "over_budget": found.head.over,
    }


def markdown(differences: Sequence[Difference]) -> str:
    """For a pull request: a table of the specs that changed, the layers of each folded."""
    changed = [found for found in differences if not found.is_empty]
    if not changed:
        return "No network changed.\n"
    several = f"{len(changed)} of {len(differences)} networks changed"
    lines = [f"**archcalc: {headline(changed[0]) if len(differences) == 1 else several}**", ""]
    budgets = any(found.head.over is not None for found in changed)
    titles = [*(name for _, name in _NAMES), *(["budget"] if budgets else [])]
    lines += [f"| model | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(_NAMES)}{' --- |' * budgets}"]
    for found in changed:
        cells = [_cell(found, measure) for measure, _ in _NAMES]
        cells += [_budget(found)] if budgets else []
        lines.append(f"| {_escaped(found.head.model)} | " + " | ".join(cells) + " |")
    for found in changed:
        body = text(found).partition("\n\n")[2]
        lines += ["", f"<details><summary>{_escaped(found.head.model)}: {headline(found)}</summary>", "", "```"]
        lines += [body.rstrip("\n"), "```", "", "</details>"]
    return "\n".join(lines) + "\n"


def _escaped(name: str) -> str:
    """A name that stays in its cell and is not taken for markup."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("_", "&#95;")):
        name = name.replace(character, entity)
    return " ".join(name.split())


def _budget(found: Difference) -> str:
    """The bounds that the network exceeds now; a tick when there are some and it keeps to them."""
    if found.head.over is None:
        return ""
    return ", ".join(f"✗ {bound}" for bound in found.head.over) or "✓"


def _cell(found: Difference, measure: str) -> str:
    if measure not in found.measures:
        return "–"
    before, after = found.base.totals[measure], found.head.totals[measure]
    show = numbers.size if measure.endswith("bytes") else numbers.short
    if before == after:
        return show(after) or "0"
    old, new = show(before) or "0", show(after) or "0"
    return f"{old} → {new}{_percent(before, after)}" if old != new else f"{new} ({_signed(after - before, measure)})"
