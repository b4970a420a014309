"""Worked examples: their numbers are PyTorch's, they are drawn small, and what is too large is refused with advice."""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable

import pytest
import torch

from archcalc.diagnostics import RequestError, SpecError
from archcalc.layers import REGISTRY
from archcalc.network.line import line_graph
from archcalc.pytorch.instance import instantiate
from archcalc.worked import example
from archcalc.worked.example import WORKERS
from archcalc.worked.workers import work_out
from tests.each import each
from tests.language.writing import read
from tests.program import inside
from tests.worked.test_several_inputs import JOINED

Line = tuple[str, str]  # a layer and the sizes of its input


def conv(r: random.Random) -> Line:
    axes, groups = r.choice((1, 2, 2)), r.choice((1, 1, 2))
    sizes = "x".join(str(r.randint(4, 7)) for _ in range(axes))
    line = f"conv {groups * r.randint(1, 2)} kernel={r.randint(1, 3)} stride={r.randint(2, 3)} groups={groups}"
    line += f" padding={r.choice((0, 1, 1))} dilation={r.choice((1, 1, 2))} bias={r.choice(('true', 'false'))}"
    line += f" padding_mode={r.choice(('zeros', 'zeros', 'reflect', 'replicate', 'circular'))}"
    return line, f"{groups if groups > 1 else r.randint(1, 3)}x{sizes}"


def same(r: random.Random) -> Line:
    return (
        f"conv 1 kernel={r.randint(1, 4)} padding={r.choice(('same', 'same_upper'))}",
        f"{r.randint(1, 2)}x5x{r.randint(4, 6)}",
    )


def pool(op: str) -> Callable[[random.Random], Line]:
    def draw(r: random.Random) -> Line:
        kernel = r.randint(1, 3)
        line = f"{op} {kernel} stride={r.randint(2, 3)} padding={r.randint(0, kernel // 2)} ceil={r.choice(('true', 'false'))}"
        if op == "avgpool":
            line += f" count_include_pad={r.choice(('true', 'false'))}"
        else:
            line += f" dilation={r.choice((1, 1, 2))}"
        return line, f"{r.randint(1, 2)}x{r.randint(5, 8)}" + r.choice(("", f"x{r.randint(5, 7)}"))

    return draw


def adaptive(op: str) -> Callable[[random.Random], Line]:
    return lambda r: (f"{op} {r.randint(1, 4)}", f"2x{r.randint(1, 7)}" + r.choice(("", f"x{r.randint(2, 6)}")))


def recurrent(op: str) -> Callable[[random.Random], Line]:
    def draw(r: random.Random) -> Line:
        line = f"{op} {r.randint(1, 4)} layers={r.randint(1, 2)} bias={r.choice(('true', 'false'))}"
        line += f" bidirectional={r.choice(('true', 'false'))}"
        line += f" nonlinearity={r.choice(('tanh', 'relu'))}" if op == "rnn" else ""
        line += r.choice(("", " proj=1")) if op == "lstm" else ""
        return line, f"{r.randint(1, 5)}x{r.randint(1, 4)}"

    return draw


def transposed(r: random.Random) -> Line:
    axes, groups, stride = r.choice((1, 2, 2)), r.choice((1, 1, 2)), r.randint(1, 3)
    line = f"convtranspose {groups * r.randint(1, 2)} kernel={r.randint(1, 3)} stride={stride} groups={groups}"
    line += f" padding={r.choice((0, 0, 1))} dilation={r.choice((1, 1, 2))} bias={r.choice(('true', 'false'))}"
    line += f" output_padding={r.choice((0, max(0, stride - 1)))}"
    return line, f"{groups if groups > 1 else r.randint(1, 2)}" + f"x{r.randint(2, 3)}" * axes


def resized(r: random.Random) -> Line:
    mode = r.choice(("nearest", "nearest-exact", "bilinear"))
    scale = r.choice(("2", "1.5", "size=3x5", "size=2x3", "3"))
    corners = f" align_corners={r.choice(('true', 'false'))}" if mode == "bilinear" else ""
    return f"upsample {scale} mode={mode}{corners}", f"{r.randint(1, 2)}x{r.randint(1, 3)}x{r.randint(2, 4)}"


