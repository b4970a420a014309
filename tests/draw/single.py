"""Networks of one drawn layer, behind another so that a gradient reaches it, or does not."""

from __future__ import annotations

from archcalc.diagnostics import SpecError
from tests.draw.case import Case
from tests.draw.choices import Choices
from tests.draw.items import Item
from tests.draw.layers import draw_keys
from tests.draw.network import INPUTS

_BEFORE = ["linear 8", "conv 4 kernel=1", "scale 1", "linear 6", "identity"]


def single_layer(op: str, seed: int) -> Case | None:
    """The case; None where the drawn keys are not valid."""
    at = Choices(seed) / op
    head = f"model: drawn\ninput: [{at.pick('input', INPUTS)}]\nlayers:\n  - {at.pick('before', _BEFORE)}\n"
    batch = at.pick("batch", [1, 2, 3])
    try:
        (x,) = Case(head, batch).graph().outputs.values()
        keys = draw_keys(op, x, at / "keys")
        if keys is None:
            return None
        case = Case(f"{head}  - {Item(op, keys, mapping=at.chance('mapping', 0.3))}\n", batch, None, seed)
        case.graph()
    except SpecError:
        return None
    return case
