"""Where a layout is decided, before or after what has to know it: in blocks, copies, expressions, at the input."""

import re

from archcalc.cost import Costs
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from tests.each import each

from .writing import graph, marked, read, refused, shape, spec, wrong

TWO = "{photo: [4, 8, 6], drawing: [4, 8, 6]}"
# Layers that need not know a layout, one behind the other: what decides it may be far away.
FAR = (
    "relu",
    "dropout 0.1",
    "{residual: [relu, identity]}",
    "roll 1",
    "{repeat: 3, layers: [silu]}",
    "slice 0 axis=1",
    "scale 2",
)


@each(
    [
        ("conv 2 kernel=1", [8, 8, 6]), ("maxpool 2", [8, 8, 6]), ("batchnorm", [8, 8, 6]), ("upsample 2", [8, 8, 6]),
        ("linear 2", [4, 8, 12]), ("layernorm", [4, 8, 12]), ("attention 2", [4, 8, 12]), ("moe: {experts: 2, top_k: 1, layers: [linear 4]}", [4, 8, 12]),
        ("rearrange 'c h w -> (h w) c'", [8, 8, 6]), ("rearrange 'h w c -> (h w) c'", [4, 8, 12]),
        ("add: [prev, [parameter 12]]", [4, 8, 12]), ("prelu 8", [8, 8, 6]),
    ],
)  # fmt: skip
def test_a_later_layer_decides(last, joined):
    net = graph("concat: [photo, drawing]", *FAR, last, input=TWO)
    assert list(map(int, net.nodes[0].output.shape)) == joined


def test_what_else_reads_the_tensor_decides_it():
    for layers in (
        ["concat: [photo, drawing]", "conv 2 kernel=1 from=photo"],
        ["conv 2 kernel=1 from=photo", "concat: [photo, drawing]"],
        ["concat: [photo, drawing]", "relu from=drawing", "conv 2 kernel=1"],
    ):
        net = graph(*layers, input=TWO)
        (joined,) = [node for node in net.nodes if node.op == "concat"]
        assert joined.output.shape == (8, 8, 6)


def test_an_input_may_state_it():
    for first, second in (("photo", "drawing"), ("drawing", "photo")):
        for layout, joined in (("channels-first", [8, 8, 6]), ("features-last", [4, 8, 12])):
            stated = f"{{{first}: {{size: [4, 8, 6], layout: {layout}}}, {second}: [4, 8, 6]}}"
            assert shape("concat: [photo, drawing]", input=stated) == joined
    assert shape(
        "softmax", "layerscale", "glu", input="{x: {size: [4, n, 6], layout: features-last}}", top="dims: {n: 5}\n"
    ) == [4, 5, 3]
    assert graph("relu from=input", input="{x: {size: [4, 6]}}").nodes[0].output.layout is None
    said = wrong("linear 3", input="{x: {size: [4, 6], layout: channels-first}}")
    assert (said.code, marked(said)) == ("SHP102", "linear")
    assert [note.message for note in said.notes] == ["decided by `channels-first`"]


@each(
    [
        ("{x: {size: [4, 6], layout: 3}}", "3", "not `3`"),
        ("{x: {size: [4, 6], layout: [a]}}", "", "`layout` must be channels-first or features-last"),
        ("{x: {size: [4], layout: channels-first}}", "channels-first", "a vector has one axis"),
        ("{x: {layout: channels-first}}", "x", "needs `size`"),
        ("{x: {size: 4, layout: channels-first}}", "4", "`size` must be a list of sizes"),
        ("{x: {size: [], layout: channels-first}}", "", "one to eight sizes"),
        ("{x: {size: [4], batch: 3}}", "batch", "no key `batch`"),
        ("{size: [4, 6], layout: channels-first}", "channels-first", "an input must be a list of sizes"),
    ]
)
def test_an_input_that_states_it_wrongly(input, under, message):
    (said,) = refused(spec("relu from=x" if input.startswith("{x") else "relu from=size", input=input))[:1]
    assert message in said.message
    assert not under or marked(said) == under


