"""Networks drawn at random over the whole language: the module that runs has the static numbers."""

from __future__ import annotations

import os

import pytest

from archcalc.pytorch.names import BuildError
from archcalc.pytorch.verify import verify

from .networks import draw

# How many networks are drawn, each from its number; more on request.
COUNT = int(os.environ.get("ARCHCALC_RANDOM_NETWORKS", "300"))


@pytest.mark.parametrize("first", range(0, COUNT, 50))
def test_drawn_networks_verify(first):
    for seed in range(first, min(first + 50, COUNT)):
        network = draw(seed)
        graph = network.build()
        assert graph is not None
        try:
            result = verify(graph)
        except BuildError:
            continue  # said in a sentence, never wrong
        assert not result.differences, f"seed {seed}: {result.differences[0]}\n{network.spec()}"
