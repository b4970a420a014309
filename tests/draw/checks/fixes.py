"""Fixes leave a valid spec; what a safe one leaves computes the same; `--fix` goes to a fixed point."""

from __future__ import annotations

from dataclasses import replace

import torch

import archcalc
from archcalc.cost import Costs
from archcalc.pytorch.names import BuildError
from tests.draw.case import Case
from tests.draw.checks import Wrong
from tests.draw.checks.build import flat
from tests.rules.linting import apply, findings


def wrong(case: Case) -> Wrong | None:
    graph = case.graph()
    for found in findings(case.text, ("ALL",), case.batch):
        if found.fix is None:
            continue
        where = f"{found.code} at {found.place}"
        mended = replace(case, text=apply(case.text, [found.fix]))
        after = mended.graph()
        if not found.fix.safe:
            continue
        if [tensor.shape for tensor in graph.outputs.values()] != [tensor.shape for tensor in after.outputs.values()]:
            return Wrong(f"{found.code}: shapes", f"{where}: other outputs")
        if Costs(graph).totals.macs < Costs(after).totals.macs:
            return Wrong(f"{found.code}: MACs", f"{where}: more MACs")
        for old, new in zip(_outputs(case, case), _outputs(mended, case), strict=True):
            if not torch.allclose(old, new, rtol=1e-5, atol=1e-8, equal_nan=True):
                return Wrong(f"{found.code}: values", f"{where}: other values")
    return None


def _outputs(case: Case, source: Case) -> list[torch.Tensor]:
    """What the network of `case` gives with the weights of that of `source`, those it does not have left out."""
    try:
        net, whole = (
            archcalc.loads(one.text, variant=case.variant, batch=case.batch).to_torch().double().train()
            for one in (case, source)
        )
    except BuildError:
        return []
    torch.manual_seed(case.seed)
    for parameter in whole.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    weights = whole.state_dict()
    net.load_state_dict({name: weights[name] for name in net.state_dict()})
    inputs = [
        torch.randint(0, 2, (case.batch, *tensor.shape))
        if tensor.integer
        else torch.randn(case.batch, *tensor.shape, dtype=torch.double)
        for tensor in source.graph().inputs.values()
    ]
    torch.manual_seed(case.seed)  # for dropout
    given = net(*inputs)
    return flat(list(given.values()) if isinstance(given, dict) else given)
