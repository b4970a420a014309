"""The elements between which a resized tensor reads its values, by PyTorch's rules."""

from __future__ import annotations

from archcalc.layers.field import Field, made, windows

# A scale whose pattern repeats only after more outputs than this has no short rule.
LONGEST = 1024


def neighbours(mode: str, corners: bool, before: int, after: int, scale: float | None) -> Field | None:
    """What outputs see along an axis resized from `before` to `after` elements.

    Args:
        mode: as in torch.nn.functional.interpolate.
        corners: whether the first and last elements stay at the corners.
        scale: the factor, if positions are computed from it instead of from the sizes.

    Output o lies at input position (o + ½)·inputs/outputs − ½; `nearest` takes the element at o·inputs/outputs, and with
    `corners` output o lies at o·(before − 1)/(after − 1).
    """
    inputs, outputs = (before, after) if scale is None else _ratio(scale)
    if corners and mode not in ("nearest", "nearest-exact"):
        if after == 1 or before == 1:
            return windows(1)
        inputs, outputs = before - 1, after - 1
    if outputs > LONGEST:
        return None

    def seen(output: int) -> tuple[int, int]:
        if mode == "nearest":
            return (output * inputs // outputs,) * 2
        if mode == "nearest-exact":
            return ((2 * output + 1) * inputs // (2 * outputs),) * 2
        place = 2 * output * inputs if corners else (2 * output + 1) * inputs - outputs
        below, rest = divmod(place, 2 * outputs)
        if not rest:
            return below, below
        return (below - 1, below + 2) if mode == "bicubic" else (below, below + 1)

    return made(outputs, inputs, seen)


def _ratio(scale: float) -> tuple[int, int]:
    """Inputs and outputs of a factor."""
    outputs, inputs = scale.as_integer_ratio()
    return inputs, outputs
