"""Drawn keys go to a layer and to PyTorch's class under PyTorch's names: both compute the same."""

import inspect
import re

import pytest
from torch import nn

from archcalc.diagnostics import SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.tensor import Tensor
from tests.draw.choices import Choices
from tests.draw.items import Item
from tests.draw.layers import draw_keys, is_structure
from tests.outcome import TIMES

from .oracle import covers, graph
from .test_signatures import LAYERS, arguments, key_of, layer_of
from .values import difference

SHAPES = [(4,), (6, 5), (4, 6), (4, 6, 5), (2, 7, 7), (6, 4, 5, 4), (1, 8)]
# Classes that take what their layer takes: the others are a layer with some keys set, or made by one with more inputs.
OTHERS = {"pad", "attention", "rnn", "lstm", "gru", "rnncell", "lstmcell", "grucell", "identity", "fold", "maxunpool"}
OPS = sorted({layer_of(name).op for name in LAYERS} - OTHERS)
SEEDS = 40 * TIMES
# Of the networks drawn, how many are run: all show which keys are drawn.
RUN = 15 * TIMES


def made(op, node, shape):
    """PyTorch's module with the same arguments, those that were not given left to its own defaults."""
    axes = len(shape) - 1
    names = [name for name in LAYERS if layer_of(name).op == op and op == re.sub(r"[123]d$", "", name.lower())]
    names = [name for name in names if name[-2:] not in ("1d", "2d", "3d") or name[-2:] == f"{max(1, axes)}d"]
    (name,) = [name for name in names if name.lower() == op] or names
    inferred = {
        "in_channels": shape[0], "num_features": shape[0], "num_channels": shape[0], "in_features": shape[-1],
        "normalized_shape": shape[len(shape) - (len(node.layer.axes) if op == "layernorm" else 1) :],
    }  # fmt: skip
    keys, taken = {}, set()
    for argument in arguments(name):
        key = key_of(REGISTRY[op], argument)
        if key is None or key in taken:
            keys |= {argument: inferred[argument]} if argument in inferred else {}
            continue
        value, default = getattr(node.layer, key), REGISTRY[op].arguments[key].default
        if argument in inferred or (value == default and "PyTorch" not in REGISTRY[op].arguments[key].doc):
            continue
        taken.add(key)
        if op == "maxpool" and key == "indices":
            continue  # the places are a further output
        if key in ("axis", "start", "end") and value >= 0:
            value += 1  # PyTorch counts the batch
        if key == "output":
            value = value * axes if len(value) == 1 else value
            value = tuple(kept if size == -1 else size for kept, size in zip(shape[1:], value))  # None in PyTorch
        keys[argument] = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    return getattr(nn, name)(**keys)


def _is_ours_alone(op, keys):
    """Whether PyTorch's class cannot say it.

    An axis found by the layout, or given to a norm; a word of TensorFlow's; weights computed from others; a bias in part;
    a weight the other way.
    """
    axis = "axis" in REGISTRY[op].arguments and ("axis" in keys) == (op == "rmsnorm")
    in_part = keys.get("bias") not in (None, "true", "false", True, False)
    back = keys.get("transposed") in ("true", True)
    return axis or keys.get("padding") == "same_upper" or "reparam" in keys or in_part or back


@covers(*OPS)
@pytest.mark.parametrize("op", OPS)
def test_layers_compute_what_pytorchs_classes_compute(op):
    compared, drawn = 0, set()
    for seed in range(SEEDS):
        choices = Choices(seed) / op
        layout = "features-last" if op == "rmsnorm" else None  # as PyTorch's
        shape = choices.pick("shape", SHAPES)
        keys = draw_keys(op, Tensor(shape, None, None), choices)
        try:
            network = None if keys is None else graph(str(Item(op, keys, mapping=False)), shape, layout=layout)
        except SpecError:
            continue
        drawn |= set(keys or ())
        if network is None or compared == RUN or _is_ours_alone(op, keys):
            continue
        (node,) = network.nodes
        found = difference(network, lambda node=node, shape=shape: made(op, node, shape))
        assert not found, f"{Item(op, keys, mapping=False)} on {shape}: {found}"
        compared += 1
    assert compared >= min(RUN, SEEDS // 8)
    keys = {name for name, argument in REGISTRY[op].arguments.items() if not is_structure(argument)}
    assert drawn == keys, keys - drawn


def test_a_default_of_another_value_is_seen(monkeypatch):
    real = inspect.signature(nn.AvgPool2d).parameters["count_include_pad"].default
    assert real is True
    monkeypatch.setattr(REGISTRY["avgpool"].arguments["count_include_pad"], "default", False)
    monkeypatch.setitem(REGISTRY["avgpool"].defaults, "count_include_pad", False)
    with pytest.raises(AssertionError, match="output avgpool"):
        test_layers_compute_what_pytorchs_classes_compute("avgpool")
