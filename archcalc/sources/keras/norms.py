"""Keras norms and per-channel scales, and the transposes that they need."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.keras.layer import Layer
from archcalc.sources.writing import Item

# The items for a layer with `rank` axes, and the rank of its output. `mark` names its weights, or ties them.
Made = tuple[list[Item], int]
Maker = Callable[[Layer, int, str], Made]
LAST = {3: ("rearrange 'c h w -> h w c'", "rearrange 'h w c -> c h w'"),
         4: ("rearrange 'c d h w -> d h w c'", "rearrange 'd h w c -> c d h w'")}  # fmt: skip


def over_features(layer: Layer, rank: int, items: list[Item]) -> list[Item]:
    """Items that need features last, applied to a channels-first tensor."""
    if rank < 3:
        return items
    if rank not in LAST:
        layer.refuse(f"`{layer.kind}` of a tensor with {rank} axes is not supported")
    there, back = LAST[rank]
    return [there, *items, back]


def around(rank: int, items: list[Item]) -> list[Item]:
    """Items that need channels first, applied to a tensor with steps and features."""
    return ["transpose", *items, "transpose"] if rank == 2 else items


def _batchnorm(layer: Layer, rank: int, mark: str) -> Made:
    axis = layer.get("axis")
    if axis not in (None, -1, rank, [-1], [rank]):
        layer.wrong("axis", "only the last axis is supported")
    eps, momentum = layer.number("epsilon", 1e-3), layer.number("momentum", 0.99)
    shift, factor = layer.flag("center", True), layer.flag("scale", True)
    words = f"batchnorm eps={eps:g} momentum={round(1 - momentum, 9):g}"
    words += "" if factor else " affine=false"
    words += "" if shift or not factor else " bias=false"
    lines: list[Item] = [f"{words}{mark}{layer.frozen_mark if factor else ''}"]
    if shift and not factor:
        if mark:
            layer.refuse(f"`{layer.kind}` {layer.name!r} is called several times, which is not supported yet")
        lines.append({"add": ["prev", [f"parameter (cin){'x1' * max(rank - 1, 1)}{layer.frozen_mark}"]]})
    if rank == 1:
        return ["reshape -1x1", *lines, "flatten"], rank
    return around(rank, lines), rank


def _layernorm(layer: Layer, rank: int, mark: str) -> Made:
    axis = layer.get("axis")
    if axis not in (None, -1, rank, [-1], [rank]):
        layer.wrong("axis", "only the last axis is supported")
    eps, words = layer.number("epsilon", 1e-3), "layernorm"
    layer.only("rms_scaling", False)
    shift, factor = layer.flag("center", True), layer.flag("scale", True)
    if not factor and shift:
        layer.wrong("scale", "a shift without a scale is not supported yet")
    words += "" if eps == 1e-5 else f" eps={eps:g}"
    words += "" if factor else " affine=false"
    words += "" if shift or not factor else " bias=false"
    return over_features(layer, rank, [f"{words}{mark}{layer.frozen_mark}"]), rank


def _rmsnorm(layer: Layer, rank: int, mark: str) -> Made:
    layer.only("axis", -1, rank)
    words = f"rmsnorm eps={layer.number('epsilon', 1e-6):g}".replace(" eps=1e-06", "")
    return over_features(layer, rank, [f"{words}{mark}{layer.frozen_mark}"]), rank


def _groupnorm(layer: Layer, rank: int, mark: str) -> Made:
    layer.only("axis", -1, rank)
    groups, words = layer.whole("groups", 32, least=-1), f" eps={layer.number('epsilon', 1e-3):g}"
    if not (layer.flag("center", True) and layer.flag("scale", True)):
        layer.wrong("scale", "only a norm with scale and shift is supported")
    count = "cin" if groups == -1 else str(groups)
    return around(rank, [f"groupnorm {count}{words}{mark}{layer.frozen_mark}"]), rank


def _normalization(layer: Layer, rank: int, mark: str) -> Made:
    layer.only("axis", -1, [-1], rank, [rank])
    layer.only("invert", False)
    mean, variance = layer.get("mean"), layer.get("variance")
    if mean is not None or variance is not None:  # constants in the file, not weights
        shift, spread = numbers(layer, "mean"), [one**0.5 for one in numbers(layer, "variance")]
        return [by_channel("sub", shift, rank), by_channel("div", spread, rank)], rank
    line: list[Item] = ["batchnorm affine=false eps=1e-7"]
    return (["reshape -1x1", *line, "flatten"] if rank == 1 else around(rank, line)), rank


def numbers(layer: Layer, key: str) -> list[float]:
    """A number per channel, from lists of any depth."""
    value = layer.get(key)
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    values = value if isinstance(value, list) else [value]
    found = [
        float(one) for one in values if isinstance(one, (int, float)) and not isinstance(one, bool) and abs(one) < 1e30
    ]
    if not found or len(found) != len(values) or len(found) > 4096 or (key == "variance" and min(found) < 0):
        layer.wrong(key, "must be a number for each channel")
    return found


def by_channel(op: str, values: list[float], rank: int) -> Item:
    """`op` with a number per channel."""
    text = f"constant: {{values: [{', '.join(f'{one:.9g}' for one in values)}]}}"
    shape = f"{len(values)}{'x1' * (rank - 1)}" if rank >= 3 else str(len(values))
    return {op: ["prev", [text, f"reshape {shape}"]]}


def _scaled(layer: Layer, rank: int, mark: str) -> Made:
    """The layer scale of ConvNeXt in keras.applications."""
    layer.whole("projection_dim")
    return [f"layerscale init={layer.number('init_values', 1e-6):g}{mark}{layer.frozen_mark}"], rank


def _left_out(layer: Layer, rank: int, mark: str) -> Made:
    """Stochastic depth in keras.applications."""
    share = layer.number("drop_path_rate", 0.0)
    return [f"droppath {share:g}" if share else "identity"], rank


# Classes of `keras.applications` that models store as custom classes.
APPLICATIONS: dict[str, Maker] = {"LayerScale": _scaled, "StochasticDepth": _left_out}

NORMS: dict[str, Maker] = {
    "BatchNormalization": _batchnorm,
    "LayerNormalization": _layernorm,
    "RMSNormalization": _rmsnorm,
    "GroupNormalization": _groupnorm,
    "Normalization": _normalization,
}
