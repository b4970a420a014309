"""What `archcalc specs` lists, for every form."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.shipped import about


class Shipped:
    """A shipped spec.

    Attributes:
        name: its name on the command line.
        variants: the names of its variants, for `resnet50@name`.
        about, source: from its first lines.
        params, macs: those of the network at batch 1.
    """

    def __init__(self, name: str, costs: Costs) -> None:
        document = costs.graph.document
        self.name = name
        self.model = costs.graph.model
        self.variants = list(document.variants)
        self.about, self.source = about(document.source.text)
        self.params = costs.totals.params
        self.macs = costs.totals.macs


class Report:
    """The specs, by name."""

    def __init__(self, specs: Iterable[Shipped]) -> None:
        self.specs = specs