def reduced(op: str) -> Callable[[random.Random], Line]:
    def draw(r: random.Random) -> Line:
        axis = r.choice(("0", "-1", "1")) if op.startswith("arg") else r.choice(("0", "-1", "0x1"))
        more = {"norm": f" p={r.choice((1, 2, 3))}", "var": f" correction={r.choice((0, 1))}"}.get(op, "")
        return f"{op} {axis} keepdim={r.choice(('true', 'false'))}{more}", r.choice(("2x3", "2x3x2", "3x4"))

    return draw


def attention(r: random.Random) -> Line:
    heads = r.choice((1, 2, 4))
    if r.random() < 0.25:
        bias, *more = (r.choice(("true", "false")) for _ in range(3))
        return f"attention heads={heads} bias={bias} bias_kv={more[0]} zero_attn={more[1]} causal=true", "3x4"
    line = f"attention heads={heads} causal={r.choice(('true', 'false'))} bias={r.choice(('true', 'false', 'qkv'))}"
    line += r.choice(("", "", f" kv_heads={max(1, heads // 2)}", " head_dim=2", " out=3", " window=2", " sinks=true"))
    line += r.choice(("", "", " rope=10000", " rope=100 softcap=2", " softcap=1.5", " rope=50 rope_dim=2"))
    line += r.choice(("", "", " qknorm=true", " qknorm=unscaled qknorm_eps=0.1", " qknorm=width qknorm_eps=0.5"))
    return line, f"{r.randint(1, 5)}x{r.choice((4, 8))}"


def mixture(r: random.Random) -> Line:
    experts = r.randint(1, 4)
    layers = r.choice(("linear 2", "linear 3, relu, linear 4 bias=false", "silu, linear 2", "gelu"))
    line = f"{{experts: {experts}, top_k: {r.randint(1, experts)}, bias: {r.choice(('true', 'false'))}, layers: [{layers}]}}"
    return f"moe: {line}", r.choice(("", "3x")) + f"{r.randint(1, 5)}"


def biases(r: random.Random) -> Line:
    kind = r.choice(
        (
            "bucket",
            "bucket buckets=4",
            "bucket buckets=7",
            "bucket buckets=7 causal=true",
            "alibi",
            "window window=2",
            "window window=1x3",
            "window window=3x2",
        )
    )
    return f"relposbias {r.randint(1, 3)} kind={kind}", f"{r.randint(1, 6)}x2"


def summed(r: random.Random) -> Line:
    equation, count = r.choice((
        ("ij,kj->ik", 2), ("ij,ij->i", 2), ("ij,ik->jk", 2), ("ij,kl->ikjl", 2), ("ij->ji", 1), ("ij->j", 1), ("ij,kj->ijk", 2),
    ))  # fmt: skip
    operands = ", ".join(["input"] * count)
    return f"einsum: {{equation: '{equation}', operands: [{operands}]}}", f"{r.randint(1, 3)}x{r.randint(1, 3)}"


