"""Compares the headers of a model's weights on the Hub with its config.json."""

from __future__ import annotations

from archcalc import hub
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.terminal import complain

# Types with one element per number; others are packed.
_NUMBERS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")


def compared(name: str, color: str) -> int:
    """Report whether the numbers of parameters agree; exit status 1 if they differ."""
    try:
        tensors = hub.tensors(name)
    except RequestError as error:
        complain(f"{name}: parameters are not compared: {error}", color)
        return 0
    packed = sorted({one.dtype for one in tensors if one.dtype not in _NUMBERS and not one.is_buffer})
    if packed:
        complain(f"{name}: parameters are not compared: its weights are stored as {', '.join(packed)}", color)
        return 0
    stored = sum(one.elements for one in tensors if not one.is_buffer)
    wanted = Costs(load_graph(name)).totals.params
    if stored == wanted:
        complain(f"{name}: {wanted:,} parameters, equal to the headers of its weights", color)
        return 0
    more = "more" if stored > wanted else "fewer"
    complain(
        f"{name}: {wanted:,} parameters, but the headers of its weights have {abs(stored - wanted):,} {more}: tied weights"
        " stored twice, a head that is not stored, or a real difference",
        color,
    )
    return 1
