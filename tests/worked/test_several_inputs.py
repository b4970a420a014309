"""Worked examples of layers that read several tensors: their numbers are PyTorch's."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch

from archcalc.diagnostics import RequestError
from archcalc.network.line import line_graph
from archcalc.pytorch.instance import instantiate
from archcalc.worked.workers import work_out
from tests.each import each
from tests.language.writing import read


def moved(r: random.Random) -> tuple[str, dict[str, str]]:
    kernel, stride, padding, groups, parts = (r.choice(some) for some in ((1, 2), (1, 2), (0, 1), (1, 2), (1, 2)))
    size = r.randint(2, 4)
    out, taps = (size + 2 * padding - kernel) // stride + 1, kernel * kernel
    mask = r.choice((" mask=c", ""))
    line = f"deformconv 2 kernel={kernel} stride={stride} padding={padding} groups={groups} from=a offset=b{mask}"
    return line, {
        "a": f"2, {size}, {size}",
        "b": f"{2 * parts * taps}, {out}, {out}",
        "c": f"{parts * taps}, {out}, {out}",
    }


def scanned(r: random.Random) -> tuple[str, dict[str, str]]:
    steps, state, heads, groups = r.randint(1, 4), r.randint(1, 3), r.choice((None, 4, 2)), r.choice((1, 2))
    sizes = {
        "a": f"{steps}, 4",
        "b": f"{steps}, {heads or 4}",
        "c": f"{steps}, {groups * state}",
        "d": f"{steps}, {groups * state}",
    }
    return f"selectivescan from=a dt=b b=c c=d groups={groups}" + (f" heads={heads}" if heads else ""), sizes


JOINED: dict[str, Callable[[random.Random], tuple[str, dict[str, str]]]] = {
    **{op: lambda r, op=op: (f"{op}: [a, b]", {"a": "2, 3", "b": r.choice(("2, 3", "3", "1, 3", "2, 1"))})
       for op in ("add", "sub", "mul", "div", "maximum", "minimum")},
    "concat": lambda r: ("{concat: {operands: [a, b], axis: 1}}" if r.random() < 0.5 else "{concat: {operands: [a, b], axis: 0}}",
                         {"a": "2, 3", "b": "2, 3"}),
    "matmul": lambda r: ("matmul: [a, b]", {"a": f"{(n := r.randint(1, 3))}, 2", "b": f"2, {n + 1}"}),
    "attention": lambda r: (f"attention heads=2 from=a kv=b bias={r.choice(('true', 'false'))}" + r.choice(("", " kv_heads=1")),
                            {"a": "3, 4", "b": f"{r.randint(1, 5)}, {r.choice((4, 6))}"}),
    "masked": lambda r: (f"attention heads=2 from=a mask=b causal={r.choice(('true', 'false'))}" + r.choice(("", " sinks=true", " softcap=2")),
                         {"a": f"{(n := r.randint(1, 4))}, 4", "b": r.choice((f"{n}", f"{n}, {n}", f"2, {n}, {n}", f"1, {n}"))}),
    "biased": lambda r: (f"attention heads=2 from=a relbias=b{r.choice(('', ' softcap=3', ' causal=true', ' kv_heads=1'))}",
                         {"a": f"{(n := r.randint(1, 4))}, 4", "b": f"2, {n}, {n}"}),
    "shown": lambda r: ("sdpa q=a k=a v=a mask=b" + r.choice((" relbias=c", "")),
                        {"a": f"2, {(n := r.randint(1, 4))}, 4", "b": r.choice((f"{n}", f"{n}, {n}")), "c": f"2, {n}, {n}"}),
    "gridsample": lambda r: (f"gridsample from=a grid=b mode={r.choice(('nearest', 'bilinear', 'bilinear'))} "
                             f"padding_mode={r.choice(('zeros', 'border', 'reflection'))} align_corners={r.choice(('true', 'false'))}",
                             {"a": f"{r.randint(1, 2)}, {r.randint(1, 4)}, {r.randint(1, 4)}", "b": f"{r.randint(1, 3)}, {r.randint(1, 3)}, 2"}),
    "deformconv": moved, "scanned": scanned,
    "rnncell": lambda r: (f"rnncell 3 from=a state=b nonlinearity={r.choice(('tanh', 'relu'))}", {"a": "4", "b": "3"}),
    "grucell": lambda r: (f"grucell 3 from=a state=b bias={r.choice(('true', 'false'))}", {"a": "2", "b": "3"}),
    "lstmcell": lambda r: (f"lstmcell 3 from=a h=b c=c bias={r.choice(('true', 'false'))}", {"a": "2", "b": "3", "c": "3"}),
    "gather": lambda r: ("gather from=a index=b", {"a": r.choice(("3, 4", "5")), "b": f"{r.randint(1, 5)}"}),
    "sdpa": lambda r: ("sdpa q=a k=b v=c kv_heads=1" + r.choice(("", " sinks=true")) if (shared := r.random() < 0.5) else "sdpa q=a k=b v=c",
                       {"a": "2, 3, 4", "b": f"{2 - shared}, 2, 4", "c": f"{2 - shared}, 2, {r.randint(1, 4)}"}),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINED)
def test_numbers_of_several_inputs_are_those_of_pytorch(name):
    compared = 0
    for seed in range(4):
        line, inputs = JOINED[name](random.Random(f"{name}/{seed}"))
        named = ", ".join(f"{key}: [{sizes}]" for key, sizes in inputs.items())
        graph = read(f"model: m\ninput: {{{named}}}\nlayers:\n  - {line}\n")
        (node,) = graph.nodes
        try:
            done = work_out(node)
        except RequestError:
            continue  # a mask may hide all keys of a query
        compared += 1
        read_ones = list({id(one): one for one in node.inputs}.values())
        module = instantiate(graph).eval()
        state = {f"{node.segment}.{key}": torch.tensor(value, dtype=torch.float) for key, value in done.weights.items()}
        module.load_state_dict(state)
        with torch.no_grad():
            given = []
            for tensor in graph.inputs.values():
                at = next((at for at, one in enumerate(read_ones) if one is tensor), None)
                value = torch.zeros(tensor.shape).tolist() if at is None else done.inputs[at]
                given.append(torch.tensor(value, dtype=torch.long if tensor.integer else torch.float)[None])
            expected = module(*given)[0]
        torch.testing.assert_close(torch.tensor(done.output, dtype=torch.float), expected, rtol=1e-4, atol=1e-5)
    assert compared >= 2


@pytest.mark.parametrize(("kernel", "more"), [("2", ""), ("3", " stride=2 padding=1"), ("2", " stride=1")])
@pytest.mark.parametrize("sizes", ["1x4", "2x4x4", "1x3x5"])
def test_unpooling_is_that_of_pytorch(kernel, more, sizes):
    lines = f"[maxpool {kernel}{more} indices=true name=p, maxunpool {kernel}{more} indices=p.indices]"
    graph = line_graph(lines, sizes, 1)
    done = work_out(graph.nodes[1])
    x, indices = torch.tensor(done.inputs[0], dtype=torch.float)[None], torch.tensor(done.inputs[1])[None]
    assert len(set(indices.flatten(2)[0, 0].tolist())) == indices[0, 0].numel()
    ours = torch.tensor(done.output)
    module = instantiate(graph).get_submodule(graph.nodes[1].segment)
    assert module(x, indices, output_size=ours.shape[1:])[0].tolist() == done.output


@pytest.mark.parametrize("line", [
    "rnn 3", "rnn 3 layers=2 bidirectional=true bias=false", "gru 2 bidirectional=true", "gru 3 layers=2", "lstm 3", "lstm 3 layers=2 proj=2 bidirectional=true",
])  # fmt: skip
def test_recurrences_from_another_state_are_those_of_pytorch(line):
    text = f"model: m\ninput: {{a: [3, 4], b: [2, 4]}}\nlayers:\n  - {line} from=a name=first\n  - {line} from=b state=first name=second\n"
    graph = read(text)
    node = graph.nodes[1]
    done = work_out(node)
    module = instantiate(graph).get_submodule(node.segment)
    module.load_state_dict({name: torch.tensor(value, dtype=torch.float) for name, value in done.weights.items()})
    x, *states = (torch.tensor(one, dtype=torch.float)[:, None] for one in done.inputs)
    with torch.no_grad():
        expected, _ = module(x.transpose(0, 1), tuple(states) if len(states) == 2 else states[0])
    torch.testing.assert_close(torch.tensor(done.output), expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["alibi", "bucket buckets=4", "window window=3x1"])
def test_a_table_of_biases_is_that_of_its_layer(kind):
    for attention, sizes in (("attention heads=2 from=input", "3x4"), ("sdpa q=input k=input v=input", "2x3x4")):
        graph = line_graph(f"[relposbias 2 kind={kind} name=p, {attention} relbias=p]", sizes, 1)
        table, node = graph.nodes
        biases, done = work_out(table), work_out(node)
        assert done.inputs[1] == biases.output
        stored = {table.segment: biases.weights | biases.buffers, node.segment: done.weights}
        module = instantiate(graph).eval()
        module.load_state_dict({f"{at}.{key}": torch.tensor(one) for at in stored for key, one in stored[at].items()})
        y = module(torch.tensor(done.inputs[0], dtype=torch.float)[None])[0]
        torch.testing.assert_close(torch.tensor(done.output), y, rtol=1e-4, atol=1e-5)


@each(["add: [a, a, b]", "add: [a, b]", "sub: [a, b]", "sub: [a, a]", "mul: [a, b, a]", "mul: [a, a]"])
def test_gradients_are_those_of_pytorch(line):
    """Of an operand that is read twice they are added, as in the lecture's z = x + x + y."""
    graph = read(f"model: m\ninput: {{a: [3], b: [3]}}\nlayers:\n  - {line}\n")
    done = work_out(graph.nodes[-1])
    told = [float(row.rsplit(" = ", 1)[1].replace("−", "-")) for row in done.steps[1].lines]
    inputs = [torch.tensor(one)[None].requires_grad_() for one in done.inputs]
    given = [*inputs, torch.zeros(1, 3)][:2]
    instantiate(graph)(*given)[0, 0].backward()
    torch.testing.assert_close(torch.tensor(told), torch.tensor([float(one.grad[0, 0]) for one in inputs]))
