"""The weights of one implementation in another that makes its layers in the same order."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.pytorch.instance import instantiate

SPECS = Path(__file__).parents[2] / "specs"


def built(spec: str, *instead: tuple[str, str], **given: str) -> nn.Module:
    """The module of specs/NAME.yaml with other values and sizes, and with other lines `instead` of some."""
    text = (SPECS / f"{spec}.yaml").read_text(encoding="utf-8").partition("\nexpect:")[0]
    for line, other in instead:
        assert line in text
        text = text.replace(line, other)
    return instantiate(build_graph(Source("t.yaml", text), given=given)).eval()


def randomised(module: nn.Module) -> nn.Module:
    """With numbers in all that is learned or stored, so that none goes unseen; `module` itself."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.3
            parameter.normal_(1.0 if parameter.dim() == 1 and name.endswith("weight") else 0.0, spread)
        for name, stored in module.named_buffers():
            if name.endswith("running_mean"):
                stored.normal_(0, 0.3)
            elif name.endswith("running_var"):
                stored.uniform_(0.5, 1.5)
    return module.eval()


def copy(theirs: nn.Module, ours: nn.Module) -> None:
    """Parameters and stored statistics one by one, each into the next of ours, which has its shape."""
    for named in (nn.Module.parameters, _stored):
        pairs = list(zip(named(theirs), named(ours), strict=True))
        with torch.no_grad():
            for source, target in pairs:
                target.copy_(source.reshape(target.shape))


def _stored(module: nn.Module) -> list[torch.Tensor]:
    learned = dict(module.named_parameters())
    return [one for name, one in module.state_dict().items() if name not in learned and one.dim()]
