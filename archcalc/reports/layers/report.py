"""The layers of the language, from the declarations that run."""

from __future__ import annotations

from archcalc.layers import FAMILIES, REGISTRY, Layer
from archcalc.layers.structures import STRUCTURES


class Report:
    """The layers of each family, in the order of their files."""

    def __init__(self) -> None:
        self.families: dict[str, list[type[Layer]]] = {family: [] for family in FAMILIES}
        for layer in sorted(REGISTRY.values(), key=_file):
            self.families[layer.family].append(layer)
        self.families["loops"] = [*STRUCTURES.values()]


def _file(layer: type[Layer]) -> tuple[bool, str]:
    """Those in the file of their family come first, in its order; the other files follow by name."""
    file = layer.__module__.rpartition(".")[2]
    return file != layer.family, file
