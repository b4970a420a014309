"""What `archcalc verify` compared, for every form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Difference:
    """One number that differs between the two sides."""

    layer: str
    what: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.layer}: {self.what} is {self.ours} here, {self.theirs} in PyTorch"


@dataclass
class Verification:
    """What was compared, and what differs.

    Attributes:
        layers: how many outputs were compared; parameters: how many named tensors.
        params, flops, backward_flops: PyTorch's totals.
        declared: how many layers were not compared, because their costs are declared.
    """

    layers: int = 0
    parameters: int = 0
    params: int = 0
    flops: int = 0
    backward_flops: int = 0
    declared: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass
class PeerTotals:
    """What torchinfo prints, and the reasons for each number that differs from ours."""

    params: int
    mult_adds: int
    reasons: list[str]


@dataclass
class Verified:
    """A compared network; `peer` is None if torchinfo is not installed, or if something differs."""

    model: str
    path: str
    result: Verification
    peer: PeerTotals | None


@dataclass
class Report:
    """Networks as they are compared; `several` says whether more than one was requested."""

    networks: Iterable[Verified]
    several: bool = False
