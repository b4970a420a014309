"""The top level of a file: which keys there are and what each holds."""

from archcalc.language.amounts import parse_amount
from tests.each import each

from .writing import at, graph, marked, read, refused, spec

LAYERS = "model: m\ninput: [3, 8, 8]\nlayers: [relu]\n"


def only(text):
    diagnostics = refused(text)
    assert len(diagnostics) == 1, "\n".join(map(str, diagnostics))
    return diagnostics[0]


@each(["model", "input", "layers"])
def test_required(key):
    text = "".join(line for line in LAYERS.splitlines(keepends=True) if not line.startswith(key))
    said = only(text)
    assert said.message == f"the spec has no `{key}:`"
    assert said.code == "SPC004"
    assert at(said) == (1, 1)


def test_all_that_is_missing_is_told():
    (said,) = refused("dims: {a: 1}\n")
    assert said.message == "the spec has no `model:`, `input:` and `layers:`"


@each(
    [
        ("layer: [relu]", (4, 1), "unknown key `layer`", "did you mean `layers`?"),
        ("optimizer: adam", (4, 1), "unknown key `optimizer`", "the keys are model, include"),
        ("'': 1", (4, 1), "unknown key ``", ""),
        ("model: x", (4, 1), "duplicate key `model`", "first given at 1:1"),
        ("loss: crossentropi", (4, 7), "no loss is named `crossentropi`", "did you mean `crossentropy`?"),
        ("loss: [mse]", (4, 7), "`loss:` takes one word", ""),
        ("loss:", (4, 1), "`loss:` takes one word", ""),
        ("output: {a: b}", (4, 1), "`output:` must be the name of a layer", "e.g. [logits, aux]"),
        ("output: []", (4, 1), "`output:` must be the name of a layer", ""),
        ("output: [input, prev, input]", (4, 23), "`input` is already an output", "delete"),
        ("output: nothing", (4, 9), "no earlier layer is named `nothing`", "name=nothing"),
        ("budget: {params: much}", (4, 18), "not an amount: `much`", "e.g. 25M"),
        ("budget: {params: 7B}", (4, 18), "not an amount: `7B`", "e.g. 25M"),
        ("budget: {flops: 1G}", (4, 10), "`budget` has no key `flops`", "params, trainable, macs, depth, memory"),
        ("growth: {params: 5}", (4, 18), "not a percentage: `5`", "e.g. 5%"),
        ("growth: {prams: 5%}", (4, 10), "`growth` has no key `prams`", "did you mean `params`?"),
        ("budget: {dept: 5}", (4, 10), "`budget` has no key `dept`", "did you mean `depth`?"),
        ("budget: 25M", (4, 9), "`budget:` takes a mapping", ""),
        ("expect: {params: 1.5}", (4, 18), "`params` must be a whole number", "exact number"),
        ("expect: {output: 10}", (4, 18), "`output` must be a list of sizes", "e.g. [1000]"),
        ("expect: {parms: 1}", (4, 10), "`expect` has no key `parms`", "did you mean `params`?"),
        ("expect: [1]", (4, 9), "`expect:` takes a mapping", ""),
        ("hparams: [a]", (4, 10), "`hparams:` takes a mapping", ""),
        ("hparams: {a: }", (4, 11), "`a` needs one value", ""),
        ("hparams: {a: [1]}", (4, 11), "`a` needs one value", ""),
        ("hparams: {2a: 1}", (4, 11), "`2a` is not a name", "letters"),
        ("hparams: {prev: 1}", (4, 11), "`prev` has a meaning of its own", "another name"),
        ("hparams: {input: 1}", (4, 11), "`input` has a meaning of its own", "another name"),
        ("hparams: {cin: 1}", (4, 11), "`cin` has a meaning of its own", "another name"),
        ("hparams: {a: max(1, 2)}", (4, 14), "not a number or an expression: `max(1`", "a comma ends the value"),
        ("dims: {a: 0}", (4, 11), "the dim `a` must be a whole number of at least 1, not 0", ""),
        ("dims: {a: 1.5}", (4, 11), "the dim `a` must be a whole number of at least 1, not 1.5", ""),
        ("dims: {a: true}", (4, 11), "the dim `a` must be a whole number of at least 1, not true", ""),
        ("blocks: [a]", (4, 9), "`blocks:` must be a mapping", ""),
        ("blocks: {a: relu}", (4, 10), "the body of `a` must be a list of layers", ""),
        ("variants: [a]", (4, 11), "`variants:` takes a mapping", ""),
        ("variants: {'a b': {}}", (4, 12), "`a b` is not a name for a variant", ""),
        ("variants: {a: {w: 1}}", (4, 16), "no hparam is named `w`", "add it to `hparams:` first"),
    ],
)  # fmt: skip
def test_wrong_key(extra, place, message, help):
    said = only(LAYERS + extra + "\n")
    assert at(said) == place
    assert message in said.message
    assert help in (said.help or "")


