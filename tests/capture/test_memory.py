"""An imported network takes the memory of one that a person writes: modules are blocks where that decides what lives."""

from __future__ import annotations

import pytest
from torch import nn

from archcalc.diagnostics import Source
from archcalc.memory.footprint import footprint
from archcalc.network.load import build_graph
from tests.runs import run_of

from .test_calls import read


class Bottleneck(nn.Module):
    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(nn.Conv2d(width, out, 3, stride, 1), nn.ReLU(), nn.Conv2d(out, out, 3, 1, 1))
        self.short = nn.Identity() if width == out else nn.Conv2d(width, out, 1, stride)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.path(x) + self.short(x))


def stage(width: int, out: int, stride: int) -> nn.Module:
    return nn.Sequential(Bottleneck(width, out, stride), Bottleneck(out, out, 1), Bottleneck(out, out, 1))


WRITTEN = """
model: written
input: [3, 16, 16]
blocks:
  path(width, stride=1):
    - [conv width kernel=3 stride=stride padding=1, relu, conv width kernel=3 padding=1]
  first(width, stride):
    - residual: {layers: [path width stride=stride], shortcut: [conv width kernel=1 stride=stride]}
    - relu
  further(width):
    - residual: [path width]
    - relu
layers:
  - [first 8 stride=1, further 8 repeat=2, first 16 stride=2, further 16 repeat=2]
"""


@pytest.mark.parametrize("mode", ["inference", "train"])
def test_a_module_that_is_called_once_lets_its_branches_go(mode):
    net = nn.Sequential(stage(3, 8, 1), stage(8, 16, 2))
    imported = build_graph(Source("imported", read(net, (3, 16, 16)).text))
    ours, theirs = (
        footprint(graph, run_of(mode)).peak for graph in (imported, build_graph(Source("written", WRITTEN)))
    )
    assert ours == theirs
