"""ONNX files whose sizes are not those of their data."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

from onnx import helper  # noqa: E402

from archcalc.diagnostics import RequestError  # noqa: E402

from .test_onnx import FLOATS, ONE, TOKENS, model, told  # noqa: E402


def test_sizes_that_are_not_those_of_the_data(tmp_path):
    """Data is not read, but how much there is of it tells that its sizes are others, or what else a convolution has."""
    copy = onnx.ModelProto.FromString(ONE["conv"][0].SerializeToString())
    weight = copy.graph.initializer[0]
    weight.dims[0] *= 2
    with pytest.raises(
        RequestError, match=rf"the tensor '{weight.name}' has 288 bytes of data, and its sizes .* take 576"
    ):
        told(copy, tmp_path)
    weight.ClearField("raw_data")
    with pytest.raises(RequestError, match=r"a bias \[4\] for 8 channels"):
        told(copy, tmp_path)
    copy = onnx.ModelProto.FromString(ONE["transposed"][0].SerializeToString())
    copy.graph.initializer[1].dims[0] = 5
    copy.graph.initializer[1].ClearField("raw_data")
    with pytest.raises(RequestError, match=r"a bias \[5\] for 4 channels"):
        told(copy, tmp_path)


def grown(op, **attributes):
    """A file whose known numbers grow from node to node, up to 2**40 of them or a number of 2**40 digits."""
    pair = [helper.make_node("Concat", ["s0", "s0"], ["t0"], axis=0)]
    for step in range(40):
        ins = [f"s{step}", f"s{step}"] if op == "Concat" else [f"t{step}"]
        pair.append(helper.make_node(op, ins, [f"s{step + 1}"], **attributes))
        pair.append(helper.make_node("Concat", [f"s{step + 1}"] * 2, [f"t{step + 1}"], axis=0))
    last = helper.make_node("Reshape", ["x", "s40"], ["y"])
    return model([*pair, last], {"x": (TOKENS, FLOATS)}, ["y"], {"s0": np.int64([7, 8])})


def test_known_numbers_do_not_grow_without_bound(tmp_path):
    with pytest.raises(RequestError, match="to computed sizes is not supported"):
        told(grown("Concat", axis=0), tmp_path)
    with pytest.raises(RequestError, match="to computed sizes is not supported"):
        told(grown("ReduceProd", keepdims=1), tmp_path)
    twice = [helper.make_node("Gather", [f"s{at}", "i"], [f"s{at + 1}"], axis=0) for at in range(40)]
    made = [*twice, helper.make_node("Reshape", ["x", "s40"], ["y"])]
    weights = {"s0": np.int64([7, 8]), "i": np.int64([[0, 1], [1, 0]])}
    with pytest.raises(RequestError, match="is too large for a tensor"):
        told(model(made, {"x": (TOKENS, FLOATS)}, ["y"], weights), tmp_path)


def test_a_step_that_is_rounded_away_ends(tmp_path):
    """Counted as ONNX has it: 1e20 + 16 is 1e20, so that adding 16 never arrives at 1e20 + 32,768."""
    bounds = {"a": np.float64(1e20), "b": np.float64(1e20 + 32768), "c": np.float64(16)}
    nodes = [
        helper.make_node("Range", ["a", "b", "c"], ["r"]),
        helper.make_node("Shape", ["r"], ["s"]),
        helper.make_node("Expand", ["x", "s"], ["y"]),
    ]
    assert "2048" in told(model(nodes, {"x": ([1, 1], FLOATS)}, ["y"], bounds), tmp_path).spec


def test_parts_are_as_many_as_the_outputs(tmp_path):
    node = helper.make_node("Split", ["x"], ["y", "z"], axis=1, num_outputs=2**40)
    with pytest.raises(RequestError, match="1099511627776 parts for 2 outputs"):
        told(model([node], {"x": (TOKENS, FLOATS)}, ["y"]), tmp_path)
