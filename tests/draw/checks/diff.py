"""`diff` tells a change of a network if and only if there is one, and says where.

Whether two networks differ is seen from the module that is written of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.difference.changes import TIE
from archcalc.difference.compare import Difference, difference
from archcalc.difference.side import Side
from archcalc.layers.entries import Entries, Stacked
from archcalc.layers.tensor import Tensor
from archcalc.network.codes import code_of
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from tests.draw.case import Case
from tests.draw.checks import Skipped, Wrong
from tests.draw.choices import Choices
from tests.draw.mutations import Mutation, some
from tests.draw.spec_data import data, spec

# So many changes of one network.
_FEW = 6


def wrong(case: Case) -> Wrong | None:
    graph = case.graph()
    same = compare(graph, Case(spec(data(case.text)), case.batch, case.variant).graph())
    if not same.is_empty:
        return Wrong("a difference to itself", told(same))
    try:
        source = module_source(graph)
    except BuildError as error:
        raise Skipped(str(error)) from None
    done = 0
    for mutation in some(case.text, Choices(case.seed), None if case.whole else 8 * _FEW):
        try:
            other = Case(mutation.text, case.batch, case.variant).graph()
            found = _wrong(graph, source, other, mutation)
        except (SpecError, RequestError, BuildError):
            continue
        if found is not None:
            return found
        done += 1
        if done == _FEW and not case.whole:
            break
    if not done:
        raise Skipped("no change of it is valid")
    return None


def compare(base: Graph, head: Graph) -> Difference:
    return difference(Side.of(Costs(base)), Side.of(Costs(head)))


def told(found: Difference) -> str:
    """What a difference says, in short."""
    rows = [f"{pair.base and pair.base.id} -> {pair.head and pair.head.id}: {pair.changes}" for pair in found.entries]
    rows += [f"inherited {pair.record.id}" for pair in found.inherited]
    return "; ".join([*rows, *map(str, found.renamed), *map(str, found.settings), f"reordered {found.reordered}"])


def _wrong(base: Graph, source: str, head: Graph, mutation: Mutation) -> Wrong | None:
    found = compare(base, head)
    differs: bool | None = source != module_source(head) or _declared(base) != _declared(head)
    if differs and _reads_alike(base, head):
        differs = None if _has_copies(base) or _has_copies(head) else False
    ends = any(setting.key in ("input", "output") for setting in found.settings)
    says = bool(found.entries or found.inherited or found.renamed or found.reordered or ends)
    if differs is not None and differs != says:
        kind = "says nothing of a change" if differs else "says a change where there is none"
        return Wrong(f"{mutation.kind}: {kind}", f"{mutation.what}: {told(found)}")
    changed = _changed(base, head) if mutation.kind == "value" else None
    if changed is None:
        return None
    # a layer may no longer share what another one no longer has
    entries = {_place(pair.record.id) for pair in found.entries if any(one.key != TIE for one in pair.changes)}
    built, given = changed  # a value that is computed may change where the code does not
    if not built <= entries <= given:
        return Wrong(f"{mutation.kind}: another place", f"{mutation.what}: {sorted(entries)}, not {sorted(built)}")
    return None


def _declared(graph: Graph) -> list[object]:
    """What a spec says of layers that another program computes; not all of it is written into a module."""
    return [_values(node) for node, _, _ in walk(graph.nodes) if node.layer is not None and node.layer.declared]


def _reads_alike(base: Graph, head: Graph) -> bool:
    """Whether only the names differ under which layers read one tensor twice, outside and inside of one copy.

    Groups that hold no layer are none: they give what went in. What copies read is told of the first alone, where the names may differ in others.
    """
    return _numbered(base) == _numbered(head)


def _has_copies(graph: Graph) -> bool:
    return any((node.copies > 1 or node.unfolded) and _has_layers(node) for node, _, _ in walk(graph.nodes))


def _numbered(graph: Graph) -> list[object]:
    """Each with what it reads and gives, by the order in which tensors are made and read."""
    known: dict[int, int] = {}
    numbers = count()

    def number(tensors: Iterable[Tensor]) -> list[int]:
        for one in tensors:
            if id(one.itself) not in known:
                known[id(one.itself)] = next(numbers)
        return [known[id(one.itself)] for one in tensors]

    def passes(node: Node) -> None:
        """What a group without layers gives is what came to its end."""
        for child in node.children:
            passes(child)
        known.setdefault(id(node.output.itself), number([node.exit])[0])

    number(graph.inputs.values())
    found: list[object] = []
    for node, _, _ in walk(graph.nodes):
        if not _has_layers(node):
            passes(node)
            continue
        made = [node.exit, *(node.exit.outputs or {}).values()] if node.layer is not None else []
        does = node.layer and (_values(node), _code(node))
        found.append((node.id, does, number(node.inputs), number(made)))
    return [*found, number(graph.outputs.values())]


def _has_layers(node: Node) -> bool:
    return node.layer is not None or any(map(_has_layers, node.children))


def _place(id: str) -> str:
    """An id without the numbers of copies, which one row stands for."""
    return re.sub(r"\.\d+(?=\.|$)", ".#", id)


def _changed(base: Graph, head: Graph) -> tuple[set[str], set[str]] | None:
    """The ids of the layers that are built otherwise by themselves, and of those that have other values of their keys.

    None where the layers are not the same ones.
    """
    if [(node.id, node.copies) for node, _, _ in walk(base.nodes)] != [
        (node.id, node.copies) for node, _, _ in walk(head.nodes)
    ]:
        return None
    before, after = (
        {node.id: node for node, _, _ in walk(graph.nodes) if node.layer is not None} for graph in (base, head)
    )
    if any(before[id].op != after[id].op for id in before):
        return None
    if [_reads(base, before, id) for id in before] != [_reads(head, after, id) for id in after]:
        return None
    ends = (Entries, Stacked)  # of an `each`; how many entries there are follows from its input
    given = [
        id for id in before if not isinstance(before[id].layer, ends) and _values(before[id]) != _values(after[id])
    ]
    return {_place(id) for id in given if _code(before[id]) != _code(after[id])}, {_place(id) for id in given}


def _reads(graph: Graph, nodes: dict[str, Node], id_: str) -> list[object]:
    """Where the inputs of a layer come from, where that is easy to see."""
    givers: dict[int, object] = {id(tensor): name for name, tensor in graph.inputs.items()}
    for name, node in nodes.items():
        givers |= {id(extra): (name, part) for part, extra in (node.exit.outputs or {}).items()}
        givers[id(node.exit)] = givers[id(node.output)] = name
    return [givers.get(id(tensor)) for tensor in nodes[id_].inputs]


def _values(node: Node) -> object:
    names = type(node.layer).arguments
    all_count = (
        not names or type(node.layer).free_keys is not None
    )  # of what a program writes, zeros, no key is declared
    values = {name: value for name, value in vars(node.layer).items() if all_count or name in names}
    return {name: value for name, value in values.items() if not isinstance(value, Tensor)}


def _code(node: Node) -> object:
    code = code_of(node)
    experts = [child.weights for child in node.children]
    return code.module, code.args, code.kwargs, code.call, code.values, code.outputs, experts
