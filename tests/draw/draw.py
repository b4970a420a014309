"""A whole network from a seed."""

from __future__ import annotations

from archcalc.language.document import LOSSES
from tests.draw.case import Case
from tests.draw.choices import Choices
from tests.draw.constructs import step
from tests.draw.items import walk
from tests.draw.network import Network


def draw(seed: int) -> Network:
    """A network of a few to a few dozen layers."""
    choices = Choices(seed)
    network = Network(choices)
    wanted = choices.whole("items", 3, 10)
    for number in range(3 * wanted):
        if len(network.items) < wanted:
            step(network, choices / number)
    number = 3 * wanted
    while not network.items:
        step(network, choices / number)
        number += 1
    _finish(network, choices / "end")
    network.graph = network.build()
    assert network.graph is not None
    return network


def case(seed: int) -> Case:
    """The drawn network as a case; of one with a variant that variant, half of the time."""
    network = draw(seed)
    variant = "other" if network.drawn.variant and Choices(seed).chance("variant", 0.5) else None
    return Case(network.drawn.spec(), network.batch, variant, seed)


def _finish(network: Network, at: Choices) -> None:
    """Outputs, a variant and a loss, where they are valid."""
    drawn = network.drawn
    names = [name for name in network.named() if name not in drawn.inputs]
    if names and at.chance("outputs", 0.25):
        drawn.outputs = at.ranked("output", names)[: at.whole("count", 1, 3)]
        if network.build() is None:
            drawn.outputs = []
    if at.chance("variant", 0.2):
        drawn.variant = f"{at.pick('hparam', [*drawn.hparams])}: {at.whole('value', 2, 6)}"
        if network.build("other") is None:
            drawn.variant = ""
    if at.chance("loss", 0.2):
        drawn.loss = at.pick("which", LOSSES)
    if at.chance("frozen", 0.25):
        _freeze(network, at / "freeze")
    drawn.used["several outputs"] += len(drawn.outputs) > 1
    drawn.used["variant"] += bool(drawn.variant)
    drawn.used["loss"] += bool(drawn.loss)


def _freeze(network: Network, at: Choices) -> None:
    """Some layers and groups are not trained, and some inside them are."""
    bodies = [network.items, *(body for _, body in network.drawn.blocks.values())]
    items = [item for body in bodies for item in walk(body)]
    for number, item in enumerate(items):
        if at.chance(f"{number}/given", 0.3):
            before = dict(item.common)
            item.common["frozen"] = at.chance(f"{number}/frozen", 0.7)
            if network.build() is None:
                item.common = before  # tied layers are frozen together
            else:
                network.drawn.used["frozen"] += 1