def test_a_block_is_of_either_layout():
    top = "blocks: {double: [{concat: [prev, prev]}, softmax]}\n"
    assert shape("conv 4 kernel=1", "double", input="[3, 8, 6]", top=top) == [8, 8, 6]
    assert shape("double", "conv 4 kernel=1", input="[3, 8, 6]", top=top) == [4, 8, 6]
    lines = ["double name=a from=x", "conv 5 kernel=1", "double name=b from=y", "linear 7"]
    net = graph(*lines, input="{x: [3, 8, 6], y: [3, 8, 6]}", top=top)
    assert [tuple(map(int, node.output.shape)) for node in net.nodes] == [(6, 8, 6), (5, 8, 6), (3, 8, 12), (3, 8, 7)]


def test_a_block_that_decides_for_its_caller():
    top = "blocks: {map: [relu, conv 4 kernel=1]}\n"
    assert shape("concat: [photo, drawing]", "map", input=TWO, top=top) == [4, 8, 6]
    top = "blocks:\n  join(other): [{concat: [prev, other]}]\n"
    assert shape("join other=drawing from=photo", "batchnorm", input=TWO, top=top) == [8, 8, 6]


def test_the_error_in_a_block_names_the_call():
    top = "blocks: {double: [{concat: [prev, prev]}]}\n"
    said = wrong("double", "flatten", input="[3, 8, 6]", top=top)
    assert said.code == "SHP111"
    assert [note.message for note in said.notes] == [
        "nothing that reads or makes this tensor decides its layout",
        "in block double()",
    ]


@each([2, 3, 1000, 1_000_000_000])
def test_what_goes_round_is_one_group(copies):
    inside = graph(f"{{repeat: {copies}, layers: [softmax, relu]}}", "conv 4 kernel=1", input="[3, 8, 6]")
    assert inside.nodes[0].output.layout == CHANNELS_FIRST
    assert len(inside.nodes[0].children or [1]) <= 2
    after = graph("relu", f"{{repeat: {copies}, layers: [{{residual: [softmax]}}]}}", "linear 4", input="[3, 8, 6]")
    assert after.nodes[1].output.layout == FEATURES_LAST


def test_the_end_of_a_copy_is_the_beginning_of_the_next():
    body = "[conv 3 kernel=1, reshape 3x8x6, softmax]"
    assert shape(f"{{repeat: 3, layers: {body}}}", input="[3, 8, 6]") == [3, 8, 6]
    said = wrong(f"{{repeat: 1, layers: {body}}}", input="[3, 8, 6]")
    assert said.code == "SHP111", "a single copy has no next"


def test_a_copy_that_turns_the_axes_round_is_not_what_it_started_from():
    said = wrong("linear 8", "{repeat: 3, layers: [transpose]}", "softmax", input="[8, 8]")
    assert said.code == "SHP111"
    assert marked(said) == "softmax"
    assert shape("conv 8 kernel=1", "{repeat: 2, layers: [transpose, linear 8]}", input="[8, 8]") == [8, 8]


def test_copies_of_fewer_axes_each():
    said = wrong("{repeat: 2, layers: [softmax, mean axis=1]}", "flatten", input="[4, 6, 5, 3]")
    assert said.code == "SHP111"
    assert shape("{repeat: 2, layers: [softmax, mean axis=1]}", "conv 2 kernel=1", input="[4, 6, 5, 3]") == [2, 3]
    assert shape("{repeat: 2, layers: [glu, mean axis=1]}", "linear 2", input="[4, 6, 5, 8]") == [4, 2]


def test_growing_copies():
    net = graph("{repeat: 3, layers: [{concat: [prev, prev]}]}", "conv 2 kernel=1", input="[3, 8, 6]")
    assert net.nodes[0].output.shape == (24, 8, 6)


