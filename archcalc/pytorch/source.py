"""`archcalc build`: the text of a Python file that holds a network as a PyTorch module."""

from __future__ import annotations

import os
import re

from archcalc.cost import Costs
from archcalc.network.load import Graph
from archcalc.pytorch.file import File
from archcalc.pytorch.layout import wrap
from archcalc.pytorch.library import Library
from archcalc.reports.numbers import shape

_WIDTH = 88


def module_source(graph: Graph, probe: bool = False) -> str:
    """The source of `graph` as a module, formatted; no import of archcalc.

    Args:
        graph: the network.
        probe: pass every layer's output through a function `probe(module, name, output)`, which the
            caller puts into the module's namespace.

    Raises:
        BuildError: something in the network cannot be written yet.
    """
    library = Library(graph)
    file = File(graph, probe, library.names)
    file.main()
    file.classes[-1] = file.classes[-1].replace("{doc}", _summary(graph))
    body = "\n\n\n".join([*library.texts(file.structure, file.helpers), *file.classes])
    imports = []
    if re.search(r"\bmath\.", body):
        imports += ["import math", ""]
    if re.search(r"\btorch\.", body):
        imports.append("import torch")
    if re.search(r"\bF\.", body):
        imports.append("import torch.nn.functional as F")
    imports.append("from torch import nn")
    lines = [*imports, "", "", *body.split("\n")]
    return "\n".join(wrapped for line in lines for wrapped in wrap(line, _WIDTH)) + "\n"


def _summary(graph: Graph) -> str:
    totals = Costs(graph).totals
    inputs = ", ".join(f"{name} {shape(x.shape)}" for name, x in graph.inputs.items())
    several = "inputs " if len(graph.inputs) > 1 else "" if "input" in graph.inputs else "input "
    lines = [
        f"{graph.model}: {several}{inputs}, {totals.params:,} parameters, {totals.macs // graph.batch:,} MACs.",
        "",
        f"    Written by archcalc from {_origin(graph)}.",
        "    ",
    ]
    return "\n".join(lines).replace("\\", "/").replace('"""', '"')


def _origin(graph: Graph) -> str:
    """The spec's file, with what was chosen in it."""
    variant = f"@{graph.variant}" if graph.variant else ""
    chosen = ", ".join(f"{name}={value}" for name, value in graph.given.items())
    return f"{os.path.basename(graph.path)}{variant}" + (f" with {chosen}" if chosen else "")
