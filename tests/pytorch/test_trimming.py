"""A piece without what no layer asks for computes what the whole piece does, and says no more than it must."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.network.codes import code_of
from archcalc.network.load import Graph, build_graph
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.pieces import attention as whole
from archcalc.pytorch.printing import text
from archcalc.pytorch.source import module_source
from archcalc.pytorch.trimming import Use, trimmed
from tests.pytorch.specs import load

# Layers that one class has to do for, each alone and all together.
LAYERS = [
    "attention 2",
    "attention 2 causal=true",
    "attention 2 window=2",
    "attention 2 relbias=table",
    "attention 2 kv=other relbias=table causal=true",
    "attention 2 kv=other dropout=0.1",
    "attention 2 kv_heads=1",
    "attention 2 kv_heads=1 causal=true window=3 bias=qk",
    "attention 2 rope=100 causal=true",
    "attention 2 kv_heads=1 softcap=2 causal=true",
    "attention 2 kv_heads=1 relbias=table window=2",
    "attention 2 qknorm=true kv=other softcap=3 relbias=table dropout=0.1",
    "attention 2 kv_heads=1 qknorm=width sinks=true causal=true",
    "attention 2 qknorm=unscaled sinks=true softcap=3 relbias=table",
]
GROUPS = [[one] for one in LAYERS] + [
    LAYERS[:6],
    LAYERS[6:],
    LAYERS[12:],
    LAYERS[:3],
    LAYERS[8:10],
    LAYERS[4:5] + LAYERS[10:],
]


def graph(layers: list[str], sizes: str) -> Graph:
    lines = "".join(f"  - {line} from=x\n" for line in layers)
    head = (
        f"model: m\ninput: {{x: [{sizes}], other: [{sizes}]}}\nlayers:\n  - relposbias 2 buckets=6 name=table from=x\n"
    )
    return build_graph(Source("m.yaml", head + lines), batch=3)


@pytest.mark.parametrize("sizes", ["5, 8", "2, 5, 8"])
@pytest.mark.parametrize("layers", GROUPS, ids=lambda layers: "; ".join(layers))
def test_computes_the_same(layers: list[str], sizes: str) -> None:
    network = graph(layers, sizes)
    torch.default_generator.manual_seed(0)
    module = instantiate(network).eval()
    x, other = torch.randn(3, *map(int, sizes.split(", "))), torch.randn(3, *map(int, sizes.split(", ")))
    bias = torch.randn(3, 2, 5, 5)
    found = [node for node in network.nodes if node.op == "attention"]
    assert len(found) == len(layers)
    for node, line in zip(found, layers):
        ours, code = getattr(module, node.segment), code_of(node)
        theirs = getattr(whole, code.module)(
            *code.args, **{name: one.value for name, one in code.kwargs.items()}
        ).eval()
        theirs.load_state_dict(ours.state_dict())
        given = ([other] if "kv=" in line else [], {"bias": bias} if "relbias" in line else {})
        torch.testing.assert_close(ours(x, *given[0], **given[1]), theirs(x, *given[0], **given[1]))


def test_a_textbook_s_attention() -> None:
    assert """
    def __init__(self, features, heads, **options):
        super().__init__(features, heads, batch_first=True, **options)

    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]
""" in module_source(load("vit"))


def test_what_nothing_asks_for_is_not_there() -> None:
    source = module_source(load("llama3"))
    for option in ("window", "softcap", "qknorm", "dropout", "memory", "kv_features", "score_mask"):
        assert option not in source
    assert "def __init__(self, features, heads, kv_heads, head_dim, bias, rope, causal=False):" in source
    assert "q, k, v, is_causal=self.causal, enable_gqa=True" in source
    assert "`softcap` bounds" in module_source(graph(["attention 2 softcap=3"], "5, 8"))


def test_no_variable_stands_for_nothing() -> None:
    for layers in GROUPS:
        source = module_source(graph(layers, "5, 8"))
        assert not re.search(r"^ +\w+ = (None|\w+)$", source, re.M), source
        assert "None is" not in source
        assert not re.search(r"\b(if|or|and) (True|False|None)\b|\b(True|False) (or|and)\b", source), source


def test_a_piece_is_left_alone_where_all_of_it_is_asked_for() -> None:
    body = ast.parse(Path(whole.__file__).read_text("utf-8")).body
    piece = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == "GroupedQueryAttention")
    names = {
        method.name: frozenset(argument.arg for argument in method.args.args)
        for method in piece.body
        if isinstance(method, ast.FunctionDef)
    }
    made = trimmed(piece, Use(names["__init__"], frozenset(), names["forward"], axes=True))
    assert [ast.dump(one) for one in made.body[1:]] == [ast.dump(one) for one in piece.body[1:]]
    (again,) = ast.parse(text(made)).body
    assert isinstance(again, ast.ClassDef)
    assert [ast.dump(one) for one in again.body[1:]] == [ast.dump(one) for one in piece.body[1:]]