def test_further_outputs_are_of_the_group():
    assert shape("split 2 name=s", "add: [s.0, s.1]", "conv 5 kernel=1", input="[4, 8, 6]") == [5, 8, 6]
    net = graph("split 2 name=s", "linear 5 from=s.1", input="[4, 8, 6]")
    assert net.nodes[0].output.outputs["0"].shape == (4, 8, 3)
    assert shape("lstm 4 name=a", "concat: [a.h, a.c]", input="[5, 3]") == [1, 8]


@each(
    [
        (["relu", "scale cin**-0.5", "conv 2 kernel=1"], "0.5"),
        (["relu", "scale cin**-0.5", "linear 2"], "0.408248"),
        (["prelu cin", "flatten"], "prelu 4"),
        (["groupnorm cin//2"], "groupnorm 2"),
        (["relu repeat=cin", "conv 2 kernel=1"], "relu"),
    ]
)
def test_cin_is_decided_like_any_layer(layers, channels):
    net = graph(*layers, input="[4, 8, 6]")
    assert channels in " ".join(node.label for node in net.nodes)
    if "repeat" in layers[0]:
        assert net.nodes[0].copies == 4


def test_cin_through_a_block():
    top = "blocks:\n  wide(n): [linear n]\n  deep(n): [conv n kernel=1]\n"
    assert shape("relu", "wide 2*cin", input="[4, 8, 6]", top=top) == [4, 8, 12]
    assert shape("relu", "deep 2*cin", input="[4, 8, 6]", top=top) == [8, 8, 6]


@each(
    [
        (
            ["concat: [input, input]"],
            ["concat: {operands: [input, input], axis: 0}", "concat: {operands: [input, input], axis: 2}"],
        ),
        (["split 2 name=a", "relu from=a.0"], ["split 2 axis=0 name=a", "split 2 axis=2 name=a"]),
        (["glu"], ["glu axis=0", "glu axis=2"]),
        (["softmax"], ["softmax axis=0", "softmax axis=2"]),
        (["logsoftmax"], ["logsoftmax axis=0", "logsoftmax axis=2"]),
        (["layerscale"], ["layerscale axis=0", "layerscale axis=2"]),
        (["rmsnorm"], ["rmsnorm axis=0", "rmsnorm axis=2"]),
    ]
)
def test_both_readings_are_told_and_work(layers, says):
    """Each advice is followed; it gives what it says, and what the layout gives where it is stated."""
    said = wrong(*layers, input="[4, 8, 6]")
    assert (said.code, said.fix) == ("SHP111", None)
    readings = re.findall(r"axis=(\d) \w+ (channels|the last axis), giving ([^;]+)", said.help)
    assert [axis for axis, _, _ in readings] == ["0", "2"]
    for (axis, what, giving), line in zip(readings, says):
        assert f"axis={axis}" in line.replace(": ", "=")
        net = graph(line, *layers[1:], input="[4, 8, 6]")
        layout = "channels-first" if what == "channels" else "features-last"
        stated = graph(*layers, input=f"{{input_: {{size: [4, 8, 6], layout: {layout}}}}}")
        assert Costs(net).totals == Costs(stated).totals
        output = net.nodes[0].output.outputs["0"] if net.nodes[0].output.outputs else net.nodes[0].output
        size = {"0": 4, "2": 6}[axis]
        assert str(output) in giving or str(size) in giving
    stated = re.search(r"or state it at the input, e.g. `(input: .*)`", said.help)
    text = f"model: m\n{stated.group(1)}\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
    read(text)


def test_a_reading_that_does_not_fit_is_told():
    said = wrong("glu", input="[3, 8, 6]")
    assert said.help.startswith(
        "say which axis: axis=2 halves the last axis, giving [3, 8, 3]; axis=0 does not fit: 2 does not divide the 3"
    )
    assert "layout: features-last" in said.help
    assert wrong("split 5 name=a", input="[3, 8, 6]").code == "SHP108"


