"""ONNX files whose sizes are not those of their data."""

from __future__ import annotations

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

from archcalc.diagnostics import RequestError  # noqa: E402

from .test_onnx import ONE, told  # noqa: E402


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
