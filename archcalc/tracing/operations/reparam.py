"""Weights that are computed from parameters, as layers of the language describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcalc.layers.reparam import SPECTRALNORM, STANDARDIZED, WEIGHTNORM
from archcalc.tracing.calls import CONSTANT, PARAMETER, Call, Value
from archcalc.tracing.graph import Key
from archcalc.tracing.operations.registry import OPERATIONS

_AT = "parametrizations.weight"
# Calls that give the same elements in the same order.
_SAME = frozenset(
    ("reshape", "reshape_as", "view", "view_as", "flatten", "contiguous", "clone", "detach", "squeeze", "unsqueeze")
)


class Reparametrization:
    """How a weight is computed: the keys that say so, and parameters and buffers by their names in the layer."""

    def __init__(self, keys: dict[str, Key], weights: dict[str, Value]) -> None:
        self.keys = keys
        self.weights = weights


def reparametrization(weight: Value, outputs_axis: int = 0) -> Reparametrization | None:
    """How a weight is computed; None if it is a parameter, or if the language has no key for it.

    `outputs_axis` is the axis of the outputs.
    """
    if weight.call is None or weight.of_data or not weight.of_parameters:
        return None
    found = _with_lengths(weight.call) or _by_its_factor(weight.call, outputs_axis) or _standardized(weight)
    if found is None or any(one.source == PARAMETER and not one.name for one in found.weights.values()):
        return None
    return found


def _with_lengths(call: Call) -> Reparametrization | None:
    """torch._weight_norm, which both generations of weight_norm call."""
    if call.name != "_weight_norm":
        return None
    of, lengths, axis = (*call.args, 0)[:3]
    last = len(of.shape) - 1
    if not _learned(of, lengths) or axis not in (0, last):
        return None
    keys = {"reparam": WEIGHTNORM} | ({"reparam_axis": axis} if axis else {})
    return Reparametrization(keys, {f"{_AT}.original0": lengths, f"{_AT}.original1": of})


def _by_its_factor(call: Call, outputs_axis: int) -> Reparametrization | None:
    """W / (u · W v), as both generations of spectral_norm compute it."""
    of, factor = _two(call, "div", "truediv")
    product = factor.call if factor is not None else None
    u, turned = _two(product, "dot", "vdot")
    matrix, v = _two(turned.call if turned is not None else None, "mv")
    if of is None or u is None or matrix is None or v is None or not _learned(of):
        return None
    u, v, matrix = _origin(u), _origin(v), _origin(matrix)
    if outputs_axis:
        turn = matrix.call
        if turn is None or turn.name != "permute":
            return None
        axes = turn.args[1] if isinstance(turn.args[1], list) else turn.args[1:]
        rest = [axis for axis in range(len(of.shape)) if axis != outputs_axis]
        if [*axes] != [outputs_axis, *rest]:
            return None
        matrix = _origin(turn.args[0])
    if matrix is not of or any(one.source != CONSTANT or not one.name for one in (u, v)):
        return None
    if u.shape != (of.shape[outputs_axis],):
        return None
    vectors = {f"{_AT}.0._u": u, f"{_AT}.0._v": v}
    return Reparametrization({"reparam": SPECTRALNORM}, {f"{_AT}.original": of, **vectors})


def _standardized(weight: Value) -> Reparametrization | None:
    """Mean 0 and variance 1 for each output: by a norm without statistics of its own, or by hand."""
    made = _origin(weight)
    if made.call is None or weight.shape[0] < 1:
        return None
    found = next((one for way in _WAYS if (one := way(made.call)) is not None), None)
    if found is None or found[0].shape != weight.shape or not _learned(found[0]):
        return None
    of, eps = found
    keys = {"reparam": STANDARDIZED} | ({} if eps == 1e-6 else {"reparam_eps": eps})
    return Reparametrization(keys, {f"{_AT}.original": of})


def _as_channels(call: Call) -> tuple[Value, float] | None:
    """As channels of one sample in training mode, where a norm uses the statistics of its input."""
    if call.name != "batch_norm":
        return None
    a = OPERATIONS["batch_norm"].arguments(call)
    of = _origin(a.input)
    plain = a.training and a.weight is None and a.bias is None and a.running_mean is None
    channels = a.input.shape[:2] == (1, of.shape[0])
    return (of, a.eps) if plain and channels else None


def _as_samples(call: Call) -> tuple[Value, float] | None:
    """As samples, with all axes but the first normalised."""
    if call.name != "layer_norm":
        return None
    a = OPERATIONS["layer_norm"].arguments(call)
    of = _origin(a.input)
    whole = a.input.shape[0] == of.shape[0] and len(a.normalized_shape) == len(a.input.shape) - 1
    return (of, a.eps) if whole and a.weight is None and a.bias is None else None


def _by_hand(call: Call) -> tuple[Value, float] | None:
    """(W - mean W) / sqrt(var W + eps)."""
    apart, deviation = _two(call, "div", "truediv")
    of, mean = _two(apart.call if apart is not None else None, "sub")
    root = deviation.call if deviation is not None else None
    if of is None or mean is None or root is None or root.name != "sqrt" or not isinstance(root.args[0], Value):
        return None
    total = root.args[0].call
    if total is None or total.name != "add" or len(total.args) != 2 or total.kwargs:
        return None
    variance, eps = total.args
    if not isinstance(variance, Value) or not isinstance(eps, float):
        return None
    right = _is_statistic(mean, of, "mean") and _is_statistic(variance, of, "var")
    return (of, eps) if right else None


_WAYS: tuple[Callable[[Call], tuple[Value, float] | None], ...] = (_as_channels, _as_samples, _by_hand)


def _is_statistic(value: Value, of: Value, name: str) -> bool:
    """Whether it is the mean or the variance of each output, and the variance over all of its numbers."""
    call = value.call
    if call is None or call.name not in (name, "var_mean") or call.args[0] is not of:
        return False
    if call.name == "var_mean" and value.index != (name == "mean"):
        return False
    given: dict[str, Any] = dict(zip(("dim", *(("keepdim",) if call.name == "mean" else ())), call.args[1:]))
    given |= call.kwargs
    axes = given.get("dim", given.get("axis"))
    all_but_first = list(range(1, len(of.shape)))
    if not isinstance(axes, list) or sorted(axis % len(of.shape) for axis in axes) != all_but_first:
        return False
    population = call.name == "mean" or given.get("correction", given.get("unbiased", 1)) in (0, False)
    return bool(given.get("keepdim", False)) and population


def _two(call: Call | None, *names: str) -> tuple[Value, Value] | tuple[None, None]:
    """The two tensors of a call of one of these names, if it has no other arguments."""
    if call is None or call.name not in names or len(call.args) != 2 or call.kwargs:
        return None, None
    first, second = call.args
    return (first, second) if isinstance(first, Value) and isinstance(second, Value) else (None, None)


def _origin(value: Value) -> Value:
    """The earliest value with the same elements in the same order."""
    while value.source != PARAMETER and value.call is not None and value.call.name in _SAME:
        before = value.call.args[0]
        if before.count() != value.count():
            break
        value = before
    return value


def _learned(*values: Value) -> bool:
    return all(isinstance(one, Value) and one.source == PARAMETER for one in values)
