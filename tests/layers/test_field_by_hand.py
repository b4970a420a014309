"""What heads that are split by hand see: where a field says all of the input, every position changes with every one of it."""

from __future__ import annotations

import random

import pytest
import torch

from archcalc.diagnostics import SpecError
from archcalc.network.paths import EVERYTHING, fields
from archcalc.pytorch.instance import instantiate
from tests.language.writing import read

POSITIONS = 4


def built(lines, outputs=""):
    layers = "".join(f"  - {line}\n" for line in lines)
    return read(f"model: m\ninput: [{POSITIONS}, 4]\nlayers:\n{layers}{outputs}")


def step(r: random.Random, count: int) -> str:
    """A layer that reads one or two of those before it; none whose output may be constant, as sums of a softmax are."""
    some, other = (f"t{r.randrange(count)}" for _ in range(2))
    name = f"name=t{count}"
    return r.choice((
        f"linear 4 from={some} {name}", f"rearrange 't (h d) -> h t d' h=2 from={some} {name}", f"rearrange 'h t d -> t (h d)' from={some} {name}",
        f"transpose from={some} {name}", f"transpose 0x1 from={some} {name}", f"reshape 4x2x2 from={some} {name}", f"reshape 2x2x4 from={some} {name}",
        f"matmul: {{operands: [{some}, {other}], name: t{count}}}", f"matmul: {{operands: [{some}, {other}], name: t{count}}}",
        f"einsum: {{equation: 'ij,kj->ik', operands: [{some}, {other}], name: t{count}}}",
        f"einsum: {{equation: 'hij,hjk->ihk', operands: [{some}, {other}], name: t{count}}}",
        f"normalize axis={r.choice((-1, -2, 0))} from={some} {name}", f"scale 0.5 from={some} {name}", f"mean {r.choice((0, 1))} from={some} {name}",
        f"concat: {{operands: [{some}, {other}], axis: {r.choice((0, 1))}, name: t{count}}}",
        f"add: {{operands: [{some}, {other}], name: t{count}}}", f"roll 1 axes={r.choice((0, 1))} from={some} {name}",
    ))  # fmt: skip


def drawn(seed: str):
    """A network of several layers, each of which fits those before it."""
    r = random.Random(seed)
    lines = ["linear 4 from=input name=t0", "linear 4 from=input name=t1"]
    for _ in range(40):
        more = [*lines, step(r, len(lines))]
        try:
            built(more)
        except SpecError:
            continue
        lines = more
        if len(lines) == r.randint(6, 9):
            break
    return lines, built(lines, f"output: [{', '.join(f't{at}' for at in range(len(lines)))}]\n")


def reached(changed: torch.Tensor, tensor) -> bool:
    """Whether something changed at every position of a tensor."""
    inside = [axis for axis in range(tensor.rank) if axis not in tensor.positions]
    return bool((changed.amax(inside) if inside else changed).all())


def test_where_all_is_seen_every_position_changes_with_every_one():
    claimed = 0
    for seed in range(40):
        lines, graph = drawn(f"by hand/{seed}")
        seen = fields(graph)
        outputs = [(at, one) for at, one in enumerate(graph.outputs.values()) if one.rank > 1]
        torch.manual_seed(seed)
        module = instantiate(graph).double().eval()
        x = torch.randn(1, POSITIONS, 4, dtype=torch.double)
        with torch.no_grad():
            base = module(x)
            moved = [x.clone() for _ in range(POSITIONS)]
            for position, one in enumerate(moved):
                one[0, position] += torch.randn(4, dtype=torch.double)
            found = [module(one) for one in moved]
        for at, one in outputs:
            all_change = all(reached(other[at][0] != base[at][0], one) for other in found)
            if seen[id(one)] == EVERYTHING:
                assert all_change, (lines, at)
                claimed += 1
    assert claimed >= 20


@pytest.mark.parametrize("name", ["self-attention", "multi-head-attention"])
def test_attention_written_out_sees_all(name):
    from archcalc.network.load import load_graph

    graph = load_graph(f"specs/{name}.yaml")
    (output,) = graph.outputs.values()
    assert fields(graph)[id(output)] == EVERYTHING


def test_products_of_features_are_not_said_to_see_all():
    graph = built(
        ["linear 4 from=input name=q", "linear 4 from=input name=k", "transpose from=k name=kt", "matmul: [q, kt]"]
    )
    (output,) = graph.outputs.values()
    assert fields(graph)[id(output)] is None
