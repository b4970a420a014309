"""torchinfo's totals for the same module, and why they differ from ours."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import torch

from archcalc.cost import Costs
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.pytorch.instance import example_inputs, instantiate


@dataclass
class PeerTotals:
    """What torchinfo prints, and the reasons for each number that is not ours."""

    params: int
    mult_adds: int
    reasons: list[str]


def torchinfo_totals(graph: Graph) -> PeerTotals | None:
    """torchinfo's totals on the meta device; None where it is not installed."""
    if importlib.util.find_spec("torchinfo") is None:
        return None
    import torchinfo

    module = instantiate(graph, "meta")
    with torch.no_grad():
        summary = torchinfo.summary(module, input_data=example_inputs(graph, "meta"), device="meta", verbose=0)
    totals = Costs(graph).totals
    reasons = []
    if summary.total_params != totals.params:
        reasons.append("it counts parameters at every call of a shared layer")
    if summary.total_mult_adds != totals.macs:
        reasons += [reason for reason, applies in _REASONS if any(applies(node) for node in Costs(graph).layers())]
    return PeerTotals(summary.total_params, summary.total_mult_adds, reasons)


def _is_sequence(node: Node) -> bool:
    return node.op == "linear" and node.inputs[0].rank > 1


_REASONS = (
    ("it counts biases as products", lambda node: node.op in ("conv", "convtranspose", "linear") and "bias" in node.params),
    ("it counts the weights of norms", lambda node: node.op.endswith("norm") and bool(node.params)),
    ("it counts a linear layer once for a whole sequence", _is_sequence),
    ("it does not count scores and weighted values of attention", lambda node: node.op in ("attention", "sdpa", "matmul", "einsum")),
    ("it counts an embedding's table as products", lambda node: node.op == "embedding"),
    ("it counts recurrent biases", lambda node: node.op in ("rnn", "lstm", "gru")),
)  # fmt: skip
