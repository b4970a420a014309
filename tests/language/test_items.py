"""One entry of a list of layers: as a line, a list and a mapping."""

from archcalc.cost import Costs
from tests.each import each

from .writing import at, graph, marked, refused, shape, spec, wrong

SAME = [
    ("conv 64 kernel=11 stride=4 padding=2", "conv: {channels: 64, kernel: 11, stride: 4, padding: 2}"),
    ("conv 64 kernel=3 name=stem", "{conv: {channels: 64, kernel: 3}, name: stem}"),
    ("conv 3 kernel=1 repeat=2", "{conv: {channels: 3, kernel: 1}, repeat: 2}"),
    ("conv 8 kernel=3x5 bias=false", "conv: {channels: 8, kernel: 3x5, bias: false}"),
    ("relu", "relu: {}"),
    ("dropout 0.5", "dropout: {p: 0.5}"),
    ("linear 3*cin", "linear: {features: 3*cin}"),
    ("rearrange 'c h w -> (h w) c'", "rearrange: {pattern: c h w -> (h w) c}"),
    ("rearrange 'c (h a) w -> (c a) h w' a=2", "rearrange: {pattern: 'c (h a) w -> (c a) h w', a: 2}"),
    ("conv channels=4 kernel=3", "conv: {kernel: 3, channels: 4}"),
    ("maxpool 2", "maxpool kernel=2"),
    ("{residual: [conv 3 kernel=1]}", "residual: {layers: [conv 3 kernel=1]}"),
    ("{add: [prev, prev]}", "add: {operands: [prev, prev]}"),
    ("{relu: {}, from: input}", "relu from=input"),
]


def facts(layer):
    first = graph("[conv 3 kernel=1]" if "linear" not in layer else "[flatten]", layer)
    return [(node.op, node.name, node.copies, node.params, node.output.shape) for node in first.nodes]


@each(SAME)
def test_forms_are_interchangeable(line, mapping):
    assert facts(line) == facts(mapping)
    assert shape("conv 3 kernel=1", f"[{line}]") if "{" in line else True


def test_a_list_is_its_layers_in_order():
    flat = graph("conv 8 kernel=3", "batchnorm", "relu", "maxpool 2")
    nested = graph("[conv 8 kernel=3, [batchnorm, [relu]]]", "[maxpool 2]")
    block = graph("- conv 8 kernel=3\n    - [batchnorm, relu]", "maxpool 2")
    assert [n.id for n in flat.nodes] == [n.id for n in nested.nodes] == [n.id for n in block.nodes]
    assert Costs(flat).totals == Costs(nested).totals == Costs(block).totals


def test_words_with_spaces_and_parentheses():
    assert shape("conv ( 2 * (3 + 1) ) kernel=( 1 + 2 )") == [8, 30, 30]
    assert shape("conv ((((((8)))))) kernel=3") == [8, 30, 30]
    assert shape("conv max(8, 16) kernel=3") == [16, 30, 30]
    assert shape("'conv 8 kernel=3'") == [8, 30, 30]
    assert shape("conv '8' kernel=\"3\"") == [8, 30, 30]
    assert shape("rearrange pattern='c h w -> (h w) c'") == [1024, 3]
    assert shape("  conv   8    kernel=3  # a comment") == [8, 30, 30]


