"""Blocks: signatures, arguments, and what a body sees."""

from archcalc.diagnostics import Source
from archcalc.network.graph import walk
from archcalc.network.load import build_graph
from tests.each import each

from .writing import at, graph, marked, params, refused, shape, spec, wrong

TOP = """\
blocks:
  conv3(n, k=3, bias=true):
    - conv n kernel=k padding=k//2 bias=bias
    - relu
  up(n, skip):
    - convtranspose n kernel=2 stride=2
    - concat: [skip, prev]
  plain:
    - relu
  empty(n=1): []
hparams: {width: 4}
"""


@each(
    [
        ("conv3 8", [8, 32, 32]),
        ("conv3 n=8", [8, 32, 32]),
        ("conv3 8 k=5", [8, 32, 32]),
        ("conv3 k=5 n=8", [8, 32, 32]),
        ("conv3 8 k=3x5", None),
        ("conv3 2*width", [8, 32, 32]),
        ("[conv 5 kernel=1, conv3 cin]", [5, 32, 32]),
        ("conv3 8 bias=false", [8, 32, 32]),
        ("conv3: {n: 8}", [8, 32, 32]),
        ("conv3: {n: 2*width, k: 5}", [8, 32, 32]),
        ("{conv3: {n: 8}, repeat: 2, name: x}", [8, 32, 32]),
        ("conv3 8 repeat=2 name=x", [8, 32, 32]),
        ("plain", [3, 32, 32]),
        ("plain: {}", [3, 32, 32]),
        ("empty", [3, 32, 32]),
        ("[conv3 8, [plain, conv3 4]]", [4, 32, 32]),
    ]
)
def test_calls(call, out):
    if out is None:
        assert "3x5 is not a number" in wrong(call, top=TOP).message
    else:
        assert shape(call, top=TOP) == out


def test_forms_of_a_call_are_interchangeable():
    forms = ["conv3 8 k=5 bias=false", "conv3 n=8 k=5 bias=false", "conv3: {n: 8, k: 5, bias: false}"]
    assert {params(form, top=TOP) for form in forms} == {600}


def test_a_layer_as_argument():
    assert shape("conv3 8 name=e", "maxpool 2", "up 8 skip=e", top=TOP) == [16, 32, 32]
    assert shape("conv3 8 name=e", "maxpool 2", "up: {n: 8, skip: e}", top=TOP) == [16, 32, 32]
    assert shape("conv 8 kernel=1", "maxpool 2", "up 4 skip=input", top=TOP) == [7, 32, 32]
    assert shape("lstm 5 name=e", "b e.h", input="[7, 4]", top="blocks: {b(x): [identity from=x]}\n") == [1, 5]
    assert shape("lstm 5 name=e", "b e", input="[7, 4]", top="blocks: {b(x): [identity from=x.last]}\n") == [5]
    assert shape("conv3 8", "b prev", top=TOP.replace("plain:", "b(x): [{add: [x, prev]}]\n  plain:")) == [8, 32, 32]


def test_a_layer_through_two_blocks():
    top = "blocks:\n  inner(a): [{add: [a, prev]}]\n  outer(a): [inner a, inner a=a]\n"
    assert shape("relu name=x", "relu", "outer x", top=top) == [3, 32, 32]


def test_the_default_is_an_expression_of_hparams():
    top = "hparams: {w: 4}\nblocks: {'b(n=2*w, k=max(1, 3))': [conv n kernel=k]}\n"
    assert shape("b", top=top) == [8, 30, 30]
    assert shape("b", top=top, w="5") == [10, 30, 30]


def test_values_of_every_kind():
    top = "blocks:\n  b(k, flag, rate): [conv 2 kernel=k bias=flag, dropout rate]\n"
    assert params("b 3x5 flag=false rate=1e-1", top=top) == 90
    assert params("b 3 flag=true rate=0", top=top) == 56


def test_names_of_layers_may_be_those_of_blocks():
    top = "blocks:\n  attention(n): [linear n]\n  add(n): [relu]\n"
    assert shape("attention 5", "add 1", input="[4]", top=top) == [5]
    assert shape("conv 8 kernel=3 name=relu", "relu from=relu") == [8, 30, 30]