@each(
    [
        (["conv 8 kernel=1", "rearrange 'h w c -> c h w'"], "SHP112"),
        (["linear 8", "rearrange 'c h w -> h w c'"], "SHP112"),
        (["conv 8 kernel=1", "rearrange 'h c w -> h w c'"], "SHP112"),
        (["conv 8 kernel=1", "rearrange 'h (a c) w -> a c (h w)' a=2"], "SHP112"),
        (["rearrange 'h w c -> c h w'", "conv 8 kernel=1 from=input"], "SHP102"),
        (["rearrange 'h c w -> c h w'", "conv 8 kernel=1 from=input"], "SHP102"),
        (["conv 8 kernel=1", "rearrange 'c h w -> h w c'", "conv 8 kernel=1"], "SHP102"),
        (["linear 8", "rearrange 'h w c -> c h w'", "linear 8"], "SHP102"),
        (["conv 8 kernel=1", "rearrange 'c h w -> h c w'", "softmax"], "SHP111"),
        (["conv 8 kernel=1", "rearrange 'a h w -> h w a'", "softmax"], "SHP111"),
    ],
)  # fmt: skip
def test_letters_are_held_to(layers, code):
    assert wrong(*layers, input="[6, 4, 8]").code == code


@each(
    [
        (["conv 8 kernel=1", "rearrange 'c h w -> h w c'", "softmax", "linear 3"], [4, 8, 3]),
        (["conv 8 kernel=1", "rearrange 'c h w -> (h w) c'", "concat: [prev, prev]"], [32, 16]),
        (["linear 8", "rearrange 'h w (a c) -> (a c) h w' a=2", "concat: [prev, prev]"], [16, 6, 4]),
        (["rearrange 'h w c -> c h w'", "concat: [prev, prev]", "linear 3 from=input"], [6, 4, 3]),
        (["conv 8 kernel=1", "rearrange 'c ... -> ... c'", "concat: [prev, prev]"], [4, 8, 16]),
        (["conv 8 kernel=1", "rearrange 'x y z -> z y x'", "conv 3 kernel=1"], [3, 4, 8]),
        (["conv 8 kernel=1", "flatten", "rearrange '(c h) -> c h' h=4", "concat: [prev, prev]"], [128, 4]),
    ],
)  # fmt: skip
def test_letters_say_the_layout(layers, output):
    assert shape(*layers, input="[6, 4, 8]") == output


def test_a_pattern_that_calls_a_middle_axis_channels():
    said = wrong("rearrange 'n c h w -> c n h w' name=a", "conv 8 kernel=1 from=input", input="[5, 3, 8, 8]")
    assert said.message == "`conv` wants channels first, but [5, 3, 8, 8] has its channels on axis 1"
    assert shape("rearrange 'n c h w -> c n h w'", "conv 8 kernel=1", input="[5, 3, 8, 8]") == [8, 5, 8, 8]
    net = graph("rearrange 'n c h w -> c n h w' name=a", "layerscale from=input", input="[5, 3, 8, 8]")
    assert net.nodes[-1].params == {"weight": (3,)}


CASES = {  # networks that were counted as others: the input, the layers, parameters and output
    "pix2pix critic": (TWO, ["concat: [photo, drawing]", "conv 64 kernel=4 stride=2 padding=1"], 64 * 8 * 16 + 64, [64, 4, 3]),
    "concat behind a pattern": (
        "[16, 56, 56]",
        ["conv 16 kernel=1", "rearrange 'c h w -> h w c'", "layernorm", "rearrange 'h w c -> c h w' name=a", "concat: [a, a]",
         "rearrange 'c h w -> (h w) c'", "linear 10"],
        272 + 32 + 330, [3136, 10],
    ),
    "layerscale behind a pattern": (
        "[3, 56, 56]",
        ["conv 96 kernel=1", "rearrange 'c h w -> h w c'", "[layernorm, linear 384, gelu, linear 96]", "rearrange 'h w c -> c h w'",
         "layerscale"],
        384 + 192 + 37_248 + 36_960 + 96, [96, 56, 56],
    ),
    "tokens back to a map": (
        "{x: [12, 5], skip: [7, 4, 3]}",
        ["rearrange '(h w) c -> c h w' h=4 from=x", "concat: [prev, skip]"], 0, [12, 4, 3],
    ),
    "a gate of two undecided tensors": ("{x: [4, 8, 8], out: [6, 8, 8]}", ["concat: [x, out]", "conv 24 kernel=3 padding=1"], 10 * 24 * 9 + 24, [24, 8, 8]),
}  # fmt: skip


