"""What was measured as a table for a README."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.profile.report import Profile
from archcalc.reports.profile.rows import COLUMNS, sums
from archcalc.reports.profile.rows import cells as cells_of
from archcalc.reports.profile.words import facts, memory, relation, time

_SHOWN = ("layer", "time", "predicted", "share", "FLOP/s", "bytes/s", "FLOPs", "params")


def render(profile: Profile) -> str:
    """The total, a row for each layer, and how both relate."""
    total = profile.total
    shown = [index for index, one in enumerate(COLUMNS) if one.header in _SHOWN]
    titles = [COLUMNS[index].header for index in shown]
    lines = [
        f"{escape(profile.graph.model)} on {profile.device}, {facts(profile)}: "
        f"{numbers.seconds(total.median)} ± {numbers.seconds(total.spread)}, {', '.join([*time(profile), *memory(profile)])}",
        "",
        f"| {' | '.join(titles)} |",
        f"| --- |{' ---: |' * (len(titles) - 1)}",
    ]
    for cells, _ in [*(cells_of(layer, profile) for layer in profile.layers), sums(profile)]:
        lines.append(f"| {' | '.join(cells[index] for index in shown)} |".replace("_", "\\_"))
    return "\n".join([*lines, "", relation(profile)]) + "\n"
