"""Shapes, parameters and FLOPs, forward and backward, are PyTorch's."""

from __future__ import annotations

from archcalc.pytorch.names import BuildError
from archcalc.pytorch.verify import verify
from tests.draw.case import Case
from tests.draw.checks import Skipped, Wrong


def wrong(case: Case) -> Wrong | None:
    try:
        differences = verify(case.graph()).differences
    except BuildError as error:
        raise Skipped(str(error)) from None
    return Wrong(differences[0].what, "; ".join(map(str, differences[:3]))) if differences else None