@each(
    [
        ("conv 8 9 kernel=3", 12, "9", "takes one unnamed value, `8`; `9` needs its key", "write `conv 9 kernel=3`"),
        ("relu 3", 10, "3", "`relu` takes no unnamed value", "write `relu`"),
        ("residual 3", 14, "3", "`residual` takes a list of layers", "it is `residual: [...]`"),
        ("conv 8 kernel=", 12, "kernel=", "`kernel=` has no value", "without spaces"),
        ("conv 8 kernel= 3", 12, "kernel=", "`kernel=` has no value", "without spaces"),
        ("conv 8 kernel =3", 19, "=3", "`=` must not have spaces", "write `conv 8 kernel=3`"),
        ("conv 8 kernel = 3", 19, "=", "`=` must not have spaces", "write `conv 8 kernel=3`"),
        ("conv 8 kernel=3 kernel=5", 21, "kernel", "duplicate key `kernel`", "once"),
        ("conv 8 kernel=3 channels=5", 21, "channels", "`channels` is given twice", "write `conv 5 kernel=3`"),
        ("conv 8 kernel=3 name=a name=b", 28, "name", "duplicate key `name`", "once"),
        ("conv 8", 5, "conv", "`conv` needs `kernel`", "kernel size"),
        ("conv", 5, "conv", "`conv` needs `channels` and `kernel`", "output channels"),
        ("kernel=3", 5, "kernel=3", "a layer starts with its name", "e.g. `conv"),
        ("conv 8 kernel=3 pading=1", 21, "pading", "has no key `pading`", "did you mean `padding`?"),
        ("conv 8 kernel=3 zzz=1", 21, "zzz", "has no key `zzz`", "its keys are channels, kernel"),
        ("relu inplace=true", 10, "inplace", "`relu` has no key `inplace`", "no cost: leave it out"),
        ("conv 8 kernel=3 padding=reflect", 29, "reflect", "`padding` is the width of the border", "`padding=1 padding_mode=reflect`"),
        ("linear 8 activation=relu", 14, "activation", "has no key `activation`", "as a layer after it"),
        ("relu slope=1", 10, "slope", "`relu` has no key `slope`", "it has no keys"),
        ("conv 8, kernel=3", 10, "8,", "by spaces, not commas", "write `conv 8 kernel=3`"),
        ("conv 8 kernel=3xcin", 19, "3xcin", "not a number or an expression", "e.g. 3x(width)"),
        ("conv 8 kernel=3 padding=full", 29, "full", "no hparam, dim or argument is named `full`", "or same, or same_upper; default 0; a name is defined"),
        ("conv 8 kernel=3 padding=sme", 29, "sme", "no hparam, dim or argument is named `sme`", "did you mean `same`?"),
        ("linear 3x3", 12, "3x3", "not a number or an expression", "a product is written 3*3"),
        ("conv 8 kernel=cinxcin", 19, "cinxcin", "no hparam, dim or argument", "write `(cin)x(cin)`"),
        ("conv -64 kernel=3", 10, "-64", "`channels` must be at least 1, not -64", ""),
        ("conv 8 kernel=3 stride=0", 28, "0", "`stride` must be at least 1, not 0", ""),
        ("dropout 1.5", 13, "1.5", "`p` must be at most 1, not 1.5", ""),
        ("upsample 2 mode=bilinea", 21, "bilinea", "`mode` must be one of", "did you mean `bilinear`?"),
        ("linear 3 bias=qq", 19, "qq", "`bias` must be true, false, or letters of qkv, not `qq`", ""),
        ("rearrange 'c h w -> (h w) c", 15, "'c h w -> (h w) c", "the quote ' is not closed", "same line"),
        ("'conv 8 kernel=3 kernal=3'", 22, "kernal", "has no key `kernal`", "kernel"),
        ("relux", 5, "relux", "unknown layer `relux`", "did you mean `relu` or `relu6`?"),
        ("zzzzzz", 5, "zzzzzz", "unknown layer `zzzzzz`", "archcalc layers"),
        ("BatchNorm2d", 5, "BatchNorm2d", "unknown layer `BatchNorm2d`", "write `batchnorm`"),
        ("nn.ReLU", 5, "nn.ReLU", "unknown layer `nn.ReLU`", "write `relu`"),
        ("fc 10", 5, "fc", "unknown layer `fc`", "write `linear`"),
        ("repeat", 5, "repeat", "unknown layer `repeat`", "`repeat: N` with `layers: [...]`"),
        ("Conv2d(64, kernel_size=3)", 5, "Conv2d", "`Conv2d(...)` is Python", "write `conv 64 kernel=3`"),
        ("nn.Linear(10, 5, bias=False)", 5, "nn.Linear", "is Python", "write `linear 5 bias=false`"),
        ("[Conv2d(64, kernel_size=3), relu]", 6, "Conv2d", "is Python", "write `conv 64 kernel=3`"),
        ("[conv max(8,16) kernel=3, relu]", 11, "max(8", "not a number or an expression", "a comma ends the layer"),
        ("conv: {channels: max(8, 16), kernel: 3}", 22, "max(8", "not a number", "a comma ends the value"),
    ],
)  # fmt: skip
def test_wrong_line(layer, column, under, message, help):
    said = wrong(layer)
    assert at(said) == (4, column)
    assert marked(said) == under
    assert message in said.message
    assert help in (said.help or "")


