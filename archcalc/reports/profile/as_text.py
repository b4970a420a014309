"""What was measured, for people."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group
from archcalc.reports.columns import Columns
from archcalc.reports.paragraphs import Line, Parts, Wrapped
from archcalc.reports.profile.report import Profile
from archcalc.reports.profile.rows import COLUMNS, cells, rate, sums
from archcalc.reports.profile.words import busy, facts, memory, phases, phases_apart, relation, time, worked


def render(profile: Profile) -> Block:
    """The table for people, slow layers visible at a glance."""
    total = profile.total
    runs = f"median of {len(total.seconds)} after {profile.warmup} to warm up"
    spread = f"{numbers.seconds(total.median)} ± {numbers.seconds(total.spread)} ({runs})"
    headline = [spread, *worked(profile), *_rates(profile)]
    parts: list[Block] = [Line(f"{profile.graph.model} on {profile.device}", facts(profile))]
    parts += [Parts(headline, BOLD), *(Wrapped(note, DIM) for note in busy(profile))]
    parts += [Parts(said) for said in (time(profile), memory(profile)) if said]
    parts.append("")
    if profile.phases:
        parts.append(Parts(phases(profile)))
        parts += [*(Wrapped(note, DIM) for note in phases_apart(profile)), ""]
    if profile.layer_seconds:
        rows = [*(cells(layer, profile) for layer in profile.layers), sums(profile)]
        parts += [Columns(COLUMNS, rows), Gap()]
    return Group(*parts, Wrapped(relation(profile), DIM))


def _rates(profile: Profile) -> list[str]:
    """Samples, tokens and FLOPs per second."""
    rates = [f"{_figure(profile.samples_per_second)} samples/s"]
    tokens = sum(x.elements for x in profile.graph.inputs.values() if x.integer)
    if tokens:
        rates.append(f"{_figure(profile.samples_per_second * tokens)} tokens/s")
    flops = sum(layer.flops for layer in profile.layers)
    if profile.total.median and flops:
        rates.append(rate(flops / profile.total.median, "FLOP/s"))
    return rates


def _figure(value: float) -> str:
    return numbers.short(round(value)) if value >= 100 else f"{value:.3g}"
