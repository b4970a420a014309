"""Every formula that `archcalc explain` tells of a layer, evaluated, is the number of the layer."""

from __future__ import annotations

from tests.draw.case import Case
from tests.draw.checks import Wrong
from tests.test_derivation import formulas_hold


def wrong(case: Case) -> Wrong | None:
    try:
        formulas_hold(case.graph())
    except AssertionError as error:
        return Wrong("other numbers", str(error)[:300])
    return None