@each(
    [
        ("3", "`input:` must be a list of sizes"),
        ("", "`input:` must be a list of sizes"),
        ("{}", "`input:` must be a list of sizes"),
        ("[]", "an input has one to eight sizes"),
        ("[[3]]", "an input has one to eight sizes"),
        ("[1, 2, 3, 4, 5, 6, 7, 8, 9]", "an input has one to eight sizes"),
        ("[3, 0]", "a size must be a whole number of at least 1, not 0"),
        ("[3, -1]", "a size must be a whole number of at least 1, not -1"),
        ("[3, 3.5]", "a size must be a whole number of at least 1, not 3.5"),
        ("[3x5]", "a size must be a whole number of at least 1, not 3x5"),
        ("[true]", "a size must be a whole number of at least 1, not true"),
        ("[9223372036854775808]", "a size must be at most 9,223,372,036,854,775,807, not 9223372036854775808"),
        ("[widht]", "no earlier hparam is named `widht`"),
        ("{a: 3}", "an input must be a list of sizes"),
        ("{2a: [3]}", "`2a` is not a name"),
        ("{width: [3]}", "`width` is already an hparam or dim"),
    ]
)
def test_wrong_input(value, message):
    said = only(f"model: m\nhparams: {{width: 8}}\ninput: {value}\nlayers: [relu]\n")
    assert message in said.message


def test_input_may_use_hparams_and_dims():
    net = read("model: m\nhparams: {w: 4}\ndims: {seq: 5}\ninput: [seq, 2*w]\nlayers: [relu]\n")
    assert net.inputs["input"].shape == (5, 8)


def test_model_and_output_names():
    net = graph("conv 8 kernel=3", "relu")
    assert (net.model, list(net.outputs), net.path) == ("m", ["relu"], "t.yaml")
    net = read(spec("conv 8 kernel=3 name=a", "relu name=b") + "output: [b, a]\n")
    assert {name: tensor.shape for name, tensor in net.outputs.items()} == {"b": (8, 30, 30), "a": (8, 30, 30)}
    net = read(spec("conv 8 kernel=3 name=a", "split 2 name=s") + "output: s.1\n")
    assert net.outputs["s.1"].shape == (4, 30, 30)


def test_several_inputs():
    text = "model: m\ninput: {src: [5, 8], tgt: [6, 8]}\nlayers:\n  - lstm 8 from=src name=e\n  - lstm 8 from=tgt state=e\n"
    assert [tuple(net.shape) for net in read(text).outputs.values()] == [(6, 8)]
    said = only("model: m\ninput: {src: [5, 8], tgt: [6, 8]}\nlayers: [linear 3]\n")
    assert (marked(said), said.message) == ("linear", "`linear` has no layer before it")
    assert "from=NAME" in said.help
    for lists, help in (
        ("layers: [{add: [[], src]}]", "put the name of one in its place"),
        ("layers: [{add: [[[]], src]}]", "put the name of one in its place"),
        ("blocks: {nothing: []}\nlayers: [nothing]", "choose one with from=NAME"),
    ):
        said = only(f"model: m\ninput: {{src: [5, 8], tgt: [5, 8]}}\n{lists}\n")
        assert (said.code, said.help) == ("SPC008", f"the model has several inputs: {help}")
    said = only("model: m\ninput: {src: [5, 8], tgt: [6, 8]}\nlayers: [linear 3 from=input]\n")
    assert said.help == "the model has several inputs: src, tgt"
    said = only("model: m\ninput: {src: [5, 8], tgt: [6, 8]}\nlayers: [linear 3 from=src name=tgt]\n")
    assert said.message == "`tgt` is already the name of a layer"


def test_one_named_input():
    text = "model: m\ninput: {image: [3, 8, 8]}\nlayers:\n  - conv 3 kernel=1\n  - add: [prev, image, input]\n"
    assert [tensor.shape for tensor in read(text).outputs.values()] == [(3, 8, 8)]


def test_a_spec_is_a_mapping():
    for text in ("[a, b]\n", "relu\n", "- relu\n"):
        assert only(text).message == "a spec must be a mapping of keys"


def test_nulls_everywhere():
    keys = [
        "model",
        "input",
        "layers",
        "blocks",
        "hparams",
        "variants",
        "dims",
        "output",
        "loss",
        "budget",
        "growth",
        "expect",
    ]
    for empty in ("", " ~", " null"):
        diagnostics = refused("".join(f"{key}:{empty}\n" for key in [*keys, "include"]))
        assert {d.place.line for d in diagnostics} >= set(range(2, 12)) - {8}


def test_a_block_without_a_body_is_not_unknown_as_well():
    (said,) = refused("model: m\ninput: [4]\nblocks: {a: relu}\nlayers: [a]\n")
    assert said.message == "the body of `a` must be a list of layers"


@each(
    [("25M", 25_000_000), ("4g", 4_000_000_000), ("8 GiB", 8 * 2**30), ("8gib", 8 * 2**30), ("1.5k", 1500),
     ("0.5MiB", 2**19), ("61_100_840", 61_100_840), ("12MB", 12_000_000), ("7B", None), ("25,000", None), ("1e6", 1_000_000), ("2.5E+9", 2_500_000_000), ("1e-6", None), ("e6", None), ("-5", None), ("5 M iB", None)],
)  # fmt: skip
def test_amounts(text, amount):
    assert parse_amount(text) == amount
