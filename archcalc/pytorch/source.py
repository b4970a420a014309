"""`archcalc build`: the text of a Python file that holds a network as a PyTorch module."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.network.load import Graph
from archcalc.network.sharing import Sharing
from archcalc.pytorch.file import File
from archcalc.pytorch.inspection import Meant, inspect
from archcalc.pytorch.layout import wrap
from archcalc.pytorch.library import Library
from archcalc.pytorch.writer import write_classes
from archcalc.reports.numbers import shape

_WIDTH = 88


def module_source(graph: Graph, probe: bool = False, alone: bool = False) -> str:
    """The source of `graph` as a module, formatted; it does not import archcalc.

    Args:
        graph: the network.
        probe: pass every layer's output through a function `probe(module, name, output)`, which the
            caller puts into the module's namespace.
        alone: import no user's classes: declared parts then have no class of their own.

    Raises:
        BuildError: something in the network cannot be written yet.
    """
    library = Library(graph, alone)
    file = File(graph, probe, library.names, _summary(graph), alone)
    write_classes(file)
    pieces = library.texts(file.structure, file.helpers)
    imports = _imports("\n".join([*pieces, *(line for made in file.classes for line in made.lines)]), library.imported)
    blocks: list[Iterable[str]] = [imports]
    blocks += [(wrapped for line in piece.split("\n") for wrapped in wrap(line, _WIDTH)) for piece in pieces]
    blocks += [made.laid_out(_WIDTH) for made in file.classes]
    source = "\n\n\n".join(map("\n".join, blocks)) + "\n"
    docs = {made.name: made.doc for made in file.classes}
    inspect(
        source,
        Meant(
            imports,
            pieces,
            docs,
            [code for _, code in library.codes],
            _tied(library, file.structure.sharing),
            file.reported,
        ),
    )
    return source


def _imports(body: str, classes: Iterable[str]) -> list[str]:
    """The imports that these lines of code need, and those of `classes`, given as `package.module:Name`."""
    imports = []
    if re.search(r"\bmath\.", body):
        imports += ["import math", ""]
    if re.search(r"\btorch\.", body):
        imports.append("import torch")
    if re.search(r"\bF\.", body):
        imports.append("import torch.nn.functional as F")
    imports.append("from torch import nn")
    own = [f"from {module} import {name}" for module, _, name in (one.partition(":") for one in sorted(classes))]
    return [*imports, "", *own] if own else imports


def _tied(library: Library, sharing: Sharing) -> set[str]:
    """Names of parameters and buffers that some layer takes from another, and of the layers that own them."""
    owners = {owner.id for node, _ in library.codes for owner in (*node.tied.values(), *sharing.owners(node))}
    return owners | {
        name
        for node, _ in library.codes
        if node.tied and node.layer is not None
        for name in (*node.tied, *node.layer.buffers(*(node.inputs[:1] or [node.exit])))
    }


def _summary(graph: Graph) -> str:
    totals = Costs(graph).totals
    inputs = ", ".join(f"{name} {shape(x.shape)}" for name, x in graph.inputs.items())
    several = "inputs " if len(graph.inputs) > 1 else "" if "input" in graph.inputs else "input "
    trained = f" ({totals.trainable:,} trainable)" if totals.frozen else ""
    costs = Costs(graph, batch=1)
    macs = f"{'at least ' * costs.declared.unknown}{costs.totals.macs:,} MACs"
    lines = [
        f"{graph.model}: {several}{inputs}, {totals.params:,} parameters{trained}, {macs}.",
        "",
        f"    Written by archcalc from {_origin(graph)}.",
        "    ",
    ]
    return "\n".join(lines)


def _origin(graph: Graph) -> str:
    """The spec's file, with the settings chosen for it."""
    variant = f"@{graph.variant}" if graph.variant else ""
    chosen = ", ".join(f"{name}={value}" for name, value in graph.given.items())
    said = f"{os.path.basename(graph.path)}{variant}" + (f" with {chosen}" if chosen else "")
    return said.encode("utf-8", "backslashreplace").decode()  # Python rejects a class whose docstring is not UTF-8
