"""The edges of the graph as rules see them, and edits of the text."""

from __future__ import annotations

from archcalc.diagnostics import Source
from archcalc.network.graph import Node
from archcalc.network.load import build_graph
from archcalc.rules.model import Model
from tests.each import each
from tests.rules.linting import apply, findings, one


def model(*layers: str, input: str = "8, 16, 16") -> Model:
    text = f"model: m\ninput: [{input}]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
    return Model(build_graph(Source("t.yaml", text)))


def readers(made: Model, id: str) -> list[str]:
    return [node.id for node in made.consumers(layer(made, id).exit)]


def layer(made: Model, id: str) -> Node:
    return next(placed.node for placed in made.layers if placed.node.id == id)


def test_a_chain() -> None:
    made = model("conv 8 kernel=3", "relu", "batchnorm")
    assert readers(made, "conv") == ["relu"]
    assert made.producer(layer(made, "relu").inputs[0]) is layer(made, "conv")
    assert made.only_consumer(layer(made, "batchnorm")) is None


def test_copies_feed_themselves_and_what_follows() -> None:
    made = model(
        "conv 8 kernel=3 padding=1", "{repeat: 3, name: body, layers: [relu, conv 8 kernel=3 padding=1]}", "tanh"
    )
    assert readers(made, "conv") == ["body.0.relu"]
    assert readers(made, "body.0.conv") == ["body.0.relu", "tanh"]
    assert made.producer(layer(made, "body.0.relu").inputs[0]) is None, "in each copy another"
    assert made.stored(layer(made, "body.0.conv")) == 3


def test_one_copy_is_no_loop() -> None:
    made = model("conv 8 kernel=3", "batchnorm repeat=1", "relu")
    assert readers(made, "conv") == ["batchnorm"]
    assert made.producer(layer(made, "batchnorm").inputs[0]) is layer(made, "conv")


def test_a_layer_copied_alone_reads_itself() -> None:
    made = model("linear 8", "linear 8 repeat=3 name=stack", "relu", input="8")
    assert [node.op for node in made.consumers(layer(made, "linear").exit)] == ["linear"]
    assert len(made.consumers(made.layers[1].node.exit)) == 2


def test_a_name_from_outside_is_the_same_in_all_copies() -> None:
    made = model("conv 8 kernel=1 name=stem", "{repeat: 3, name: body, layers: [relu, {add: [prev, stem]}]}")
    assert readers(made, "stem") == ["body.0.relu", "body.0.add"]
    assert readers(made, "body.0.add") == ["body.0.relu"]


def test_a_residual_reads_its_input_unless_a_shortcut_does() -> None:
    plain = model("conv 8 kernel=1", "residual: [relu]")
    assert readers(plain, "conv") == ["relu", "residual"]
    other = model("conv 8 kernel=1", "residual: {layers: [relu], shortcut: [tanh]}")
    assert readers(other, "conv") == ["relu", "tanh"]


def test_a_part_that_is_read_is_a_reader() -> None:
    made = model("lstm 8 name=a", "linear 4", "linear 4 from=a.last", input="5, 4")
    assert made.only_consumer(layer(made, "a")) is None


def test_a_bias_before_the_norms_of_all_copies() -> None:
    text = "model: m\ninput: [8, 9]\nlayers: [conv 8 kernel=1, {repeat: 2, layers: [batchnorm, relu, conv 8 kernel=1]}, batchnorm]\n"
    found = findings(text, ("PRM301",))
    assert [finding.data["parameters"] for finding in found] == [8, 16]


@each(
    [
        ("conv 8 kernel=3", "conv 8 kernel=3 bias=false"),
        ("conv 8 bias=true kernel=3", "conv 8 bias=false kernel=3"),
        ("conv: {channels: 8, kernel: 3}", "conv: {channels: 8, kernel: 3, bias: false}"),
        ("conv: {channels: 8, kernel: 3, bias: true}", "conv: {channels: 8, kernel: 3, bias: false}"),
    ]
)
def test_an_argument_is_added(line: str, mended: str) -> None:
    text = "model: m\ninput: [3, 9, 9]\nlayers:\n  - {}   # stem\n  - batchnorm\n"
    fix = one(text.format(line), "PRM301").fix
    assert fix
    assert fix.safe
    assert apply(text.format(line), [fix]) == text.format(mended)


def test_an_argument_is_added_to_the_long_form_over_several_lines() -> None:
    text = "model: m\ninput: [3, 9, 9]\nlayers:\n  - conv:\n      channels: 8\n      kernel: 3   # odd\n  - batchnorm\n"
    fix = one(text, "PRM301").fix
    assert fix
    assert apply(text, [fix]) == text.replace("      kernel", "      bias: false\n      kernel")


@each(["'conv 8 kernel=3'", "conv: {channels: 8,\n      kernel: 3}", "conv: {channels: 8, kernel: 3, bias: 'true'}"])
def test_no_fix_where_the_text_is_not_plain(line: str) -> None:
    text = f"model: m\ninput: [3, 9, 9]\nlayers:\n  - {line}\n  - batchnorm\n"
    assert one(text, "PRM301").fix is None


def test_a_layer_that_reads_from_elsewhere_is_not_deleted() -> None:
    text = "model: m\ninput: [8]\nlayers:\n  - sigmoid name=gate\n  - linear 4\n  - relu{}\n  - linear 2\n"
    assert one(text.format(" from=gate"), "ACT405").fix is None  # what follows would read the layer before it
    assert not findings(text.format(""), ("ACT405",))


def test_no_fix_for_a_block_that_is_right_elsewhere() -> None:
    text = """model: m
input: [3, 9, 9]
blocks:
  unit(norms): [conv 8 kernel=3, batchnorm repeat=norms, relu]
layers: [unit 1, unit 0]
"""
    found = one(text, "PRM301")
    assert found.fix is None
    assert found.data["parameters"] == 8


def test_a_fix_of_a_spec_with_variants_is_not_safe() -> None:
    text = """model: m
hparams: {width: 8}
variants: {large: {width: 16}}
input: [3, 9, 9]
layers: [conv width kernel=3, batchnorm]
"""
    fix = one(text, "PRM301").fix
    assert fix
    assert not fix.safe