def test_blocks_may_call_blocks_in_any_order():
    top = "blocks:\n  a(n): [b n, b n]\n  b(n): [linear n]\n"
    assert params("a 4", input="[4]", top=top) == 40


def test_a_body_sees_arguments_and_hparams_only():
    top = "hparams: {w: 2}\ndims: {s: 5}\nblocks:\n  b(n): [linear n*w, expand (s)x-1]\n"
    assert shape("b 3", input="[4]", top=top) == [5, 6]
    said = refused(spec("relu name=outside", "b", top="blocks:\n  b: [{add: [outside, prev]}]\n"))
    assert [(at(d), d.message) for d in said] == [((3, 14), "no earlier layer is named `outside`")]
    assert "pass the layer as an argument: a block sees none from outside" in said[0].help
    assert wrong("b", top="blocks: {b(n=m): [linear n]}\n").message == "no hparam, dim or argument is named `m`"


def test_names_inside_do_not_come_out():
    top = "blocks:\n  b: [relu name=inside, {add: [inside, prev]}]\n"
    assert shape("b name=x", "b name=y", "add: [x, y]", top=top) == [3, 32, 32]
    said = wrong("b", "relu from=inside", top=top)
    assert (said.message, marked(said)) == ("no earlier layer is named `inside`", "inside")


def test_input_is_that_of_the_block():
    top = "blocks:\n  b: [conv 3 kernel=1, conv 3 kernel=1, {add: [input, prev]}]\n"
    assert shape("conv 3 kernel=5", "b", top=top) == [3, 28, 28]


@each(
    [
        ("conv3", 5, "conv3", "block `conv3` needs `n`", "e.g. n=..."),
        ("conv3 8 q=3", 13, "q", "block `conv3` has no argument `q`", "its arguments are n, k, bias"),
        ("conv3 8 bais=true", 13, "bais", "block `conv3` has no argument `bais`", "did you mean `bias`?"),
        ("conv3 8 n=8", 13, "n", "`n` is given twice", "delete"),
        ("conv3 8 8", 13, "8", "takes one argument without its name", "write `k=8`"),
        ("plain 3", 11, "3", "block `plain` takes no arguments", "delete it"),
        ("plain n=3", 11, "n", "block `plain` has no argument `n`", "it has none"),
        ("conv3 eight", 11, "eight", "no layer, hparam or argument is named `eight`", "name=eight"),
        ("conv3 8*widht", 13, "widht", "no hparam, dim or argument is named `widht`", "did you mean `width`?"),
        ("conv3: [8]", 12, "[8]", "`conv3:` takes a mapping", "write `conv3 8`"),
        ("conv3: {n: [8]}", 16, "[8]", "`n` must be a number, a size or the name of a layer", ""),
        ("conv3: 8", 12, "8", "`conv3:` takes a mapping", "write `conv3 8`"),
        ("con3 8", 5, "con3", "unknown layer `con3`", "did you mean `conv` or `conv3`?"),
    ],
)  # fmt: skip
def test_wrong_call(call, column, under, message, help):
    said = wrong(call, top=TOP)
    assert (at(said), marked(said)) == ((15, column), under)
    assert message in said.message
    assert help in (said.help or "")


@each(
    [
        ("b(", 3, "not a block's signature"),
        ("b)", 3, "`b)` is not a name"),
        ("b c", 3, "not a block's signature"),
        ("b(n) c", 3, "not a block's signature"),
        ("2b", 3, "`2b` is not a name"),
        ("prev", 3, "`prev` has a meaning of its own"),
        ("repeat", 3, "`repeat` has a meaning of its own"),
        ("b(n n)", 5, "`n n` is not a name"),
        ("b(n,)", 7, "`` is not a name"),
        ("b(n, n)", 8, "`n` is already an argument"),
        ("b(n=1, m)", 10, "`m` comes after an argument with a default"),
        ("b(n=)", 5, "`n=` has no value"),
        ("b(input)", 5, "`input` has a meaning of its own"),
        ("b(n=(1)", 7, "not a number or an expression"),
        ("b(n=q)", 7, "no hparam, dim or argument is named `q`"),
        ("b(n=cin)", 7, "a default cannot use `cin`"),
        ("b(m, n=m)", 10, "no hparam, dim or argument is named `m`"),
    ]
)
def test_wrong_signature(signature, column, message):
    said = refused(f"model: m\nhparams: {{w: 1}}\ninput: [3]\nblocks:\n  {signature}: [relu]\nlayers: [relu]\n")
    assert [at(d) for d in said] == [(5, column)]
    assert message in said[0].message