@each(
    [
        ("conv: 64", (4, 11), "`conv:` takes a mapping"),
        ("conv:", (4, 5), "`conv:` has no value"),
        ("conv: [a]", (4, 11), "`conv:` takes a mapping"),
        ("conv: {channels: 8, kernel: }", (4, 25), "`kernel:` has no value"),
        ("conv: {channels: 8, kernel: {a: 1}}", (4, 33), "must be a size, e.g. 3 or 3x5, not a mapping"),
        ("conv: {channels: [8], kernel: 3}", (4, 22), "must be a whole number, not a list"),
        ("{conv: {channels: 8, kernel: 3}, name: }", (4, 38), "`name:` has no value"),
        ("{conv: {channels: 8, kernel: 3}, name: [a]}", (4, 44), "`name` takes one word or number"),
        ("{conv: {channels: 8, kernel: 3}, relu: {}}", (4, 38), "one layer per item"),
        ("{concat: [prev, prev], axis: 0}", (4, 28), "one layer per item: found both `concat` and `axis`"),
        ("{repeat: 2, layers: [relu], stride: 3}", (4, 33), "`stride` is neither a layer nor a key next to `layers:`"),
        ("{repeat: 2, stride: 3, layers: [relu]}", (4, 17), "`stride` is neither a layer nor a key next to `layers:`"),
        ("{repeats: 2, layers: [relu]}", (4, 6), "`repeats` is not a key next to `layers:`"),
        ("{conv: {channels: 8, kernel: 3}, nmae: a}", (4, 38), "`nmae` is not a key next to `conv:`"),
        ("conv 8 kernel=3\n    name: a", (5, 5), "`conv 8 kernel=3` is a whole layer: it takes no keys below it"),
        ("{name: a}", (4, 5), "no layer here"),
        ("{}", (4, 5), "no layer here"),
        ("layers: [relu]", (4, 5), "`layers:` needs `repeat:` next to it"),
        ("residual: {layers: relu}", (4, 24), "`layers` must be a list of layers"),
        ("add: {operands: prev}", (4, 21), "takes a list of names or lists of layers"),
        ("einsum: {equation: 'nd,md->nm', operands: prev}", (4, 47), "takes a list of names or lists of layers"),
        ("add: [prev]", (4, 5), "takes at least 2 operands, not 1"),
        ("sub: [prev, prev, prev]", (4, 5), "takes 2 operands, not 3"),
        ("add: [prev, {relu: {}}]", (4, 17), "an operand must be a name or a list of layers"),
        ("add: [prev, relu]", (4, 17), "no earlier layer is named `relu`"),
        ("add: [prev, conv 3 kernel=1]", (4, 17), "not the name of a layer"),
        ("concat: prev", (4, 13), "`concat:` takes a mapping"),
        ("conv: {channels: 8, kernel: 3, repeat: 2}", (4, 36), "`repeat` belongs next to `conv:`"),
    ],
)  # fmt: skip
def test_wrong_mapping(layer, place, message):
    said = wrong(layer)
    assert at(said) == place
    assert message in said.message


OUT = "take `{}` out, or write it as a layer of its own, with a `- ` before it"


@each(
    [
        ("{concat: [prev, prev], axis: 0}", "the long form has both: `concat: {operands: [...], axis: 0}`"),
        (
            "{einsum: [prev, prev], equation: 'a b, a b -> a'}",
            "the long form has both: `einsum: {operands: [...], equation: 'a b, a b -> a'}`",
        ),
        ("{moe: [relu], experts: 4}", "the long form has both: `moe: {layers: [...], experts: 4}`"),
        (
            "{residual: [relu], shortcut: [identity]}",
            "the long form has both: `residual: {layers: [...], shortcut: [...]}`",
        ),
        ("{residual: [relu], relu: [relu]}", OUT.format("relu")),
        ("{add: [prev, prev], linear: 4}", OUT.format("linear")),
        ("{linear 4: {}, name: b}", "write `linear 4 name=b`"),
        ("linear 4: {bias: false}", "write `linear 4 bias=false`"),
        ("linear 4:\n    name: b", "write `linear 4 name=b`"),
        ("max pool 2 stride=2", "write `maxpool 2 stride=2`"),
        ("adaptive avg pool 1", "write `adaptiveavgpool 1`"),
        ("{foo: [prev, prev], linear: 4}", OUT.format("linear")),
        ("{each: [linear 8], foo: 3}", OUT.format("foo")),
        ("{each: prev, layers: [linear 8], layer: 3}", "did you mean `layers`?"),
        ("{foo: 3}", "`archcalc layers` lists them; your own go under `blocks:`"),
    ]
)
def test_a_key_beside_a_list(layer, help):
    assert wrong(layer).help == help


def test_operand_that_is_a_layer_gets_brackets():
    assert wrong("add: [prev, relu]").help == "write `[relu]` to apply the layer here"


def test_an_empty_entry():
    (first, second) = refused("model: m\ninput: [3]\nlayers:\n  - relu\n  -\n  -\n")
    assert (at(first), at(second)) == ((5, 4), (6, 4))
    assert first.message == "an empty entry: a layer is missing here"


def test_empty_lists():
    assert wrong("[]").message == "`layers:` is empty"
    assert shape("residual: [[]]") == [3, 32, 32]


def test_spec_of_one_line():
    assert shape("relu") == [3, 32, 32]
    assert spec("relu").endswith("  - relu\n")


@each(
    [
        "residual: []",
        "residual: {layers: []}",
        "residual: {layers: [relu], shortcut: []}",
        "{repeat: 3, layers: []}",
    ]
)
def test_lists_without_layers(layer):
    said = wrong(layer)
    assert (said.code, said.message, marked(said)) == ("SPC010", "an empty list of layers", "[]")
