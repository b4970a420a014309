"""The rows of what was measured, for people: a layer each, and all of them together."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, Style
from archcalc.reports.columns import Column
from archcalc.reports.profile.report import LayerTime, Profile

COLUMNS = (
    Column("layer", right=False),
    Column("time"),
    Column("predicted", rank=1),
    Column("forward", rank=6),
    Column("backward", rank=6),
    Column("share", rank=2),
    Column("", right=False, rank=3),
    Column("FLOP/s", rank=4),
    Column("bytes/s", rank=5),
    Column("copies", rank=7),
    Column("FLOPs", rank=8),
    Column("bytes moved", rank=9),
    Column("params", rank=10),
    Column("activations", rank=11),
)
_BAR = 20


def cells(layer: LayerTime, profile: Profile) -> tuple[list[str], Style | None]:
    """A layer with all its copies."""
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
    predicted = profile.predicted_seconds(layer)
    return _texts(
        label, times, predicted, f"{100 * share:.1f} %", "█" * round(share * _BAR), copies, static, profile
    ), None


def sums(profile: Profile) -> tuple[list[str], Style | None]:
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
    known = [profile.predicted_seconds(layer) for layer in layers]
    predicted = sum(one for one in known if one is not None) if any(one is not None for one in known) else None
    return _texts("all layers", times, predicted, "100.0 %", "", "", static, profile), BOLD


def _texts(
    label: str, times: tuple[float, float, float], predicted: float | None, share: str, bar: str, copies: str,
    static: tuple[int, ...], profile: Profile,
) -> list[str]:  # fmt: skip
    seconds, forward, backward = times
    flops, moved, params, activations = static
    train = profile.running.trains
    return [
        label,
        numbers.seconds(seconds),
        "" if predicted is None else numbers.seconds(predicted),
        numbers.seconds(forward) if train else "",
        numbers.seconds(backward) if train and backward else "",
        share,
        bar,
        rate(flops / seconds, "") if flops and seconds else "",
        rate(moved / seconds, "B") if seconds else "",
        copies,
        numbers.column(flops),
        numbers.size(moved),
        numbers.exact(params) if params else "",
        numbers.size(activations),
    ]


def rate(value: float, unit: str) -> str:
    """How much goes through in a second."""
    return numbers.with_unit(round(value), unit).rstrip() if value >= 10_000 else f"{value:.0f} {unit}".rstrip()