def test_an_unused_block_is_checked_too():
    said = wrong("relu", top="blocks:\n  b:\n    - conv 8 kernal=3\n")
    assert at(said) == (4, 14)


def test_recursion():
    lists = ["[{residual: [b]}]", "[{concat: [[b], [relu]]}]", "[{repeat: 2, layers: [b]}]"]
    for body in ["[b]", "[c]\n  c: [b]", *lists]:
        said = refused(spec("b", top=f"blocks:\n  b: {body}\n"))
        assert [(d.code, d.place.line) for d in said] in ([("SPC014", 3)], [("SPC014", 4)])
        assert "calls itself" in said[0].message


def test_a_number_where_a_layer_is_needed():
    said = wrong("up 8 skip=3", top=TOP)
    assert (at(said), said.message) == ((8, 16), "`skip` is 3 here, not a layer")
    assert said.notes[0].message == "in block up(n=8, skip=3)"
    said = wrong("relu name=x", "conv3 x", top=TOP)
    assert said.message == "`channels` must be a whole number, not the layer `n`"


def test_arguments_in_reports():
    (block,) = graph("conv3 8 k=5 name=stem", top=TOP).nodes
    assert (block.op, block.id, block.label, block.block) == ("conv3", "stem", "conv3 8 k=5", True)
    assert [child.id for child in block.children] == ["stem.conv", "stem.relu"]


def test_an_argument_hides_an_hparam_of_its_name():
    # an included block must not care which hparams the spec around it has
    text = "model: m\nhparams: {width: 4}\ninput: [3]\nblocks:\n  b(width): [linear width]\nlayers: [b 5, b width]\n"
    built = build_graph(Source("t.yaml", text))
    assert [tuple(node.output.shape) for node in built.nodes] == [(5,), (4,)]


def test_a_kind_of_layer_is_no_argument():
    text = "model: t\ninput: [16]\nblocks:\n  f(act): [linear 16, act]\nlayers: [f relu]\n"
    body, call = refused(text)
    assert (body.message, at(body)) == ("unknown layer `act`", (4, 23))
    assert "write a block for each kind of layer" in body.help
    assert (call.message, at(call)) == ("no layer, hparam or argument is named `relu`", (5, 12))
    assert "a number, a size or the name of an earlier layer" in call.help


def test_a_key_that_is_given_none_is_left_out():
    top = "blocks:\n  look(heads, mask=none, window=none):\n    - attention heads mask=mask window=window\n"
    top += "  twice(mask=none): [look 2 mask=mask, look 2]\n"
    layers = ["constant 5x5 name=m", "look 2 mask=m from=input", "look 2 window=3 mask=none", "twice", "twice mask=m"]
    built = graph(*layers, "attention 2 window=none", top=top, input="[5, 8]")
    found = [
        (node.layer.mask is not None, node.layer.window, len(node.inputs))
        for node, *_ in walk(built.nodes)
        if node.op == "attention"
    ]
    alone, masked = (False, None, 1), (True, None, 2)
    assert found == [masked, (False, 3, 1), alone, alone, masked, alone, alone]


def test_none_is_nothing_that_a_key_needs():
    assert wrong("conv none kernel=3").message == "`channels` must be a whole number, not `none`"
    top = "blocks:\n  f(n=none): [conv n kernel=3]\n  g(n=none): [conv 2*n kernel=3]\n"
    assert wrong("f", top=top).message == "`channels` must be a whole number, not none"
    assert "none is not a number" in wrong("g", top=top).message
    assert wrong("relu", top="hparams: {n: none}\n").message == "an hparam is a number, a size, true or false"
