"""The layers of the language, from the declarations that run."""

from __future__ import annotations

from archcalc.layers import FAMILIES, REGISTRY, Layer
from archcalc.layers.structures import STRUCTURES


class Report:
    """The layers of each family, in the order of their files."""

    def __init__(self) -> None:
        self.families: dict[str, list[type[Layer]]] = {family: [] for family in FAMILIES}
        for layer in REGISTRY.values():
            self.families[layer.family].append(layer)
        self.families["loops"] = [*STRUCTURES.values()]