@each(CASES)
def test_networks_that_people_write(case):
    input, layers, params, output = CASES[case]
    net = graph(*layers, input=input)
    assert Costs(net).totals.params == params
    assert list(map(int, net.nodes[-1].output.shape)) == output


NOTED = {
    "SHP113": ("[1, 28, 28]", ["linear 128", "relu", "linear 10"], "SHP113"),
    "behind an activation": ("[1, 28, 28]", ["relu", "linear 128"], "SHP113"),
    "SHP114": ("[32, 32, 3]", ["conv 16 kernel=3"], "SHP114"),
    "SHP115": ("[1, 3, 224, 224]", ["conv 16 kernel=3"], "SHP115"),
    "SHP116": ("[3, 56, 56]", ["conv 8 kernel=3 padding=1", "mean", "linear 10"], "SHP116"),
    "a mean, flattened": ("[3, 56, 56]", ["conv 8 kernel=3 padding=1", "mean", "flatten", "linear 10"], "SHP116"),
    "features that are stated": ("{x: {size: [9, 49, 16], layout: features-last}}", ["linear 128"], None),
    "features behind a norm": ("[9, 49, 16]", ["layernorm", "linear 128"], None),
    "two axes": ("[28, 28]", ["linear 10"], None),
    "channels that are stated": ("{x: {size: [32, 32, 3], layout: channels-first}}", ["conv 16 kernel=3"], None),
    "channels first": ("[3, 32, 32]", ["conv 16 kernel=3"], None),
    "a pooled map": ("[96, 1, 1]", ["conv 16 kernel=1"], None),
    "a volume": ("[1, 16, 32, 32]", ["conv 16 kernel=3"], None),
    "a mean of each channel": ("[3, 56, 56]", ["conv 8 kernel=3 padding=1", "mean 1x2", "linear 10"], None),
    "spatial attention": ("[3, 56, 56]", ["conv 8 kernel=3 name=x", "mean keepdim=true", "conv 1 kernel=7 padding=3"], None),
    "a mean of positions": ("[20, 8]", ["linear 8", "mean", "linear 2"], None),
}  # fmt: skip


@each(NOTED)
def test_what_was_probably_meant_otherwise(case):
    from archcalc.network.misread import misread

    input, layers, code = NOTED[case]
    assert [one.code for one in misread(graph(*layers, input=input))] == ([code] if code else [])


@each(
    [
        ("[1, 28, 28]", ["linear 128"], ("[1, 28, 28]", ["flatten", "linear 128"])),
        ("[32, 32, 3]", ["conv 16 kernel=3"], ("[3, 32, 32]", ["conv 16 kernel=3"])),
        ("[1, 3, 224, 224]", ["conv 16 kernel=3"], ("[3, 224, 224]", ["conv 16 kernel=3"])),
        (
            "[3, 56, 56]",
            ["conv 8 kernel=3 padding=1", "mean", "linear 10"],
            ("[3, 56, 56]", ["conv 8 kernel=3 padding=1", "mean axis=1x2", "linear 10"]),
        ),
    ]
)
def test_the_notes_advice_works(input, layers, followed):
    from archcalc.network.misread import misread

    (found,) = misread(graph(*layers, input=input))
    new, lines = followed
    assert new in found.help or any(f"`{line}`" in found.help for line in lines)
    assert misread(graph(*lines, input=new)) == []
    stated = re.search(r"write `(input: .*)`$", found.help)
    if stated:
        text = f"model: m\n{stated.group(1)}\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
        assert misread(read(text)) == []
