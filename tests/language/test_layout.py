"""Layout and content of a tensor: channels first, features last or open; numbers or token ids."""

from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from tests.each import each

from .writing import at, graph, marked, shape, wrong


@each(
    [
        (["conv 8 kernel=3", "linear 10"], "[3, 32, 32]", "linear", "add `flatten` before it"),
        (
            ["conv 8 kernel=3", "attention 2"],
            "[3, 32, 32]",
            "attention",
            "add `rearrange 'c h w -> (h w) c'` before it",
        ),
        (["conv 8 kernel=3", "layernorm"], "[3, 32]", "layernorm", "add `transpose` before it"),
        (["conv 8 kernel=3", "lstm 4"], "[3, 32]", "lstm", "add `transpose` before it"),
        (["linear 10", "conv 8 kernel=3"], "[7, 4]", "conv", "add `transpose` before it"),
        (["linear 10", "conv 8 kernel=3"], "[7, 7, 4]", "conv", "`rearrange 'h w c -> c h w'`"),
        (["lstm 10", "batchnorm"], "[7, 4]", "batchnorm", "add `transpose` before it"),
        (["embedding 9 dim=4", "maxpool 2"], "[7]", "maxpool", "add `transpose` before it"),
        (["attention 2", "relu", "dropout 0.1", "conv 8 kernel=3"], "[7, 4]", "conv", "transpose"),
        (["conv 8 kernel=1", "relu", "{residual: [relu]}", "linear 10"], "[3, 32]", "linear", "flatten"),
    ]
)
def test_one_kind_into_the_other(layers, input, under, help):
    said = wrong(*layers, input=input)
    assert (said.code, marked(said)) == ("SHP102", under)
    assert help in said.help


@each(
    [
        (["conv 8 kernel=3", "flatten", "linear 10"], "[3, 32, 32]"),
        (["conv 8 kernel=3", "rearrange 'c h w -> (h w) c'", "attention 2"], "[3, 8, 8]"),
        (["linear 10", "transpose", "conv 8 kernel=3"], "[7, 4]"),
        (["conv 8 kernel=3", "transpose", "linear 3"], "[3, 32]"),
        (["conv 8 kernel=3", "reshape 8x30", "linear 3"], "[3, 32]"),
    ]
)
def test_what_the_help_says_works(layers, input):
    shape(*layers, input=input)


def test_the_first_consumer_decides():
    assert graph("conv 8 kernel=3", input="[3, 32]").inputs["input"].layout == CHANNELS_FIRST
    assert graph("linear 8", input="[3, 32]").inputs["input"].layout == FEATURES_LAST
    assert graph("relu", input="[3, 32]").inputs["input"].layout is None
    said = wrong("conv 8 kernel=3", "linear 3 from=input", input="[3, 32]")
    assert (said.code, at(said)) == ("SHP102", (5, 5))
    said = wrong("relu name=a", "linear 3", "conv 3 kernel=1 from=a", input="[3, 32]")
    assert said.code == "SHP102"


def test_a_vector_is_both():
    assert shape("linear 8", "batchnorm", "layernorm", "linear 3", input="[4]") == [3]


def test_elementwise_layers_keep_it():
    for layer in ("relu", "dropout 0.5", "scale 2", "softmax", "layerscale", "identity"):
        net = graph("conv 8 kernel=3", layer)
        assert net.nodes[-1].output.layout == CHANNELS_FIRST
        net = graph("linear 8", layer, input="[7, 4]")
        assert net.nodes[-1].output.layout == FEATURES_LAST


def test_operands_share_a_layout():
    said = wrong(
        "conv 4 kernel=1 from=a name=x", "linear 32 from=b name=y", "add: [x, y]", input="{a: [4, 32], b: [4, 16]}"
    )
    assert (said.code, marked(said)) == ("SHP102", "y")
    assert "channels first" in said.message
    assert "features last" in said.message


def test_an_open_operand_takes_the_layout_of_the_others():
    net = graph("conv 3 kernel=1 name=x", "add: [input, x]", input="[3, 32]")
    assert net.nodes[-1].output.layout == CHANNELS_FIRST
    net = graph("linear 32 name=x", "parameter 3x32 name=p", "add: [x, p]", "linear 3", input="[3, 16]")
    assert net.nodes[-2].output.layout == FEATURES_LAST


def test_token_ids():
    net = graph("embedding 100 dim=8", "linear 3", input="[7]")
    assert net.inputs["input"].integer is True
    assert graph("linear 3", input="[7]").inputs["input"].integer is False
    assert shape("flatten", "embedding 100 dim=8", input="[7, 2]") == [14, 8]
    assert shape("embedding 100 dim=8 name=a", "embedding 100 dim=8 from=input", "add: [a, prev]", input="[7]") == [
        7,
        8,
    ]


@each(
    [
        (["embedding 100 dim=7 name=e", "linear 7 from=input"], "linear", "computes with numbers, but its input holds"),
        (["linear 7", "embedding 100 dim=7"], "embedding", "looks up token ids, but its input [7] holds numbers"),
        (["linear 7", "embedding 100 dim=7 from=input"], "embedding", "looks up token ids"),
        (["relu", "embedding 100 dim=7"], "embedding", "looks up token ids"),
        (["embedding 100 dim=7 name=e", "add: [input, e]"], "input", "computes with numbers, but [7] holds token ids"),
        (["embedding 100 dim=7 name=e", "matmul: [e, input]"], "input", ""),
    ]
)
def test_token_ids_are_no_numbers(layers, under, message):
    said = wrong(*layers, input="[7]")
    assert (said.code, marked(said)) == ("SHP101", under)
    assert message in said.message


@each(
    [
        ("conv 8 kernel=3", "[3]", "needs a channels-first tensor"),
        ("conv 8 kernel=3", "[3, 4, 5, 6, 7]", "needs a channels-first tensor"),
        ("attention 2", "[4]", "needs a sequence of vectors"),
        ("lstm 2", "[3, 4, 5]", "needs a sequence of vectors"),
        ("pixelshuffle 2", "[4, 8]", "needs an image"),
    ]
)
def test_rank(layer, input, message):
    said = wrong(layer, input=input)
    assert said.code == "SHP101"
    assert message in said.message


def test_leading_axes_are_free():
    assert shape("linear 5", input="[2, 3, 4]") == [2, 3, 5]
    assert shape("attention 2", input="[9, 49, 16]") == [9, 49, 16]
