"""What `archcalc profile` measured: a table, JSON, CSV, markdown, or a trace for a viewer."""

from __future__ import annotations

import json
from typing import Any

import torch

from archcalc.pytorch.layer_times import LayerTime
from archcalc.pytorch.profile import Profile
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.sheet import sheet
from archcalc.reports.text import Line, Parts, Wrapped

_COLUMNS = (
    Column("layer", right=False),
    Column("time"),
    Column("forward", rank=5),
    Column("backward", rank=5),
    Column("share", rank=1),
    Column("", right=False, rank=2),
    Column("FLOP/s", rank=3),
    Column("bytes/s", rank=4),
    Column("copies", rank=6),
    Column("FLOPs", rank=7),
    Column("bytes moved", rank=8),
    Column("params", rank=9),
    Column("activations", rank=10),
)
_BAR = 20
_LIMIT = 0.10
# The prediction of the peak is right within this part.
_SURE = 0.03


def text(profile: Profile, rule: bool) -> Block:
    """The table for people, slow layers visible at a glance."""
    total = profile.total
    runs = f"median of {len(total.seconds)} after {profile.warmup} to warm up"
    headline = [f"{numbers.seconds(total.median)} ± {numbers.seconds(total.spread)} ({runs})", *_rates(profile)]
    parts: list[Block] = [Line(f"{profile.graph.model} on {profile.device}", _facts(profile))]
    parts += [Parts(headline), Parts(memory(profile)), ""]
    if profile.phases:
        parts.append(Parts([f"{name} {numbers.seconds(times.median)}" for name, times in profile.phases.items()]))
        parts += [*(Wrapped(note, DIM) for note in phases_apart(profile)), ""]
    if profile.layer_seconds:
        rows = [*(_row(layer, profile) for layer in profile.layers), _sums(profile)]
        parts += [Columns(_COLUMNS, rows, rule), *([] if rule else [""])]
    return Group(*parts, Wrapped(relation(profile), DIM))


def _facts(profile: Profile) -> str:
    setup = profile.setup
    threads = f"{profile.threads} {'thread' if profile.threads == 1 else 'threads'}" if profile.threads else ""
    chosen = [
        f"training step with {setup.optimizer}" if setup.train else "forward",
        f"batch {profile.graph.batch}", threads, setup.dtype, "compiled" if setup.compiled else "",
        "channels last" if setup.channels_last else "", f"torch {torch.__version__}",
    ]  # fmt: skip
    return ", ".join(filter(None, chosen))


def _rates(profile: Profile) -> list[str]:
    """Samples, tokens and FLOPs in a second."""
    rates = [f"{_figure(profile.samples_per_second)} samples/s"]
    tokens = sum(x.elements for x in profile.graph.inputs.values() if x.integer)
    if tokens:
        rates.append(f"{_figure(profile.samples_per_second * tokens)} tokens/s")
    flops = sum(layer.flops for layer in profile.layers)
    if profile.total.median and flops:
        rates.append(_rate(flops / profile.total.median, "FLOP/s"))
    return rates


def _figure(value: float) -> str:
    return numbers.short(round(value)) if value >= 100 else f"{value:.3g}"


def memory(profile: Profile) -> list[str]:
    """The peak beside what `archcalc memory` predicts, and how far that is from what was measured where it is too far."""
    predicted = f"{numbers.size(profile.predicted)} predicted"
    if profile.peak is None:
        return [f"peak: this device keeps no count, {predicted}"]
    found = [f"peak {numbers.size(profile.peak)}, {predicted}"]
    apart = profile.predicted / profile.peak - 1 if profile.peak else 0.0
    if abs(apart) > _SURE:
        found.append(f"warning: the prediction is {abs(100 * apart):.1f} % too {'low' if apart < 0 else 'high'}")
    return found


def _row(layer: LayerTime, profile: Profile) -> tuple[list[str], Style | None]:
    share = layer.seconds / (profile.layer_seconds or 1.0)
    low, high = layer.range
    copies = (
        f"×{len(layer.forward)}: {numbers.seconds(low)} to {numbers.seconds(high)}" if len(layer.forward) > 1 else ""
    )
    name = layer.row.node.name if layer.row.node is not None else None
    label = (
        layer.row.label + (f"  ×{layer.row.count:,}" if layer.row.count > 1 else "") + (f"  ({name})" if name else "")
    )
    cost = layer.row.cost
    times = (layer.seconds, layer.forward_seconds, layer.backward_seconds)
    static = (layer.flops, layer.bytes, cost.params, profile.activations(cost.activation_bytes))
    return _cells(label, times, f"{100 * share:.1f} %", "█" * round(share * _BAR), copies, static, profile), None


