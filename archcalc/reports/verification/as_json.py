"""The comparison, for machines: exact integers, all differences."""

from __future__ import annotations

from typing import Any

from archcalc.reports.documents import VERSION, one_or_several
from archcalc.reports.verification.report import Report, Verified


def render(report: Report) -> str:
    """One network, or `specs` with several; nothing if none could be compared."""
    documents = [_network(one) for one in report.networks]
    return one_or_several(documents, report.several) if documents else ""


def _network(one: Verified) -> dict[str, Any]:
    result, peer = one.result, one.peer
    return {
        "version": VERSION,
        "model": one.model,
        "path": one.path,
        "equal": not result.differences,
        "layers": result.layers,
        "named_parameters": result.parameters,
        "params": result.params,
        "flops": result.flops,
        "backward_flops": result.backward_flops,
        "declared_layers": result.declared,
        "differences": [
            {"layer": each.layer, "what": each.what, "ours": str(each.ours), "pytorch": str(each.theirs)}
            for each in result.differences
        ],
        "torchinfo": None
        if peer is None
        else {"params": peer.params, "mult_adds": peer.mult_adds, "reasons": peer.reasons},
    }
