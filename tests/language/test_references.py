"""Names of layers: from=, prev, input, further outputs, clashes, and what is said of unknown ones."""

from tests.each import each

from .writing import at, graph, marked, refused, shape, spec, wrong


def test_from_replaces_the_input():
    assert shape("conv 8 kernel=3 name=a", "maxpool 2", "conv 4 kernel=1 from=a") == [4, 30, 30]
    assert shape("conv 8 kernel=3", "conv 4 kernel=1 from=input") == [4, 32, 32]
    assert shape("conv 8 kernel=3", "relu from=prev") == [8, 30, 30]
    assert shape("conv 8 kernel=3 name=a", "maxpool 2", "{residual: [relu], from: a}") == [8, 30, 30]


def test_operands_are_names_or_lists():
    assert shape("conv 3 kernel=1 name=x", "concat: [x, input, prev, [conv 5 kernel=1]]") == [14, 32, 32]
    assert shape(
        "conv 3 kernel=1 name=x", "conv 8 kernel=1", "concat: [[conv 2 kernel=1], [conv 3 kernel=1, relu], x]"
    ) == [
        8,
        32,
        32,
    ]
    assert shape("conv 3 kernel=9", "{concat: [[relu], [relu]], from: input}") == [6, 32, 32]


def test_a_shared_operand_is_one_node():
    net = graph("relu name=x", "sigmoid name=y from=input", "add: [x, x, y]")
    assert len(net.nodes) == 3
    add = net.nodes[-1]
    assert add.inputs[0] is add.inputs[1] is net.nodes[0].output
    assert add.other_flops == 2 * 3 * 32 * 32


def test_names_inside_lists_are_of_the_scope():
    assert shape("concat: [[conv 8 kernel=1 name=a], [relu]]", "relu from=a") == [8, 32, 32]
    assert shape("residual: [relu name=a]", "relu from=a") == [3, 32, 32]


def test_an_expert_is_a_scope():
    expert = "moe: {experts: 4, top_k: 2, layers: [linear 8 name=a, {residual: [linear 8 from=a]}]}"
    assert shape("relu name=b", expert, expert, input="[7, 8]") == [7, 8]
    said = wrong(expert, "relu from=a", input="[7, 8]")
    assert said.message == "no earlier layer is named `a`"


@each([("e", [7, 10]), ("e.h", [4, 5]), ("e.c", [4, 5]), ("e.last", [10]), ("prev.last", [10])])
def test_further_outputs(ref, out):
    layer = "lstm 5 layers=2 bidirectional=true name=e"
    assert shape(layer, f"identity from={ref}", input="[7, 4]") == out


def test_parts_of_a_split():
    assert shape("conv 8 kernel=1", "split 4 name=s", "concat: [s.0, s.3]") == [4, 32, 32]
    said = wrong("conv 8 kernel=1", "split 4", "relu")
    assert said.message == "the layer before has several outputs"
    assert "from=NAME.0" in said.help
    said = wrong("conv 8 kernel=1", "split 4 name=s", "add: [s, s.1]")
    assert (marked(said), said.help) == ("s", "choose one, e.g. s.0")
    said = wrong("conv 8 kernel=1", "split 4 name=s", "relu from=s.4")
    assert said.message == "`s` has no output `4`"


@each(
    [
        (
            ["relu from=x"],
            (4, 15),
            "x",
            "no earlier layer is named `x`",
            "give an earlier layer name=x, or read `input`",
        ),
        (["relu name=encoder", "relu from=encodr"], (5, 15), "encodr", "named `encodr`", "did you mean `encoder`?"),
        (
            ["relu from=a", "relu name=a"],
            (4, 15),
            "a",
            "named `a`",
            "`a` comes later, at 6:15; references can only",
        ),
        (["relu name=a from=a"], (4, 22), "a", "named `a`", "references can only point back"),
        (
            ["relu from=relu"],
            (4, 15),
            "relu",
            "named `relu`",
            "`relu` is a kind of layer; what is read is a name that name= gives",
        ),
        (["relu from=w"], (4, 15), "w", "`w` is a number, not a layer", "layer before this one"),
        (
            ["lstm 3 name=e from=input", "relu from=e.hh"],
            (5, 15),
            "e.hh",
            "`e` has no output `hh`",
            "did you mean `e.h`?",
        ),
        (["relu name=e", "relu from=e.h"], (5, 15), "e.h", "`e` has no output `h`", "it has one output"),
        (["relu from='a b'"], (4, 15), "'a b'", "not the name of a layer: `a b`", "put them in [ ]"),
        (["relu from=3"], (4, 15), "3", "not the name of a layer: `3`", ""),
        (["relu from=a.b.c"], (4, 15), "a.b.c", "not the name of a layer", ""),
    ]
)
def test_wrong_reference(layers, place, under, message, help):
    diagnostics = refused(spec(*layers, input="[7, 4]" if "lstm" in layers[0] else "[3]", top="hparams: {w: 1}\n"))
    (said,) = diagnostics
    assert (at(said), marked(said)) == ((place[0] + 1, place[1]), under)
    assert message in said.message
    assert help in (said.help or "")


@each(
    [
        ("a", "`a` is already the name of a layer"),
        ("w", "`w` is already an hparam or dim"),
        ("s", "`s` is already an hparam or dim"),
        ("prev", "`prev` has a meaning of its own"),
        ("input", "`input` has a meaning of its own"),
        ("cin", "`cin` has a meaning of its own"),
        ("max", "`max` has a meaning of its own"),
        ("true", "`true` has a meaning of its own"),
        ("2a", "`2a` is not a name"),
        ("a-b", "`a-b` is not a name"),
        ("a.b", "`a.b` is not a name"),
        ("größe", "`größe` is not a name"),
        ("''", "`` is not a name"),
    ]
)
def test_wrong_name(name, message):
    said = wrong("relu name=a", f"relu name={name}", top="hparams: {w: 1}\ndims: {s: 1}\n")
    assert (said.message, at(said)) == (message, (7, 15))
    assert said.help == (
        "a name is letters a to z, digits and _, not a digit first" if "is not" in message else "choose another name"
    )


def test_a_name_may_be_an_argument_in_no_way():
    said = wrong("b 3", top="blocks: {b(n): [relu name=n]}\n")
    assert said.message == "`n` is already an argument of the block"


def test_clash_with_a_name_around_a_repeat():
    said = wrong("relu name=a", "repeat: 2\n    layers: [relu name=a]")
    assert (said.message, said.notes[0].message, str(said.notes[0].place)) == (
        "`a` is already the name of a layer", "first", "t.yaml:4:15",
    )  # fmt: skip


def test_ids_are_unique_and_readable():
    net = graph("conv 8 kernel=3", "relu", "conv 8 kernel=3 name=last", "relu", "relu name=relu1")
    assert [node.id for node in net.nodes] == ["conv", "relu2", "last", "relu3", "relu1"]
