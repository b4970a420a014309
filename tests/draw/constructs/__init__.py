"""How a network grows: single layers, and everything that contains or joins layers.

A construct is declared in one of these files:

    @construct(weight=1)
    def residual(network: Network, at: Choices) -> bool:
        ...
        return network.add(item)

It draws from `at`, and returns whether it added something; what it did otherwise is taken back.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

from tests.draw.choices import Choices
from tests.draw.items import Body
from tests.draw.network import Network

Grow = Callable[[Network, Choices], bool]
# Constructs stand at most so deep inside each other.
_DEPTH = 3


class Construct(NamedTuple):
    grow: Grow
    weight: float
    nests: bool
    for_images: bool


CONSTRUCTS: dict[str, Construct] = {}


def construct(weight: float = 1, nests: bool = True, for_images: bool = True) -> Callable[[Grow], Grow]:
    """Declare a construct under the name of its function.

    Args:
        weight: how often it is drawn.
        nests: whether it may contain others.
        for_images: whether it leaves images images.
    """

    def register(grow: Grow) -> Grow:
        CONSTRUCTS[grow.__name__] = Construct(grow, weight, nests, for_images)
        return grow

    return register


def step(network: Network, at: Choices) -> bool:
    """Add one thing of any kind."""
    weights = {
        name: one.weight
        for name, one in CONSTRUCTS.items()
        if (network.depth < _DEPTH or not one.nests) and (one.for_images or not network.images)
    }
    return any(_grow(network, at / name, name) for name in at.ranked("construct", weights))


def _grow(network: Network, at: Choices, name: str) -> bool:
    def change() -> bool:
        network.depth += CONSTRUCTS[name].nests
        return CONSTRUCTS[name].grow(network, at)

    if not network.attempt(change):
        return False
    network.drawn.used[name] += 1
    network.tried.add(name)
    return True


def segment(network: Network, at: Choices, most: int) -> Body:
    """Some layers that fit here one after the other; they are taken off again."""
    mark, graph = len(network.items), network.graph
    for number in range(at.whole("length", 1, most)):
        step(network, at / number)
    items = network.items[mark:]
    del network.items[mark:]
    network.graph = graph
    return items


for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
