"""What `archcalc profile` measured: a table, JSON, CSV, markdown, or a trace for a viewer."""

from __future__ import annotations

import csv as csv_module
import io
import json
from typing import Any

import torch
from rich.console import Group, RenderableType
from rich.style import Style

from archcalc.pytorch.layer_times import LayerTime
from archcalc.pytorch.profile import Profile
from archcalc.reports import numbers
from archcalc.reports.columns import DIM, Column, Columns
from archcalc.reports.text import Line, Parts

_COLUMNS = (
    Column("layer", right=False),
    Column("time"),
    Column("forward", rank=4),
    Column("backward", rank=4),
    Column("share", rank=3),
    Column("", right=False, rank=4),
    Column("FLOP/s", rank=1),
    Column("bytes/s", rank=2),
    Column("params", rank=6),
    Column("FLOPs", rank=5),
    Column("bytes moved", rank=7),
    Column("copies", rank=8),
)
_BAR = 20
_LIMIT = 0.10
# By how much the predicted peak may be off before that is worth a warning.
_MEMORY_LIMIT = 0.03


def text(profile: Profile, rule: bool) -> RenderableType:
    """The table for people, slow layers visible at a glance."""
    setup, total = profile.setup, profile.total
    threads = f"{profile.threads} threads, " if profile.threads else ""
    mode = f"training step with {setup.optimizer}" if setup.train else "forward"
    facts = f"{mode}, batch {profile.graph.batch}, {threads}{setup.dtype}, torch {torch.__version__}"
    headline = [
        f"{numbers.seconds(total.median)} ± {numbers.seconds(total.spread)} (median of {len(total.seconds)} after {profile.warmup} to warm up)",
        f"{numbers.short(round(profile.samples_per_second))} samples/s",
        *_tokens(profile),
    ]
    if profile.peak is not None:
        headline.append(_peak(profile.peak, profile.predicted_peak))
    flops = profile.costs.totals.flops
    if total.median and flops and not setup.train:
        headline.append(f"{_rate(flops / total.median, 'FLOP/s')}")
    table = Columns(_COLUMNS, [_row(layer, profile) for layer in profile.layers], rule)
    parts: list[RenderableType] = [Line(f"{profile.graph.model} on {profile.device}", facts), Parts(headline), ""]
    if profile.phases:
        parts.append(Parts([f"{name} {numbers.seconds(times.median)}" for name, times in profile.phases.items()]))
        parts.append("")
    return Group(*parts, table, *([] if rule else [""]), Parts([relation(profile)], DIM))


def _peak(measured: int, predicted: int | None) -> str:
    return f"peak {numbers.size(measured)}" + (f" (predicted {numbers.size(predicted)})" if predicted else "")


def memory_warning(profile: Profile) -> str | None:
    """What to say when prediction and measurement of memory do not agree."""
    if not profile.peak or not profile.predicted_peak:
        return None
    apart = profile.predicted_peak / profile.peak - 1
    if abs(apart) <= _MEMORY_LIMIT:
        return None
    return (
        f"the predicted peak of {numbers.exact(profile.predicted_peak)} bytes is {abs(100 * apart):.1f} % "
        f"{'above' if apart > 0 else 'below'} the measured {numbers.exact(profile.peak)}"
    )


def _tokens(profile: Profile) -> list[str]:
    tokens = sum(x.elements for x in profile.graph.inputs.values() if x.integer)
    return [f"{numbers.short(round(profile.samples_per_second * tokens))} tokens/s"] if tokens else []


def _row(layer: LayerTime, profile: Profile) -> tuple[list[str], Style | None]:
    whole = profile.layer_seconds or 1.0
    share, flops, train = layer.seconds / whole, layer.flops, profile.setup.train
    low, high = layer.range
    copies = (
        f"×{len(layer.forward)}: {numbers.seconds(low)} to {numbers.seconds(high)}" if len(layer.forward) > 1 else ""
    )
    name = layer.row.node.name if layer.row.node is not None else None
    return [
        layer.row.label + (f"  ×{layer.row.count:,}" if layer.row.count > 1 else "") + (f"  ({name})" if name else ""),
        numbers.seconds(layer.seconds),
        numbers.seconds(layer.forward_seconds) if train else "",
        numbers.seconds(layer.backward_seconds) if train and layer.backward_seconds else "",
        f"{100 * share:.1f} %",
        "█" * round(share * _BAR),
        _rate(flops / layer.seconds, "") if flops and layer.seconds else "",
        _rate(layer.bytes / layer.seconds, "B") if layer.seconds else "",
        numbers.exact(layer.row.cost.params) if layer.row.cost.params else "",
        numbers.column(flops),
        numbers.size(layer.bytes),
        copies,
    ], None


