"""The layers of the language, from the declarations that run."""

from __future__ import annotations

from archcalc.layers import FAMILIES, REGISTRY, Layer
from archcalc.layers.structures import STRUCTURES


class Report:
    """The layers of each family, in the order of their files.

    Args:
        word: only those with it in their name, or as the name of their family.
    """

    def __init__(self, word: str = "") -> None:
        families: dict[str, list[type[Layer]]] = {family: [] for family in FAMILIES}
        for layer in REGISTRY.values():
            families[layer.family].append(layer)
        families["loops"] = [*STRUCTURES.values()]
        chosen = {
            family: [layer for layer in layers if word in layer.op or word == family]
            for family, layers in families.items()
        }
        self.families = {family: layers for family, layers in chosen.items() if layers}