def _sums(profile: Profile) -> tuple[list[str], Style | None]:
    """The last row: all layers together."""
    layers, cost = profile.layers, profile.costs.totals
    times = (
        profile.layer_seconds,
        sum(layer.forward_seconds for layer in layers),
        sum(layer.backward_seconds for layer in layers),
    )
    static = (
        sum(layer.flops for layer in layers), sum(layer.bytes for layer in layers), cost.params,
        profile.activations(cost.activation_bytes),
    )  # fmt: skip
    return _cells("all layers", times, "100.0 %", "", "", static, profile), BOLD


def _cells(
    label: str, times: tuple[float, float, float], share: str, bar: str, copies: str, static: tuple[int, ...], profile: Profile
) -> list[str]:  # fmt: skip
    seconds, forward, backward = times
    flops, moved, params, activations = static
    train = profile.setup.train
    return [
        label,
        numbers.seconds(seconds),
        numbers.seconds(forward) if train else "",
        numbers.seconds(backward) if train and backward else "",
        share,
        bar,
        _rate(flops / seconds, "") if flops and seconds else "",
        _rate(moved / seconds, "B") if seconds else "",
        copies,
        numbers.column(flops),
        numbers.size(moved),
        numbers.exact(params) if params else "",
        numbers.size(activations),
    ]


def _rate(value: float, unit: str) -> str:
    return numbers.with_unit(round(value), unit).rstrip() if value >= 10_000 else f"{value:.0f} {unit}".rstrip()


def phases_apart(profile: Profile) -> list[str]:
    """Why the phases do not add up to the step, where they do not: each is the median of its own runs."""
    phases, whole = sum(times.median for times in profile.phases.values()), profile.total.median
    if not whole or abs(phases / whole - 1) <= _LIMIT:
        return []
    return [
        f"the medians of the phases sum to {numbers.seconds(phases)}: most runs were held up, each in another phase, "
        "so the machine was not quiet"
    ]


def relation(profile: Profile) -> str:
    """How the sum of the layers relates to the total that was timed without marks."""
    timed = [profile.phases[name].median for name in ("forward", "backward")] if profile.phases else []
    whole, layers = sum(timed) or profile.total.median, profile.layer_seconds
    if not layers:
        return "no layer was timed: it was interrupted"
    apart = layers / whole - 1
    what = "the untouched forward and backward passes" if timed else "the untouched total"
    sentence = (
        f"layers sum to {numbers.seconds(layers)}, {abs(100 * apart):.1f} % {'above' if apart >= 0 else 'below'} {what}"
    )
    if abs(apart) <= _LIMIT:
        return sentence
    if profile.setup.compiled:
        return f"{sentence}: the total is compiled, single layers are not"
    if apart > 0:
        return f"{sentence}: marking each layer keeps work from overlapping, or the machine was not quiet"
    return f"{sentence}: some work lies outside of layers, or the machine was not quiet"


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
        "predicted_peak_bytes": profile.predicted,
        "interrupted": profile.interrupted,
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
                "activation_bytes": profile.activations(layer.row.cost.activation_bytes),
                "bytes_moved": layer.bytes,
            }
            for layer in profile.layers
        ],
    }


def csv(profile: Profile) -> str:
    """One line for each layer."""
    layers = data(profile)["layers"]
    return sheet(layers[0].keys() if layers else ["id"], [layer.values() for layer in layers])


def markdown(profile: Profile) -> str:
    """A table for a README."""
    total = profile.total
    titles = ["layer", "time", "share", "FLOP/s", "bytes/s", "FLOPs", "params"]
    shown = [0, 1, 4, 6, 7, 9, 11]
    lines = [
        f"{escape(profile.graph.model)} on {profile.device}, {_facts(profile)}: "
        f"{numbers.seconds(total.median)} ± {numbers.seconds(total.spread)}, {', '.join(memory(profile))}",
        "",
        f"| {' | '.join(titles)} |",
        f"| --- |{' ---: |' * (len(titles) - 1)}",
    ]
    for cells, _ in [*(_row(layer, profile) for layer in profile.layers), _sums(profile)]:
        lines.append(f"| {' | '.join(cells[index] for index in shown)} |".replace("_", "\\_"))
    return "\n".join([*lines, "", relation(profile)]) + "\n"


def chrome_trace(profile: Profile) -> str:
    """The layers one after the other, for chrome://tracing or Perfetto."""
    events, at = [], 0.0
    for layer in profile.layers:
        duration = layer.seconds * 1e6
        args = {"flops": layer.flops, "params": layer.row.cost.params, "copies": layer.row.count}
        events.append({"name": layer.row.id, "ph": "X", "ts": at, "dur": duration, "pid": 1, "tid": 1, "args": args})
        at += duration
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}) + "\n"