def _rate(value: float, unit: str) -> str:
    return numbers.with_unit(round(value), unit).rstrip() if value >= 10_000 else f"{value:.0f} {unit}".rstrip()


def relation(profile: Profile) -> str:
    """How the sum of the layers relates to the total that was timed without marks."""
    timed = [profile.phases[name].median for name in ("forward", "backward")] if profile.phases else []
    whole = sum(timed) or profile.total.median
    layers = profile.layer_seconds
    if not whole:
        return "nothing was timed"
    apart = layers / whole - 1
    what = "the untouched forward and backward passes" if timed else "the untouched total"
    sentence = (
        f"layers sum to {numbers.seconds(layers)}, {abs(100 * apart):.1f} % {'above' if apart >= 0 else 'below'} {what}"
    )
    if abs(apart) > _LIMIT:
        sentence += ": marking each layer keeps work from overlapping, or the machine was not quiet"
    return sentence


def data(profile: Profile) -> dict[str, Any]:
    """Everything measured, in seconds, and what was predicted beside it."""
    return {
        "version": 1,
        "model": profile.graph.model,
        "batch": profile.graph.batch,
        "device": profile.device,
        "threads": profile.threads,
        "dtype": profile.setup.dtype,
        "mode": "train" if profile.setup.train else "forward",
        "seconds": profile.total.median,
        "spread_seconds": profile.total.spread,
        "runs": profile.total.seconds,
        "warmup_runs": profile.warmup,
        "samples_per_second": profile.samples_per_second,
        "peak_bytes": profile.peak,
        "predicted_peak_bytes": profile.predicted_peak,
        "phases": {name: {"seconds": times.median, "runs": times.seconds} for name, times in profile.phases.items()},
        "layers_seconds": profile.layer_seconds,
        "flops": profile.costs.totals.flops,
        "layers": [
            {
                "id": layer.row.id,
                "label": layer.row.label,
                "count": layer.row.count,
                "seconds": layer.seconds,
                "forward_seconds": layer.forward_seconds,
                "backward_seconds": layer.backward_seconds,
                "fastest_copy_seconds": layer.range[0],
                "slowest_copy_seconds": layer.range[1],
                "params": layer.row.cost.params,
                "flops": layer.flops,
                "other_flops": layer.row.cost.other_flops,
                "activation_bytes": layer.row.cost.activation_bytes,
                "bytes_moved": layer.bytes,
            }
            for layer in profile.layers
        ],
    }


def csv(profile: Profile) -> str:
    """One line for each layer."""
    layers = data(profile)["layers"]
    file = io.StringIO()
    writer = csv_module.DictWriter(file, layers[0].keys() if layers else ["id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(layers)
    return file.getvalue()


def markdown(profile: Profile) -> str:
    """A table for a README."""
    total = profile.total
    lines = [
        f"{profile.graph.model} on {profile.device}, batch {profile.graph.batch}, {profile.setup.dtype}: "
        f"{numbers.seconds(total.median)} ± {numbers.seconds(total.spread)}"
        + (f", {_peak(profile.peak, profile.predicted_peak)}" if profile.peak else ""),
        "",
        "| layer | time | share | FLOP/s |",
        "| --- | ---: | ---: | ---: |",
    ]
    for layer in profile.layers:
        cells = _row(layer, profile)[0]
        lines.append(f"| {cells[0].replace('_', chr(92) + '_')} | {cells[1]} | {cells[4]} | {cells[6]} |")
    return "\n".join(lines) + "\n"


def chrome_trace(profile: Profile) -> str:
    """The layers one after the other, for chrome://tracing or Perfetto."""
    events, at = [], 0.0
    for layer in profile.layers:
        duration = layer.seconds * 1e6
        args = {"flops": layer.flops, "params": layer.row.cost.params, "copies": layer.row.count}
        events.append({"name": layer.row.id, "ph": "X", "ts": at, "dur": duration, "pid": 1, "tid": 1, "args": args})
        at += duration
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}) + "\n"
