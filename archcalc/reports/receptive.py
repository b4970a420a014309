"""Receptive fields for people and machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.layers.field import Field


def told(seen: Sequence[Field]) -> str:
    """`11×11, step 4, first at −2`: size, step and the place of the first field, once if all axes are equal.

    Along an axis with step 0 all outputs see the same.
    """
    return f"{sizes(seen)}, step {_joined([str(axis.step) for axis in seen])}, first at {_joined([_signed(axis.start) for axis in seen])}"


def sizes(seen: Sequence[Field]) -> str:
    """`11×11`, or `3 to 4×3 to 4` if sizes differ between outputs."""
    return "×".join(_size(axis) for axis in seen)


def _size(axis: Field) -> str:
    least = min(axis.sizes, default=0)
    return str(axis.size) if least == axis.size else f"{least} to {axis.size}"


def _joined(texts: list[str]) -> str:
    return texts[0] if len(set(texts)) == 1 else "×".join(texts)


def _signed(number: int) -> str:
    return f"−{-number}" if number < 0 else str(number)


def field_data(seen: Any) -> dict[str, Any]:
    """For machines: [size, step] of each axis, and where the first one starts.

    A step below 1 is a string such as "1/2"; so is a field without a window: everything, nothing, unknown.
    """
    if isinstance(seen, str) or not seen:
        return {"receptive_field": seen or None, "receptive_field_start": None}
    steps = [int(axis.step) if axis.step.denominator == 1 else str(axis.step) for axis in seen]
    return {
        "receptive_field": [[axis.size, step] for axis, step in zip(seen, steps)],
        "receptive_field_start": [axis.start for axis in seen],
    }
