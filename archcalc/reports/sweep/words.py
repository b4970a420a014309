"""What the reports of a sweep share: headers, values for people, and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.reports import numbers
from archcalc.reports.running import lines
from archcalc.sweep.measures import BYTES, SECONDS, Measure
from archcalc.sweep.results import Results, Side

_HEADERS = {"params": "params", "macs": "MACs", "flops": "FLOPs", "other_flops": "element-wise"}
# At most this many places of refusals are listed; machines get all.
_PLACES = 5


def header(measure: Measure) -> str:
    """The header of its column."""
    return _HEADERS.get(measure.name, measure.name.replace("_", " "))


def shown(value: float, unit: str) -> str:
    """A value with about four digits and its unit."""
    if unit == SECONDS:
        return numbers.seconds(value)
    if unit == BYTES:
        return numbers.size(int(value)) or "0 B"
    return numbers.short(int(value)) if value == int(value) else f"{value:g}"


def conditions(results: Results) -> list[str]:
    """How the networks are run, as far as this is the same for all and affects what is shown: one line for each mode,
    and one for the defaults.
    """
    if all(measure.unit == "count" for measure in results.measures):
        return [f"batch {results.batches[0]}"] if len(results.batches) == 1 else []
    return list(lines(run.assuming(assumed) for run, assumed in results.how))


def title(results: Results) -> str:
    """The model, or how many there are."""
    models = len(results.models)
    return results.models[0] if models == 1 else f"{models} models" if models else "nothing to compute"


def count(results: Results) -> str:
    """`24 configurations, 3 of them not possible`."""
    total, refused = len(results.outcomes), len(results.refused)
    text = f"{total:,} configuration{'s' if total != 1 else ''}"
    return text + (f", {refused:,} of them not possible" if refused else "")


def front(sides: tuple[Side, Side]) -> str:
    """What it means to be on the Pareto front."""
    x, y = (f"{'low' if side.less else 'high'} {side.name}" for side in sides)
    turned = ",".join(f"{'+' if side.less else '-'}{side.name}" for side in sides)
    return f"● Pareto front for {x} and {y}: no other is as good in both and better in one; --plot {turned} for the opposite"


def refusals(results: Results) -> Iterator[str]:
    """Why there is no network at some points: a sentence for each place in a spec, the first few."""
    places: dict[str, list[int]] = {}
    for index, one in enumerate(results.outcomes):
        if not one.is_valid:
            places.setdefault(one.place or one.reason, []).append(index)
    for found in list(places.values())[:_PLACES]:
        first = results.outcomes[found[0]]
        more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
        place = f", at {first.place}" if first.place and not first.place.startswith("--set") else ""
        label = results.label(first)
        why = f"{first.reason}{place}{f': {first.help}' if first.help else ''}"
        yield f"not possible: {label}{more}: {why}" if label else f"not possible: {why}"
    if len(places) > _PLACES:
        yield f"not possible: {len(places) - _PLACES} more reasons; --format csv has them all"
