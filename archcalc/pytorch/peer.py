"""torchinfo's totals for the same module, and why they differ from ours."""

from __future__ import annotations

import importlib.util

import torch

from archcalc.network.load import Graph
from archcalc.peers import peer
from archcalc.peers.comparison import Comparison
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.reports.verification.report import PeerTotals


def torchinfo_totals(graph: Graph) -> PeerTotals | None:
    """torchinfo's totals on the meta device; None if it is not installed."""
    if importlib.util.find_spec("torchinfo") is None:
        return None
    import torchinfo

    module = instantiate(graph, "meta")
    with torch.no_grad():
        summary = torchinfo.summary(module, input_data=example_inputs(graph, "meta"), device="meta", verbose=0)
    predicted = Comparison(graph, peer("torchinfo"))
    reasons = predicted.totals.reasons()
    unknown = max(predicted.totals.unknown.values(), default=0)
    if unknown:
        reasons.append(f"and what it makes of {unknown:,} layer{'s' * (unknown > 1)} is not known")
    elif summary.total_mult_adds != predicted.macs or predicted.params not in (None, summary.total_params):
        reasons.append("and for reasons that are not known")
    return PeerTotals(summary.total_params, summary.total_mult_adds, reasons)
