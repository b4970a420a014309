"""`repeat`: copies with weights of their own, computed once where they are equal."""

from archcalc.cost import Costs
from tests.each import each

from .writing import at, count, graph, marked, params, refused, shape, spec, wrong

BODY = "layers: [conv 4 kernel=3 padding=1, relu]"


@each(["repeat: {}\n    " + BODY, "{{repeat: {}, " + BODY + "}}"])
def test_two_forms_of_a_list(form):
    assert params(form.format(3), input="[4, 8, 8]") == 3 * 148


def test_copies_of_a_layer_and_of_a_block():
    assert params("linear 4 repeat=5", input="[4]") == 100
    assert params("{linear: {features: 4}, repeat: 5}", input="[4]") == 100
    assert params("b 4 repeat=5", input="[4]", top="blocks: {b(n): [linear n, relu]}\n") == 100
    assert params("linear 4 repeat=2*w", input="[4]", top="hparams: {w: 3}\n") == 120


def test_copies_that_differ_at_first():
    net = graph("linear 4 repeat=5", input="[8]")
    (node,) = net.nodes
    assert [(child.copies, child.params["weight"]) for child in node.children] == [(1, (4, 8)), (4, (4, 4))]
    assert Costs(net).totals.params == 36 + 4 * 20
    assert [child.id for child in node.children] == ["linear.0", "linear.1"]


def test_every_copy_differs():
    assert shape("conv 4 kernel=3 repeat=5") == [4, 22, 22]
    assert params(
        "concat: [prev, [linear 2]]", "repeat: 3\n    layers: [{concat: [prev, [linear 2]]}]", input="[4]"
    ) == (10 + 14 + 18 + 22)
    said = wrong("conv 4 kernel=3 repeat=50")
    assert said.message == "kernel 3 is larger than the padded input [4, 2, 2]"


@each(["conv 3 kernel=1", "b", "{repeat: 3, layers: [conv 3 kernel=1, relu]}"])
def test_cost_does_not_grow_with_the_number(layer):
    top = "blocks: {b: [conv 3 kernel=1, {residual: [relu]}]}\n"
    few = graph("{repeat: 10, layers: [" + layer + "]}", top=top)
    many = graph("{repeat: 100000, layers: [" + layer + "]}", top=top)
    assert count(few.nodes) == count(many.nodes)
    assert Costs(many).totals.params == 10_000 * Costs(few).totals.params
    assert Costs(many).totals.macs == 10_000 * Costs(few).totals.macs


def test_very_many_copies_are_exact():
    assert params("linear 4 repeat=1000000000000", input="[4]") == 20 * 10**12


def test_zero_copies():
    assert shape("conv 8 kernel=3 name=a", "linear 99 repeat=0", "relu") == [8, 30, 30]
    assert shape("conv 8 kernel=3", "{repeat: 0, layers: [linear 9]}", "conv 3 kernel=1") == [3, 30, 30]
    assert shape("conv 8 kernel=3", "b repeat=0", top="blocks: {b: [linear 9]}\n") == [8, 30, 30]
    assert shape("relu repeat=0 name=a", "relu from=a") == [3, 32, 32]
    said = refused("model: m\ninput: {a: [3], b: [3]}\nlayers: [linear 3 repeat=0]\n")[0]
    assert "add from=NAME" in said.help


@each(
    [
        ("-1", "`repeat` must be at least 0, not -1"), ("2.5", "`repeat` must be a whole number, not 2.5"),
        ("true", "`repeat` must be a whole number, not `true`"), ("3x5", "not a number or an expression: `3x5`"),
        ("w", "`repeat` must be a whole number, not 2.5"), ("n", "no hparam, dim or argument is named `n`"),
        ("9223372036854775808", "`repeat` must be at most"), ("''", "`repeat` must be a whole number, not ``"),
    ],
)  # fmt: skip
def test_wrong_number(value, message):
    said = wrong(f"relu repeat={value}", top="hparams: {w: 2.5}\n")
    assert at(said) == (5, 17)
    assert message in said.message


def test_the_body_is_a_scope():
    assert shape("relu name=x", "repeat: 2\n    layers: [relu name=y, {add: [x, y]}]") == [3, 32, 32]
    said = wrong("{repeat: 2, layers: [relu name=y]}", "relu from=y")
    assert said.message == "no earlier layer is named `y`"
    assert shape("{repeat: 2, layers: [relu name=y]}", "{repeat: 2, layers: [relu name=y]}") == [3, 32, 32]
    assert shape("{repeat: 2, layers: [{repeat: 2, layers: [relu name=y, {add: [y, prev]}]}]}") == [3, 32, 32]


def test_prev_and_input_in_a_body():
    assert shape("conv 3 kernel=1", "{repeat: 3, layers: [{concat: [prev, [relu]]}]}") == [24, 32, 32]
    assert shape("conv 3 kernel=1", "{repeat: 3, layers: [{concat: [input, prev]}]}") == [12, 32, 32]
    top = "blocks: {b: [relu, {repeat: 2, layers: [{concat: [input, prev]}]}]}\n"
    assert shape("conv 4 kernel=1", "b", top=top) == [12, 32, 32]


def test_name_is_that_of_the_last_output():
    assert shape("conv 4 kernel=3 repeat=2 name=a", "relu", "relu from=a") == [4, 28, 28]
    assert shape("{repeat: 2, layers: [conv 4 kernel=3], name: a}", "relu from=a") == [4, 28, 28]
    assert shape("{repeat: 2, layers: [conv 4 kernel=3], from: input}") == [4, 28, 28]


def test_every_copy_starts_where_from_says():
    assert shape("conv 4 kernel=3 name=a", "relu", "conv 4 kernel=3 from=a repeat=2") == [4, 26, 26]


def test_copies_are_equal_only_if_they_read_the_same():
    said = wrong("conv 4 kernel=1", "split 2 repeat=3")
    assert said.message == "the layer before has several outputs"
    said = wrong("lstm 4", "{repeat: 2, layers: [{add: [prev, prev.last]}]}", input="[7, 4]")
    assert said.message == "`prev` has no output `last`"


def test_growing_without_end_is_refused(monkeypatch):
    said = wrong("pad 1 repeat=1000000000000")
    assert (said.code, "more than 20,000 layers" in said.message) == ("SPC014", True)
    monkeypatch.setattr("archcalc.network.expand.MAX_LAYERS", 500)
    said = wrong("{repeat: 1000000000000, layers: [pad 1]}")
    assert (said.code, "more than 500 layers" in said.message) == ("SPC014", True)
    assert (
        "has more bytes than 2^63"
        in wrong("{repeat: 100, layers: [{concat: {operands: [prev, prev], axis: 0}}]}").message
    )


def test_errors_in_a_body_are_told_once():
    said = wrong("{repeat: 5, layers: [conv 8 kernel=99]}", "linear 3")
    assert marked(said) == "99"


def test_wrong_forms():
    assert wrong("{repeat: 5, layers: relu}").message == "`layers` must be a list of layers"
    assert wrong("repeat: 5").message == "no layer here"
    assert refused(spec("repeat 5 layers=3"))[0].place.line == 4
