"""`tie=NAME`: weights used twice and counted once."""

import pytest
import torch

from archcalc.cost import Costs
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.verify import verify

from .writing import at, graph, marked, params, wrong


def test_layer_with_the_same_layer():
    assert params("linear 4 name=a", "linear 4 tie=a", input="[4]") == 20
    assert params("conv 3 kernel=3 padding=1 name=a", "relu", "conv 3 kernel=3 padding=1 tie=a") == 84
    assert params("{linear: {features: 4}, name: a}", "{linear: {features: 4}, tie: a}", input="[4]") == 20


def test_a_tied_layer_still_costs_its_work():
    one, two = graph("linear 4 name=a", input="[4]"), graph("linear 4 name=a", "linear 4 tie=a", input="[4]")
    assert Costs(two).totals.macs == 2 * Costs(one).totals.macs
    assert two.nodes[1].params == {}
    assert two.nodes[1].tied == {"weight": two.nodes[0], "bias": two.nodes[0]}


def test_linear_with_embedding_keeps_its_own_bias():
    layers = ["embedding 100 dim=16 name=e", "linear 100 bias=false tie=e"]
    assert params(*layers, input="[7]") == 1600
    assert params(layers[0], "linear 100 tie=e", input="[7]") == 1600 + 100


def test_a_chain_of_ties_has_one_owner():
    net = graph("linear 4 name=a", "linear 4 tie=a name=b", "linear 4 tie=b", input="[4]")
    assert net.nodes[2].tied["weight"] is net.nodes[0]
    assert Costs(net).totals.params == 20


TOP = """\
blocks:
  b(n):
    - [conv n kernel=3 padding=1, batchnorm, relu]
    - residual: [conv n kernel=1]
  other(n): [conv n kernel=3 padding=1, batchnorm]
"""


def test_block_with_the_same_block():
    net = graph("b 3 name=x", "b 3 tie=x", top=TOP)
    totals = Costs(net).totals
    assert totals.params == 84 + 6 + 12
    assert totals.buffers == 7, "mean, variance and count of one batchnorm"
    assert totals.macs == 2 * Costs(graph("b 3", top=TOP)).totals.macs


def test_siamese():
    net = graph("b 3 from=a name=x", "b 3 from=b name=y tie=x", input="{a: [3, 8, 8], b: [3, 16, 16]}", top=TOP)
    assert Costs(net).totals.params == 102


def test_tie_inside_a_block_to_an_argument():
    top = "blocks: {head(e): [linear 100 bias=false tie=e]}\n"
    assert params("embedding 100 dim=16 name=wte", "linear 16", "head e=wte", input="[7]", top=top) == 1600 + 272


def test_the_way_back():
    """The weight of a layer the other way, in a layer with a bias of its own."""
    lines = "linear 3 name=a", "relu", "linear 8 transposed=true tie=a"
    net = graph(*lines, input="[8]")
    assert Costs(net).totals.params == 8 * 3 + 3 + 8
    module, x = instantiate(net), torch.randn(2, 8)
    there = torch.relu(x @ module.a.weight.T + module.a.bias)
    assert torch.allclose(module(x), there @ module.a.weight + module.linear.bias)
    said = wrong("linear 3 name=a", "linear 8 tie=a", input="[8]")
    assert said.help == "`transposed=true` takes it the other way round"
    said = wrong(
        "linear 8 bias=false name=a", "linear 3 name=b", "linear 8", "linear 3 transposed=true tie=b", input="[8]"
    )
    assert said.help == "`transposed=false` takes it the other way round"
    images = "conv 5 kernel=3 name=a", "convtranspose 3 kernel=3 tie=a"
    assert params(*images, input="[3, 8, 8]") == 5 * 27 + 5 + 3
    assert not verify(graph(*images, input="[3, 8, 8]")).differences


def test_tie_in_a_repeat():
    assert params("linear 4 name=a", "linear 4 tie=a repeat=5", input="[4]") == 20
    assert params("linear 4 name=a", "{repeat: 5, layers: [linear 4 tie=a, linear 4]}", input="[4]") == 20 + 5 * 20
    assert params("{repeat: 5, layers: [linear 4 name=a, linear 4 tie=a]}", input="[4]") == 5 * 20
    assert params("b 3 name=x repeat=4", top=TOP) == 4 * 102


