"""Files made to hurt: huge, deep, endless, or no text at all. Each ends soon, in a message with a place."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from archcalc.devices import find
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.memory.footprint import footprint
from archcalc.network.load import build_graph, load_graph
from archcalc.prediction.predict import predict
from archcalc.pytorch.source import module_source
from archcalc.source import MAX_BYTES, decode
from tests.runs import run_of

from .outcome import EVERYTHING, NUMBERS, SEED, built, outcome, says, spec

# -- sizes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_everywhere(number):
    for layer in (
        "conv {} kernel=3", "conv 8 kernel={}", "conv 8 kernel=3 stride={} padding={}", "conv 8 kernel=3 dilation={}",
        "maxpool {}", "adaptiveavgpool {}", "upsample {}", "linear {}", "dropout {}", "flatten start={}", "reshape {}",
        "expand {}", "select {}", "slice {} end={}", "split {}", "mean {}", "roll {}", "groupnorm {}", "relu repeat={}",
        "pad {}", "pixelshuffle {}", "transpose {}", "scale {}", "parameter {}", "b {}", "b x={}",
        "rearrange 'c (h a) w -> (c a) h w' a={}", "moe: {{experts: {}, top_k: {}, layers: [linear {}]}}",
        "{{repeat: {}, layers: [relu]}}", "localresponsenorm {}", "attention {}", "gru {}", "lstm 3 layers={}", "embedding {} dim={}",
    ):  # fmt: skip
        text = layer.format(*[number] * 3)
        built(spec(text, "blocks: {b(x): [conv x kernel=1]}\n"))
        built(spec(text, input="[4, 8]"))
    for top in (f"hparams: {{a: {number}}}\n", f"dims: {{a: {number}}}\n", f"budget: {{params: {number}}}\n"):
        built(spec("relu", top))
        built(spec("conv 8 kernel=3 repeat=2", top, input="[3, a, 32]"))
    built(spec("relu", input=f"[3, {number}, 32]"))
    assert isinstance(built(EVERYTHING, given={"width": number}), SpecError | None)
    assert isinstance(built(EVERYTHING, given={"seq": number}), SpecError | None)


def test_sizes_beyond_what_can_be_addressed():
    big = 10**18
    says(spec("relu", input=f"[{big}, {big}]"), "more bytes than 2^63", "4:5")
    says(spec(f"linear {big}", input=f"[{big}]"), "its weight", "more bytes than 2^63")
    says(spec(f"conv {10**30} kernel=3"), "`channels` must be at most 9,223,372,036,854,775,807")
    says(spec("relu", input=f"[{10**30}]"), "a size must be at most 9,223,372,036,854,775,807, not 1" + "0" * 30)


@pytest.mark.parametrize("size", ["(6*10**14+1)/2", "(10**16+1)/2", "10**18*(1/3)"])
def test_a_fraction_in_a_large_number_is_no_rounding(size):
    says(spec(f"linear {size}", input="[4]"), "a fraction that is too large to be exact")


@pytest.mark.parametrize("size", ["7/2", "(6*10**9+1)/2", "10**12*(1/3)"])
def test_a_fraction_is_not_whole(size):
    says(spec(f"linear {size}", input="[4]"), "must be a whole number, not")


def test_what_is_whole_but_for_roundings_is_whole():
    assert built(spec("linear 10**9*0.3*(1/3)", input="[4]")) is None


# -- structure ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", ["identity", "flatten", "relu", "residual: [identity]", "repeat: 2\n    layers: [identity]"]
)
def test_very_many_layers(layer):
    lines = "".join(f"  - {layer}\n" for _ in range(1500))
    assert built(f"model: m\ninput: [8]\nlayers:\n{lines}") is None


@pytest.mark.parametrize(("op", "call"), [("add", "sum("), ("mul", "math.prod(")])
def test_a_sum_of_very_many_is_built(op, call):
    """Python compiles no expression of thousands of operators."""
    graph = build_graph(decode("m.yaml", spec(f"{op}: [{', '.join(['prev'] * 3000)}]", input="[8]").encode()))
    source = module_source(graph)
    compile(source, "m.py", "exec")
    assert call in source


@pytest.mark.parametrize("op", ["add", "mul", "sub", "concat", "matmul", "dot"])
@pytest.mark.parametrize("operands", ["[], prev", "prev, []", "[[], prev, prev]", "[]"])
def test_an_empty_list_as_an_operand(op, operands):
    text = spec(f"{op}: {operands if operands[0] == '[' and operands[-1] == ']' else f'[{operands}]'}", input="[4, 4]")
    assert isinstance(built(text), SpecError | None)


def test_very_many_channels():
    """Neither memory nor time is predicted channel by channel."""
    begin = time.process_time()
    graph = build_graph(decode("m.yaml", spec("conv 1000000000 kernel=1", input="[3, 8, 8]").encode()))
    assert footprint(graph, run_of("train")) is not None
    assert predict(graph, run_of(chip=find("h100"))) is not None
    assert time.process_time() - begin < 2


def test_very_many_copies():
    assert built(spec("conv 3 kernel=1 repeat=1000000000000")) is None
    assert built(spec("{repeat: 1000000000000, layers: [{repeat: 1000000, layers: [conv 3 kernel=1]}]}")) is None
    for layer in ("pad 1", "b", "residual: [relu]\n    shortcut: [pad 1]"):
        if layer == "b":
            layer = "{b: {}, repeat: 1000000000000}"
        elif ":" in layer:
            continue
        else:
            layer += " repeat=1000000000000"
        says(spec(layer, "blocks: {b: [pad 1, relu]}\n"), "expands to more than 20,000 layers")
    says(spec("pad 1 repeat=1000000000000", "dims: {s: 9}\n", "[3, s, s]"), "expands to more than 20,000 layers")


def test_very_many_layers_of_a_recurrent_network():
    says(spec("lstm 4 layers=1000000000", input="[7, 4]"), "4:19", "expands to more than 20,000 layers")
    assert built(spec("lstm 4 layers=1000", input="[7, 4]")) is None


def test_nested_copies():
    layer = "linear 4"
    for _ in range(8):
        layer = "{repeat: 1000, layers: [" + layer + "]}"
    assert built(spec(layer, input="[4]")) is None
    says(spec("{repeat: 1000, layers: [" + layer + "]}", input="[4]"), "copies nest deeper than 8 levels")
    blocks = "".join(f"  b{n}: [b{n - 1} repeat=2, b{n - 1} repeat=2]\n" for n in range(1, 41))
    says(spec("b40", f"blocks:\n  b0: [relu]\n{blocks}"), "copies nest deeper than 8 levels")


def test_memory_of_nested_copies():
    """Three copies of each level are simulated, which is too much where many levels are inside each other."""
    layer = "linear 4"
    for level in range(1, 9):
        layer = "{repeat: 1000, layers: [" + layer + "]}"
        graph = build_graph(decode("m.yaml", spec(layer, input="[4]").encode()))
        if level == 5:
            # the inputs of all but the first layer, whose input is the batch's, and the output for the loss
            assert footprint(graph, run_of("train")).saved == 1000**5 * 4 * 4
    for mode in ("train", "inference"):
        with pytest.raises(RequestError, match=r"m.yaml: m has copies in 8 levels .* 6,561 passes .* 5,000 are made"):
            footprint(graph, run_of(mode))
    twice = build_graph(decode("m.yaml", spec(layer.replace("1000", "2"), input="[4]").encode()))
    assert footprint(twice, run_of("inference")) is not None


@pytest.mark.parametrize(
    "opening", ["[", "{a: ", "- ", "? ", "{", "[[a], ", "{? ", "- - a: ", "!!x [", "&x [", "(", "'", '"', "a: ", "# "]
)
def test_very_deep(opening):
    for text in (opening * 10**6, f"model: m\ninput: [3]\nlayers: {opening * 10**5}", f"layers: {opening * 10**5}\n"):
        assert built(text[: MAX_BYTES - 1]) is not None


def test_very_deep_lines():
    assert built("\n".join("  " * level + "-" for level in range(1500))) is not None
    says("\n".join(" " * level + "a:" for level in range(2000)), "nested deeper than 40 levels")
    nested = "relu"
    for _ in range(12):
        nested = "{residual: [{concat: [[" + nested + "]]}]}" if len(nested) < 10 else "{residual: [" + nested + "]}"
    built(spec(nested))


def test_deep_expressions():
    for text in ("(" * 1500 + "1" + ")" * 1500, "-" * 3000 + "1", "1" + "+1" * 1500, "2" + "**2" * 900, "max(1," * 600):
        says(spec(f"conv {text} kernel=3"), "an expression can have at most 500 characters")
        says(spec("relu", f"hparams: {{a: '{text}'}}\n"), "an expression can have at most 500 characters")
    says(spec("conv " + "(" * 100 + "1" + ")" * 100 + " kernel=3"), "an expression can nest at most 30 levels")
    says(spec("conv 10**10**10 kernel=3"), "out of range")


def test_blocks_that_call_themselves():
    says(spec("a", "blocks: {a: [a]}\n"), "block `a` calls itself")
    says(spec("a", "blocks: {a: [b], b: [c], c: [relu, a]}\n"), "calls itself")
    ring = "".join(f"  b{n}: [b{(n + 1) % 900}]\n" for n in range(900))
    says(spec("b0", f"blocks:\n{ring}"), "block `b0` calls itself")


def test_blocks_that_double():
    blocks = "".join(f"  b{n}: [b{n - 1}, b{n - 1}]\n" for n in range(1, 41))
    says(spec("b40", f"blocks:\n  b0: [relu]\n{blocks}"), "expands to more than 20,000 layers")
    blocks = "".join(f"  b{n}: [b{n - 1} from=input, b{n - 1} from=input]\n" for n in range(1, 100))
    says(spec("b99", f"blocks:\n  b0: [relu]\n{blocks}"), "nest deeper than 60 levels")
    blocks = "".join(f"  b{n}: [{{concat: [[b{n - 1}], [b{n - 1}]]}}]\n" for n in range(1, 41))
    assert built(spec("b40", f"blocks:\n  b0: [conv 1 kernel=1]\n{blocks}")) is not None


def test_a_chain_of_blocks(tmp_path):
    chain = [f"  b{n}: [b{n + 1}]\n" for n in range(5000)] + ["  b5000: [relu]\n"]
    says(spec("b0", "blocks:\n" + "".join(chain)), "a mapping can have at most 1,000 keys")
    parts = [chain[start : start + 900] for start in range(0, len(chain), 900)]
    for index, part in enumerate(parts):
        (tmp_path / f"{index}.yaml").write_text("blocks:\n" + "".join(part))
    main = tmp_path / "main.yaml"
    main.write_text(spec("b0", f"include: [{', '.join(f'{index}.yaml' for index in range(len(parts)))}]\n"))
    error = outcome(lambda: load_graph(str(main)))
    assert "nest deeper than 60 levels" in str(error)
    main.write_text(main.read_text().replace("- b0", "- b4960"))
    assert outcome(lambda: load_graph(str(main))) is None


def test_python_s_own_limit():
    """Nothing recurses so far that a caller with a hundred frames would notice."""
    top = "".join(f"  b{n}: [{{residual: [{{repeat: 2, layers: [b{n - 1}]}}]}}]\n" for n in range(1, 100))
    nested = "relu"
    for _ in range(17):
        nested = "{residual: [" + nested + "]}"
    lists = "[[relu]]"
    for _ in range(12):
        lists = "[[{concat: " + lists + "}]]"
    sum_ = "conv " + "+".join("1" * 250) + " kernel=1"
    brackets = "conv " + "(1+2*" * 29 + "1" + ")" * 29 + " kernel=1"
    deep = "".join(f"  b{n}: [{{concat: [[b{n - 1}]]}}]\n".replace("[[", "[input, [") for n in range(1, 100))
    texts = [
        spec("b99", f"blocks:\n  b0: [{sum_}]\n{top}"),
        spec("b60", f"blocks:\n  b0: [{sum_}]\n" + "".join(f"  b{n}: [b{n - 1}]\n" for n in range(1, 100))),
        spec("b58", f"blocks:\n  b0: [{brackets}]\n" + "".join(f"  b{n}: [b{n - 1}]\n" for n in range(1, 100))),
        spec("b30", f"blocks:\n  b0: [relu]\n{deep}"),
        spec("b19", f"blocks:\n  b0: [{sum_}]\n{top.replace('repeat: 2', 'repeat: 1')}"),
        spec(nested), spec(f"concat: {lists}"), spec(brackets), "[" * 10**5, "- " * 10**5, EVERYTHING,
    ]  # fmt: skip
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        for text in texts:
            for scanner in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("archcalc.source._LOADER", scanner)
                    beneath(100, lambda text=text: built(text))  # type: ignore[misc]
    finally:
        sys.setrecursionlimit(before)


def beneath(frames: int, call: Callable[[], Any]) -> Any:
    return beneath(frames - 1, call) if frames else call()


# -- text -----------------------------------------------------------------------------------


def test_files_that_are_too_large(tmp_path):
    path = tmp_path / "garbage.yaml"
    path.write_bytes(random.Random(SEED).randbytes(2**20) * 50)
    assert "larger than 4 MiB" in str(outcome(lambda: load_graph(str(path))))


@pytest.mark.parametrize(
    "text",
    [
        "a" * (MAX_BYTES - 1), "model: " + "a" * 4_000_000, "model: m\ninput: [3]\nlayers: [" + "a " * 2_000_000 + "]",
        "model: m\ninput: [3]\nlayers: [" + "relu, " * 600_000 + "]", "a b=1 " * 600_000, "'" * 4_000_000,
        "model: m\ninput: [3]\nlayers:\n  - conv " + "(" * 4_000_000, "#" * 4_000_000, " " * 4_000_000, "\n" * 4_000_000,
        "model: m\ninput: [3]\nlayers:\n" + "  - relux\n" * 300_000, "a: {" + "b: c, " * 600_000, "a: b: " * 600_000,
        "model: m\ninput: [3]\nlayers:\n" + "  - relu\n" * 300_000, "".join(f"k{n}: 1\n" for n in range(100_000)),
        "model: m\ninput: [3]\nlayers:\n" + "".join(f"  - relu from=nothing{n}\n" for n in range(50_000)),
        "model: m\ninput: [3]\nlayers:\n" + "".join(f"  - relu name=n{n} from=m{n}\n" for n in range(19_000)),
        "model: m\nhparams:\n" + "".join(f"  h{n}: g{n}*2\n" for n in range(999)) + "input: [3]\nlayers: [relu]\n",
        "model: m\nhparams:\n  h0: 1\n" + "".join(f"  h{n}: h{n - 1}*2\n" for n in range(1, 999)) + "input: [3]\nlayers: [relu]\n",
        spec("relu\n" + "".join(f"  - linear g{n:050}\n" for n in range(200)), "hparams:\n" + "".join(f"  h{n:050}: 1\n" for n in range(999))),
        spec("concat: [" + ", ".join(["prev"] * 20_000) + "]"), spec("concat: [" + "[relu], " * 15_000 + "]"),
        spec("conv 8 kernel=3 " + " ".join(f"k{n}={n}" for n in range(500))), spec("rearrange '" + "a " * 1900 + "'"),
        spec("rearrange '" + "((" * 1900 + "'"), spec("einsum: {equation: '" + "a," * 1900 + "->a', operands: [prev]}"),
        spec("b", "blocks: {b(" + "a" * 900 + "): [relu]}\n"), spec("relu name=" + "a" * 3900),
        spec("relu name=" + "a" * 3900 + "\n  - relu from=" + "b" * 3900),
    ],
    ids=lambda text: text[:20].strip()[:12] or "blank",
)  # fmt: skip
def test_files_that_are_long(text):
    built(text[: MAX_BYTES - 1])


HEAD = b"model: m\ninput: [3]\n"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"# only\n# comments\n", b"---\n", b"...\n", b"~", b"null", b"[]", b"{}", b"''", b"\xff\xfe", b"\xef\xbb\xbf",
        b"\x00", HEAD + b"layers: [relu\x00]", HEAD + b"layers: [re\xfflu]", HEAD + b"layers: ['\xed\xa0\x80']",
        HEAD + b"layers: [relu]\n---\n" + HEAD, HEAD + b"layers: [relu]\n...\n---\n", HEAD + b"layers:\n-\n-\n-\n",
        HEAD + b"layers: [,]\n", HEAD + b"layers: [relu,,relu]\n", HEAD + b"layers: [{}]\n", HEAD + b"layers: [{? }]\n",
        HEAD + b"layers: [? relu]\n", HEAD + b"layers: {relu: {}}\n", HEAD + b"layers: [{relu}]\n", HEAD + b"layers: [[], [[]]]\n",
        HEAD + b"layers: [{~: ~}]\n", HEAD + b"layers: [{'': ''}]\n", HEAD + b"layers: ['', \"\"]\n", HEAD + b"layers: [' ']\n",
        HEAD + "layers: [größe, '日本', 😀, \u00a0, '\u00a0', \u3000relu]\n".encode(),
        HEAD + b'layers: ["\\ud800", "\\0", "\\x07", "\\U0010ffff", "\\uffff"]\n', HEAD + b"? layers\n: - relu\n",
        HEAD + b"layers: [*a]\n", HEAD + b"layers: [&a]\n", HEAD + b"layers: &a [relu, *a]\n", HEAD + b"layers: [!!python/object:a b]\n",
        HEAD + b"layers: !!binary |\n  aaaa\n", HEAD + b"layers: [%]\n", b"%YAML 1.2\n---\n" + HEAD + b"layers: [relu]\n",
        b"%TAG ! a\n", b"%FOO\n---\n", b"\t", b"a\tb: c", b"- relu\n", b"model: m\rinput: [3]\rlayers: [relux]\r",
        b"model: m\r\ninput: [3]\r\nlayers:\r\n  - relux\r\n", "model: m\x85input: [3]\u2028layers: [relux]".encode(),
        "\ufeffmodel: m\ninput: [3]\nlayers: [relu]\n".encode(), "model: m\n".encode("utf-16"), "model: m\n".encode("utf-32"),
        b'"model": m\n\'input\': ["3"]\n"layers": [\'relu\']\n', b"{model: m, input: [3], layers: [relu]}",
    ],
)  # fmt: skip
def test_files_that_are_strange(data, monkeypatch):
    for scanner in (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader):
        monkeypatch.setattr("archcalc.source._LOADER", scanner)
        outcome(lambda: build_graph(decode("t.yaml", data)))
        outcome(
            lambda: build_graph(
                Source("t.yaml", data.decode("utf-8", "surrogatepass" if b"\xff" not in data else "replace"))
            )
        )


def test_null_values():
    for line in EVERYTHING.splitlines():
        key, colon, _ = line.partition(":")
        if colon and " " not in key:
            built(re.sub(rf"(?m)^{re.escape(key)}:.*$", f"{key}:", EVERYTHING))
    for match in re.finditer(r"(?<=: )[^\s,}\]]+", EVERYTHING):
        built(EVERYTHING[: match.start()] + EVERYTHING[match.end() :])


def test_includes(tmp_path):
    main = tmp_path / "main.yaml"
    (tmp_path / "folder").mkdir()
    (tmp_path / "large.yaml").write_bytes(b"a" * (MAX_BYTES + 1))
    (tmp_path / "bad.yaml").write_bytes(b"\xff")
    for name in (
        "main.yaml",
        "folder",
        "large.yaml",
        "bad.yaml",
        "nothing",
        ".",
        "/",
        "~",
        '"\\0"',
        '"\\ud800"',
        "a" * 3000,
    ):
        main.write_text(spec("relu", f"include: [{name}, {name}]\n"))
        assert outcome(lambda: load_graph(str(main))) is not None
    for name in (str(tmp_path), "", "\0", "\ud800", "a" * 10_000, str(tmp_path / "no@variant")):
        assert isinstance(outcome(lambda name=name: load_graph(name)), RequestError)  # type: ignore[misc]
