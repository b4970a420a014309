"""Channels first or features last: what keeps it, what decides it, what leaves it open."""

import pytest

from archcalc.diagnostics import SpecError

from .oracle import graph

CONV, LINEAR = "conv 4 kernel=1", "linear 4"


def takes(layers, shape):
    """Whether a convolution and a linear map take what `layers` give."""
    taken = []
    for last in (CONV, LINEAR):
        try:
            graph([*layers, last], shape)
            taken.append(last.split()[0])
        except SpecError as error:
            assert "SHP102" in str(error)  # noqa: PT017
    return " ".join(taken)


@pytest.mark.parametrize(
    "layer",
    ["relu", "slice 1 axis=1", "roll 1", "select 0 axis=1", "select 0 axis=-1", "mean 1", "mean keepdim=true",
     "flatten start=1", "flatten start=1 end=1", "expand -1x-1x-1", "identity", "dropout", "scale 2", "layerscale", "softmax", "prelu 4",
     "transpose 1x1", "concat: [prev, input]", "add: [prev, input]", "mul: [input, prev]", "residual: [relu]"],
)  # fmt: skip
def test_channels_stay_first(layer):

    assert takes([CONV, layer], (4, 5, 5)) == "conv"


@pytest.mark.parametrize(
    "layer",
    ["relu", "slice 1 axis=1", "roll 1", "select 0", "select 0 axis=1", "mean", "mean keepdim=true", "flatten start=0 end=1",
     "flatten start=2", "expand -1x-1x-1", "expand 2x-1x-1x-1", "identity", "dropout", "scale 2", "layerscale", "softmax",
     "transpose 1x1", "concat: [prev, input]", "add: [prev, input]", "mul: [input, prev]", "residual: [relu]"],
)  # fmt: skip
def test_features_stay_last(layer):

    assert takes([LINEAR, layer], (5, 5, 4)) == "linear"


@pytest.mark.parametrize(
    "layer", ["select 0", "mean", "flatten start=0 end=1", "transpose", "expand 2x-1x-1x-1", "reshape 4x25", "rearrange 'c h w -> h c w'"]
)  # fmt: skip
def test_without_its_channels_a_tensor_is_open(layer):
    assert takes([CONV, layer], (3, 5, 5)) == "conv linear"


@pytest.mark.parametrize("layer", ["select 0 axis=-1", "mean -1", "flatten start=1", "transpose", "reshape 5x20"])
def test_without_its_features_a_tensor_is_open(layer):
    assert takes([LINEAR, layer], (5, 5, 3)) == "conv linear"


def test_a_vector_is_both():
    graph([LINEAR, "batchnorm", "prelu 4", LINEAR, "groupnorm 2", "layernorm"], (3,))


@pytest.mark.parametrize("merge", ["add: [x, input]", "concat: [x, input]", "mul: [input, x]"])
def test_an_open_operand_takes_the_layout_of_the_others(merge):
    layers = [f"{CONV} name=x", merge]
    graph([*layers, f"{CONV} from=input"], (4, 5))
    with pytest.raises(SpecError, match="SHP102"):
        graph([*layers, "linear 4 from=input"], (4, 5))


def test_a_slope_for_each_channel_makes_the_first_axis_the_channels():
    graph(["prelu 4", "conv 4 kernel=1"], (4, 6))
    with pytest.raises(SpecError, match="SHP102"):
        graph(["prelu 4", "linear 4"], (4, 6))


def test_a_dot_product_of_images_is_refused():
    with pytest.raises(SpecError, match="SHP102"):
        graph(["conv 4 kernel=1 name=x", "sdpa q=x k=x v=x"], (3, 4, 4))
