"""Each spec of specs/, by itself and in each of its variants: `vgg16`, `vgg16@bn`."""

from __future__ import annotations

from functools import cache

from archcalc.diagnostics import Source
from archcalc.network.load import Graph, Networks, with_batch
from tests.conftest import SPECS

_SPECS = {path.stem: Networks(Source(str(path), path.read_text("utf-8"))) for path in SPECS}
CASES = [
    case for name, spec in _SPECS.items() for case in (name, *(f"{name}@{one}" for one in spec.document().variants))
]


@cache
def shared(case: str, batch: int = 1) -> Graph:
    """The network of a case, which is built once: for tests that only read it, with the layers as they are."""
    if batch != 1:
        return with_batch(shared(case), batch)
    name, _, variant = case.partition("@")
    return _SPECS[name].graph(variant or None, 1)