def test_equal_repeats():
    one = "{repeat: 3, layers: [linear 4], name: a}"
    said = wrong(one, "{repeat: 3, layers: [linear 4], tie: a}", input="[4]")
    assert (said.code, marked(said)) == ("SPC012", "a")
    assert "that is 3 copies" in said.message
    assert said.help == "put the copies into a block; one call of it is tied to another as a whole"
    top = "blocks: {stack: [{repeat: 3, layers: [linear 4]}]}\n"
    assert params("stack name=a", "stack tie=a", input="[4]", top=top) == 3 * 20


def test_a_block_whose_layers_are_tied():
    top = "blocks: {b: [linear 4 name=l, linear 4 tie=l], head(e): [linear 4 tie=e]}\n"
    net = graph("b name=x", "b tie=x", input="[4]", top=top)
    assert Costs(net).totals.params == 20
    assert net.nodes[1].children[1].tied["weight"] is net.nodes[0].children[0]
    assert params("linear 4 name=a", "head e=a name=h", "head e=a tie=h", input="[4]", top=top) == 20
    said = wrong("linear 4 name=a", "linear 4 name=b", "head e=a name=h", "head e=b tie=h", input="[4]", top=top)
    assert "its weight is tied to another layer" in said.message


def test_the_layer_of_an_expert():
    moe = "{moe: {experts: 3, top_k: 2, layers: [linear 4 name=l]}, name: m}"
    assert "`m` has 3 experts, each with weights of its own" in wrong(moe, "linear 4 tie=m.l", input="[4]").message


def test_a_tie_out_of_each():
    each = "{each: [linear 4 name=l], name: f}"
    said = wrong("linear 4 name=a", "{each: [linear 4 tie=a]}", input="[3, 4]")
    assert (said.message, marked(said)) == ("`each` sees its entries only: `a` is outside", "a")
    assert "tie the layer outside instead" in said.help
    assert params(each, "linear 4 tie=f.l", input="[3, 4]") == 20


@pytest.mark.parametrize(
    ("layers", "input", "message"),
    [
        (["linear 4 name=a", "linear 5 tie=a"], "[4]", "its weight is 5×4, the other's is 4×4"),
        (["linear 8 name=a", "linear 8 tie=a"], "[4]", "its weight is 8×8, the other's is 8×4"),
        (["embedding 9 dim=4 name=a", "linear 9 bias=false", "linear 9 tie=a"], "[7]", "its weight is 9×9"),
        (["linear 4 name=a", "layernorm tie=a"], "[4]", "they are not the same layer"),
        (["layernorm name=a", "rmsnorm tie=a"], "[4]", "they are not the same layer"),
        (["linear 4 name=a", "relu tie=a"], "[4]", "it has no weights to tie"),
        (["relu name=a", "linear 4 tie=a"], "[4]", "they are not the same layer"),
        (["linear 4 name=a", "linear 4 bias=false tie=a"], "[4]", "their parameters differ"),
        (["linear 4 tie=input"], "[4]", "it has no weights of its own"),
        (["linear 4 repeat=3 name=a", "linear 4 tie=a"], "[4]", "that is 3 layers"),
        (["b 3 name=a", "other 3 tie=a"], "[3, 8, 8]", "they are not the same block"),
        (["b 3 name=a", "conv 3 kernel=3 tie=a"], "[3, 8, 8]", "not the same block"),
        (["b 3 name=a", "b 4 tie=a"], "[3, 8, 8]", "its weight is 4×3×3×3, the other's is 3×3×3×3"),
        (["b 3 name=a repeat=2", "b 3 tie=a"], "[3, 8, 8]", "that is 2 copies"),
    ],
)
def test_what_cannot_be_tied(layers, input, message):
    said = wrong(*layers, input=input, top=TOP)
    assert said.code == "SPC012"
    assert message in said.message
    assert marked(said) in ("a", "input")


def test_unknown_target():
    said = wrong("linear 4", "linear 4 tie=b", input="[4]")
    assert (said.message, at(said)) == ("no earlier layer is named `b`", (5, 18))