def folded(r: random.Random) -> Line:
    kernel, stride, padding = r.choice(((2, 1, 0), (2, 2, 0), (3, 1, 1), (2, 1, 1), (3, 2, 1)))
    height, width, dilation = r.randint(2, 4), r.randint(2, 4), r.choice((1, 1, 2))
    count = [(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for size in (height, width)]
    line = f"fold {height}x{width} kernel={kernel} stride={stride} padding={padding} dilation={dilation}"
    return line, f"{kernel * kernel * r.randint(1, 2)}x{count[0] * count[1]}"


def linear(r: random.Random) -> Line:
    lead = r.choice(("", "", f"{r.randint(1, 4)}x", "2x3x"))
    return f"linear {r.randint(1, 5)} bias={r.choice(('true', 'false'))}", f"{lead}{r.randint(1, 6)}"


def norm(op: str) -> Callable[[random.Random], Line]:
    def draw(r: random.Random) -> Line:
        affine = f"affine={r.choice(('true', 'false'))}" if op != "layernorm" else ""
        first = {"groupnorm": " 2", "rmsnorm": f" axis={r.choice((0, -1))}"}.get(op, "")
        stats = f" track_running_stats={r.choice(('true', 'false'))}" if op == "instancenorm" else ""
        return f"{op}{first} {affine}{stats}", f"{r.choice((2, 4))}x{r.randint(2, 3)}" + r.choice(("", "x2"))

    return draw


def of(op: str, *keys: str) -> Callable[[random.Random], Line]:
    return lambda r: (f"{op} {r.choice(keys or ('',))}", r.choice(("5", "2x3", "2x2x3")))


DRAWS: dict[str, Callable[[random.Random], Line]] = {
    "conv": conv, "same": same, "convtranspose": transposed, "upsample": resized,
    "sdpa": lambda r: (f"sdpa q=input k=input v=input causal={r.choice(('true', 'false'))}" + r.choice(("", " scale=0.3")),
                       r.choice(("", "2x")) + f"{r.randint(1, 5)}x{r.randint(1, 4)}"),
    "posembed": lambda r: (f"posembed kind={r.choice(('learned', 'sinusoidal'))}", f"{r.randint(1, 5)}x{r.randint(1, 8)}"),
    "rope": lambda r: (f"rope {r.choice((10000, 100))}" + r.choice(("", " dim=2")), f"{r.randint(1, 5)}x{r.choice((2, 4, 6))}"),
    "clstoken": lambda r: ("clstoken", f"{r.randint(1, 5)}x{r.randint(1, 8)}"),
    "localresponsenorm": lambda r: (f"localresponsenorm {r.randint(1, 4)} alpha={r.choice((1, 0.5))} k={r.choice((1, 2))}",
                                    r.choice(("4x1", "3x2x2", "5x2"))),
    "layerscale": of("layerscale", "axis=0", "axis=-1"), "prelu": of("prelu"), "glu": lambda r: ("glu axis=" + r.choice("01"), "2x4"),
    **{op: reduced(op) for op in ("sum", "mean", "max", "min", "var", "std", "logsumexp", "norm", "argmax", "argmin")},
    **{op: of(op, "axis=0", "axis=-1") for op in ("cumsum", "normalize")},
    **{op: of(op) for op in ("neg", "abs", "sqrt", "rsqrt", "log", "sin", "cos", "floor", "sign", "reciprocal", "mish", "selu", "softsign", "logsigmoid")},
    "pow": of("pow", "2", "0.5", "-1"), "scale": of("scale", "2", "-0.5"), "offset": of("offset", "1", "-0.5"),
    "celu": of("celu", "", "0.5"), "hardtanh": of("hardtanh", "", "low=0 high=0.5"),
    "flatten": of("flatten"), "transpose": lambda r: (f"transpose {r.choice(('0x1', '-1x0', '0x-1'))}", r.choice(("2x3", "2x3x4"))),
    "reshape": lambda r: (f"reshape {r.choice(('3x-1', '12', '2x2x3'))}", r.choice(("2x6", "12", "3x4"))),
    "identity": of("identity"), "detach": of("detach"), "flip": of("flip", "0", "-1"), "roll": of("roll", "1", "-2", "1 axes=-1"),
    "tile": lambda r: (f"tile {r.randint(1, 3)}x{r.randint(1, 2)}", "2x3"), "channelshuffle": lambda r: (f"channelshuffle {r.choice((1, 2, 3))}", "6x2"),
    "slice": lambda r: (f"slice {r.choice((0, 1, -2))} step={r.randint(1, 2)} axis={r.randint(0, 1)}", "4x3"),
    "select": lambda r: (f"select {r.choice((0, 1, -1))} axis={r.randint(0, 1)}", "3x2"),
    "crop": lambda r: (f"crop {r.randint(1, 3)}x{r.randint(1, 4)}", f"{r.randint(1, 2)}x{r.randint(3, 4)}x5"),
    "pad": lambda r: (f"pad {r.choice(('1', '0x2', '1 value=5', 'before=1 after=0x2', '1 mode=reflect', '1x2 mode=replicate', '1 mode=circular'))}",
                      f"{r.randint(1, 2)}x2x{r.randint(3, 4)}"),
    "expand": lambda r: (f"expand {r.choice(('3x-1', '2x3x-1'))}", f"{r.choice(('1x', ''))}{r.randint(1, 4)}"),
    "unfold": lambda r: (f"unfold {r.choice(('2', '2x1'))} stride={r.randint(1, 2)} padding={r.randint(0, 1)}", f"{r.randint(1, 2)}x3x{r.randint(2, 3)}"),
    "frozenbatchnorm": of("frozenbatchnorm"),
    "pixelshuffle": lambda r: ("pixelshuffle 2", r.choice(("4x2x2", "8x1x2", "4x1x3"))),
    "pixelunshuffle": lambda r: ("pixelunshuffle 2", r.choice(("1x4x4", "2x2x4"))),
    "rearrange": lambda r: r.choice((("rearrange 'a b -> b a'", "2x3"), ("rearrange 'a b c -> b (c a)'", "2x3x2"), ("rearrange '(p a) b -> a b p' p=2", "6x2"),
                                     ("rearrange '... a -> a ...'", "2x3x2"), ("rearrange 'a b -> (b a)'", f"2x{r.randint(1, 5)}"), ("rearrange 'a 1 b -> b a'", "2x1x3"),
                                     ("rearrange '(a p) (b q) -> (a b) (p q)' p=2 q=2", "4x6"))),
    "topk": lambda r: (f"topk {r.randint(1, 3)} axis={r.choice((0, -1))} largest={r.choice(('true', 'false'))}", r.choice(("4", "3x4", "2x3x3"))),
    "selectivescan": lambda r: ("selectivescan dt=input b=input c=input" + r.choice(("", " skip=false", " groups=2", " heads=4", " heads=4 groups=2")),
                                f"{r.randint(1, 5)}x4"),
    "dropout": of("dropout", "", "0.3"), "droppath": of("droppath", "", "0.7"),
    "fold": folded, "einsum": summed, "relposbias": biases, "moe": mixture, "linear": linear, "attention": attention,
    "embedding": lambda r: (f"embedding {r.randint(2, 9)} dim={r.randint(1, 5)}", r.choice(("4", "2x3"))),
    **{op: pool(op) for op in ("maxpool", "avgpool")},
    **{op: adaptive(op) for op in ("adaptivemaxpool", "adaptiveavgpool")},
    **{op: recurrent(op) for op in ("rnn", "gru", "lstm")},
    **{op: norm(op) for op in ("layernorm", "batchnorm", "groupnorm", "instancenorm", "rmsnorm")},
    **{op: of(op, "axis=0", "axis=-1") for op in ("softmax", "logsoftmax")},
    **{op: of(op) for op in ("relu", "relu6", "sigmoid", "tanh", "silu", "hardsigmoid", "hardswish", "exp", "square")},
    "gelu": of("gelu", "", "approximate=tanh"), "softplus": of("softplus", "", "2", "beta=3 threshold=1"),
    "leakyrelu": of("leakyrelu", "", "0.2"), "elu": of("elu", "", "0.5"),
}  # fmt: skip


def theirs(line: str, sizes: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What PyTorch and the worked example make of the same numbers."""
    graph = line_graph(line, sizes, 1)
    node = graph.nodes[0]
    done = work_out(node)
    module = instantiate(graph).eval()
    state = {f"{node.segment}.{name}": torch.tensor(value) for name, value in (done.weights | done.buffers).items()}
    module.load_state_dict(state)
    kind = torch.long if node.op == "embedding" else torch.float
    with torch.no_grad():
        expected = module(torch.tensor(done.input, dtype=kind)[None])[0]
    return expected.float(), torch.tensor(done.output, dtype=torch.float)


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_those_of_pytorch(name):
    compared = 0
    for seed in range(30):
        line, sizes = DRAWS[name](random.Random(f"{name}/{seed}"))
        try:
            expected, ours = theirs(line, sizes)
        except (SpecError, RequestError):
            continue  # not every draw is a layer, or fits a page
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5, msg=lambda text: f"{line} of {sizes}: {text}")  # noqa: B023
        compared += 1
        if compared == 15:
            break
    assert compared >= 10


@pytest.mark.parametrize(
    "line", ["split 2 axis=0", "split 3 axis=1", "split sizes=1x3 axis=0", "split sizes=1x-1 axis=1"]
)
def test_parts_are_those_of_pytorch(line):
    parts = line_graph(line, "4x3", 1).nodes[0].exit.outputs
    outputs = ", ".join(f"s.{name}" for name in parts)
    graph = read(f"model: m\ninput: [4, 3]\nlayers:\n  - {line} name=s\noutput: [{outputs}]\n")
    done = work_out(graph.nodes[0])
    expected = instantiate(graph)(torch.tensor(done.input)[None])
    assert [torch.tensor(part).tolist() for part in done.output] == [part[0].tolist() for part in expected]


@pytest.mark.parametrize(("op", "p"), [("dropout", 0.3), ("dropout", 1), ("droppath", 0.1)])
def test_what_is_dropped_and_kept_is_as_in_pytorch(op, p):
    done = work_out(line_graph(f"{op} {p}", "12", 1).nodes[0])
    module = instantiate(line_graph(f"{op} {p}", "12", 1)).train()
    kept = [re.fullmatch(r"(.*): y\[(\d+)\] = (?:.* = )?(.*)", line) for line in done.steps[0].lines[:12]]
    assert len(kept) == 12
    seen = {
        (at, value) for _ in range(200) for at, value in enumerate(module(torch.tensor(done.input)[None])[0].tolist())
    }
    for found in kept:
        value = float(found[3].replace("−", "-"))
        assert any(at == int(found[2]) and abs(value - one) < 1e-4 for at, one in seen)


def test_every_worked_example_is_compared():
    ops = {layer.op for layer in WORKERS}
    drawn_again = {"same", "masked", "biased", "shown", "scanned"}
    assert ops == (set(DRAWS) | set(JOINED)) - drawn_again | {"split", "maxunpool"}
    assert ops <= set(REGISTRY)


def test_the_lecture():
    done = work_out(line_graph("conv 1 kernel=3", "1x5x5", 1).nodes[0])
    assert done.input == [[list(row) for row in example.IMAGE]]
    assert done.weights["weight"] == [[[list(row) for row in example.KERNEL]]]
    assert done.output == [[[12, 12, 17], [10, 17, 19], [9, 6, 14]]]
    out = inside("explain", "conv 1 kernel=3", "--input", "1x5x5", "--steps").stdout
    assert "3·0  3·1  2·2  1  0" in out
    assert "0·2  0·2  1·0  3  1" in out
    assert "= 12" in out
    assert re.search(r"12 +12 +17\n +10 +17 +19\n +9 +6 +14\n", out)


@pytest.mark.parametrize(
    ("line", "sizes"),
    [
        ("conv 8 kernel=3", "3x32x32"), ("conv 1 kernel=1", "1x1x2x2"), ("maxpool 2", "8x32x32"), ("avgpool 2", "1x4x4x4"),
        ("lstm 64", "10x8"), ("gru 2", "30x2"), ("attention heads=8", "10x512"),
        ("dropout", "100"), ("selectivescan dt=input b=input c=input", "3x8"),
        ("moe: {experts: 2, top_k: 1, layers: [layernorm, linear 2]}", "3x4"), ("relposbias 8", "4x8"),
        ("fold 30 kernel=2", "4x841"), ("einsum: {equation: 'ij,kj->ik', operands: [input, input]}", "9x9"), ("topk 2", "100"), ("split 2 axis=0", "40x3"),
        ("rearrange 'a b -> b a'", "40x3"), ("gather index=input", "100"), ("linear 100", "10"), ("embedding 1000 dim=4", "3"), ("layernorm", "3x64"),
        ("batchnorm track_running_stats=false", "2x2x2"), ("groupnorm 2", "4x16x16"), ("softmax axis=0", "100"),
        ("relu", "3x32x32"), ("pow 2", "100"), ("convtranspose 8 kernel=2 stride=2", "16x8x8"), ("matmul: [input, input]", "9x9"),
        ("upsample 2 mode=bicubic", "1x4x4"), ("sum", "100x3"), ("posembed", "512x64"), ("rmsnorm axis=-1", "4x64"), ("adaptiveavgpool 7", "3x14x14"),
    ],
)  # fmt: skip
def test_what_fits_no_page_is_refused_with_what_does(line, sizes):
    done = inside("explain", line, "--input", sizes, "--steps")
    assert done.returncode == 2
    command = re.search(r"try `archcalc (.*)`$", done.stderr.strip())
    assert command, done.stderr
    assert inside(*shlex.split(command.group(1))).returncode == 0


def test_every_stacked_layer_shows_its_weights():
    out = inside("explain", "gru 2 layers=2 bidirectional=true", "--input", "2x2", "--steps").stdout
    for layer in (1, 2):
        for direction in ("forwards", "backwards"):
            assert re.search(rf"layer {layer}, {direction}, given\n +W_r +W_z", out)


def test_recurrences_without_biases_name_none():
    for op in ("rnn", "gru", "lstm"):
        assert "b′" in inside("explain", f"{op} 2", "--input", "2x2", "--steps").stdout
        out = inside("explain", f"{op} 2 bias=false", "--input", "2x2", "--steps").stdout
        assert "U " in out
        assert not re.search(r"\bb\b|b′", out)


def test_the_border_of_a_largest_element_is_below_every_number():
    out = inside("explain", "maxpool 3 stride=2 padding=1", "--input", "1x4x4", "--steps").stdout
    assert "[−∞]   [3]   [3]   2   1  −∞" in out
    assert "max(−∞, −∞, −∞, −∞, 3, 3, −∞, 0, 0) = 3" in out
    out = inside(
        "explain", "avgpool 3 stride=2 padding=1 count_include_pad=false", "--input", "1x4x4", "--steps"
    ).stdout
    assert "    [3]  [3]  2  1\n" in out


def test_markdown_has_the_matrices():
    out = inside("explain", "rnn 2 layers=2", "--input", "2x2", "--steps", "--format", "markdown").stdout
    assert out.count("   W  ") == 2
    out = inside("explain", "conv 1 kernel=2", "--input", "1x3x3", "--steps", "--format", "markdown").stdout
    assert out.count("```") == 2 * 6
    assert "kernel h" in out.partition("1. window")[0]


def test_a_border_stands_apart():
    out = inside("explain", "pad 1", "--input", "1x2x3", "--steps").stdout
    assert "    0  1  2  3  0\n    0  4  5  6  0\n" in out


@pytest.mark.parametrize("line", [
    "[maxpool 2 indices=true name=p, maxunpool 2 indices=p.indices]", "[conv 32 kernel=4 name=o, deformconv 1 kernel=4 from=input offset=o]",
    "[rearrange 'c h w -> h w c' name=g, gridsample from=input grid=g]",
])  # fmt: skip
def test_a_layer_among_those_of_a_line_is_refused_with_what_fits(line):
    layer = re.findall(r"\w+", line.split(",")[1])[0]
    done = inside("explain", line, layer, "--input", "2x14x2" if layer == "gridsample" else "1x14x14", "--steps")
    assert done.returncode == 2
    command = re.search(r"try `archcalc (.*)`$", done.stderr.strip())
    assert command, done.stderr
    assert inside(*shlex.split(command.group(1))).returncode == 0


@each(["conv 1 kernel=3", "maxpool 2", "lstm 2", "softmax", "attention heads=2", "linear 2", "embedding vocab=5 dim=3"])
def test_a_line_without_an_input_is_told_one_that_has_an_example(line):
    told = inside("explain", line, "--steps")
    assert told.returncode == 2
    assert inside("explain", line, *told.stderr.split()[-2:], "--steps").returncode == 0


def test_a_layer_without_one_is_told_which_have_one():
    done = inside("explain", "parameter 3", "--input", "4", "--steps")
    assert done.returncode == 2
    assert "`conv`" in done.stderr


def test_no_line_is_wider_than_the_terminal():
    for line, sizes in (
        ("attention heads=2", "5x8"),
        ("conv 2 kernel=3 padding=1", "3x4x4"),
        ("lstm 4 layers=2", "3x4"),
    ):
        out = inside("explain", line, "--input", sizes, "--steps", env={"COLUMNS": "60"}).stdout
        assert max(map(len, out.splitlines())) <= 60
