"""The moments of a run, resampled to the width of a drawing."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.memory.footprint import Sample


def resample(samples: Sequence[Sample], width: int) -> list[Sample]:
    """`width` samples over the same time, each the maximum of those it represents, within one phase.

    Phases of few moments, such as the loss, get room for their name if there is enough.
    """
    phases: dict[str, list[Sample]] = {}
    for sample in samples:
        phases.setdefault(sample.phase, []).append(sample)
    least = {name: len(name) + 1 for name in phases}
    if sum(least.values()) > width:
        least = {name: max(1, width // (2 * len(phases))) for name in phases}
    spare = max(0, width - sum(least.values()))
    columns = []
    given = counted = 0
    for name, moments in phases.items():
        counted += len(moments)
        share = spare * counted // len(samples) - given
        given += share
        count = least[name] + share
        for index in range(count):
            first = index * len(moments) // count
            last = max(first + 1, (index + 1) * len(moments) // count)
            columns.append(max(moments[first:last], key=lambda sample: sample.total))
    return columns
