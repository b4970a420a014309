"""The derivation of a group, a block or a whole network: what each part of it adds to the totals."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.derivation import derive
from archcalc.network.graph import Node
from archcalc.quantity import Quantity, plain, product, spoken
from archcalc.reports.blocks import UNBOUNDED
from archcalc.reports.explanation import facts
from archcalc.reports.explanation.facts import Line
from archcalc.reports.explanation.report import Explanation, spaced
from archcalc.reports.labels import fitted
from archcalc.reports.numbers import exact
from archcalc.shipped import ENDING, path_of
from archcalc.terms import Term, repeated, terms

# The widest name of a part, and the longest formula that represents an unopened block.
_NAME, _FORMULA = 30, 48
# The formula of a block combines at most this many layers.
_LAYERS = 6


class _Measure:
    """One total: how much a layer contributes, as a number and as a formula, and how often that counts."""

    def __init__(
        self,
        title: str,
        key: str,
        number: Callable[[Node], int],
        formula: Callable[[Node], int],
        often: Callable[[Node], int],
    ) -> None:
        self.title, self.key, self.number, self.formula, self.often = title, key, number, formula, often

    def total(self, node: Node) -> int:
        """The total of one copy of `node` with everything inside it."""
        return self.number(node) + sum(self.often(child) * self.total(child) for child in node.children)

    def derived(self, node: Node) -> int | None:
        """The same as a formula, if that is short."""
        layers = [one for one in _inside(node) if self.number(one)]
        if len(layers) > _LAYERS:
            return None
        found = self._sum(node)
        return found if len(spoken(found)) <= _FORMULA or not node.children else None

    def _sum(self, node: Node) -> int:
        result = self.formula(node) if self.number(node) else 0
        for child in node.children:
            if self.total(child):
                result = result + repeated(_quantity(self._sum(child)), self.often(child), _copies(child))
        return result


def explain_group(node: Node, costs: Costs) -> Explanation:
    """Explain a group or block; if it has several copies, first one of them, then all."""
    nodes = [node] if node.layer is not None else node.children
    copies = 1 if node.layer is not None or node.unfolded else plain(node.copies)
    result = Explanation(f"{node.id}   {node.label}")
    result.lines += [
        *(Line(title, spaced(x)) for title, x in node.titled_inputs),
        Line("output", spaced(node.output)),
        *(Line(f"output .{name}", spaced(one)) for name, one in node.further.items()),
        None,
    ]
    result.data = {"id": node.id, "op": node.op, "label": node.label, "copies": copies}
    _derive(result, nodes, copies, costs)
    result.lines += _declared(nodes)
    count = facts.copies(node, costs)
    if count > copies:  # of what is around it
        result.lines += [None, facts.of_copies(node, count, costs)]
    result.lines += _further(nodes if node.layer is None else node.children, costs)
    return result


def explain_network(costs: Costs) -> Explanation:
    """Explain a whole network by its topmost parts."""
    graph = costs.graph
    result = Explanation(graph.model)
    for name, x in graph.inputs.items():
        result.lines.append(Line("input" if name == "input" else f"input {name}", spaced(x)))
    for name, x in graph.outputs.items():
        result.lines.append(Line("output" if len(graph.outputs) == 1 else f"output .{name}", spaced(x)))
    result.lines.append(None)
    result.data = {"id": "", "op": "network", "label": graph.model, "copies": 1}
    _derive(result, graph.nodes, 1, costs)
    result.lines += _declared(graph.nodes)
    result.lines += _further(graph.nodes, costs)
    return result


def _further(nodes: Sequence[Node], costs: Costs) -> Iterator[Line | None]:
    """How to get the derivation of one of the parts."""
    if not os.path.exists(costs.graph.path):  # a line, or standard input
        return
    parts = [node for one in nodes for node in _inside(one) if node.block or node.layer is not None]
    first = max(parts, key=lambda node: costs.total(node).params if not node.inline else -1, default=None)
    if first is not None:
        yield None
        path = costs.graph.path
        name = os.path.basename(path).removesuffix(ENDING)
        spec = (name if path_of(name) == path else path) + (f"@{costs.graph.variant}" if costs.graph.variant else "")
        command = f"archcalc explain {shlex.quote(spec)} {first.id}"
        yield Line("further", command, note="derives one of these parts", whole=True)


def _derive(result: Explanation, nodes: Sequence[Node], copies: int, costs: Costs) -> None:
    """Add the totals of `nodes`, for one copy, and the contribution of each."""
    data = result.data
    data["parts"] = [{"id": node.id, "label": node.label} for node in nodes]
    for measure in _measures(costs):
        shares = [measure.often(node) * measure.total(node) for node in nodes]
        total = data[measure.key] = sum(shares)
        for one, share in zip(data["parts"], shares):
            one[measure.key] = share
        parts = [line for node in nodes for line in _lines(measure, node, 1)]
        if not total:
            if measure.key == "params":
                result.lines.append(Line(measure.title, "", "0", "nothing is learned"))
            continue
        result.lines += [Line(measure.title), *parts]
        result.lines += _together(total, copies)
    for title, key, by_kind, unit in _by_kind(nodes, costs):
        data[key] = sum(amount for _, amount in by_kind.values())
        if not by_kind:
            continue
        result.lines.append(Line(title, note=unit))
        for kind, (count, amount) in by_kind.items():
            result.lines.append(Line(f"{kind}  ×{count:,}" if count > 1 else kind, "", exact(amount), level=1))
        result.lines += _together(data[key], copies)


def _declared(nodes: Sequence[Node]) -> Iterator[Line]:
    """A note that layers declare their costs, and whether all do."""
    layers = [one for node in nodes for one in _inside(node) if one.layer is not None and one.layer.declared]
    if layers:
        unknown = any(one.layer is not None and one.layer.is_unknown for one in layers)
        more = "some MACs are unknown, so the sum is a lower bound" if unknown else "not computed"
        labels = dict.fromkeys(one.label for one in layers)
        yield Line("declared", ", ".join(labels), note=more)


def _together(total: int, copies: int) -> Iterator[Line]:
    yield Line("together" if copies == 1 else "one copy", "", exact(total), level=1, total=True)
    if copies > 1:
        yield Line(f"all ×{copies:,}", f"{copies:,} copies · {total:,}", exact(copies * total), level=1, total=True)


def _measures(costs: Costs) -> list[_Measure]:
    def samples(node: Node) -> int:
        entries = plain(node.exit.entries)
        batch = node.exit.samples(costs.batch) // entries
        found = Quantity.named("batch", batch, counts=True) if batch > 1 else 1
        return found * Quantity.named("entries", entries, counts=True) if entries > 1 else found

    return [
        _Measure(
            "parameters",
            "params",
            lambda node: sum(plain(product(shape)) for shape in node.params.values()),
            lambda node: derive(node).parameters,
            lambda node: plain(node.weights * node.copies),
        ),
        _Measure(
            "MACs",
            "macs",
            lambda node: plain(node.macs * samples(node)),
            lambda node: derive(node).macs * samples(node),
            # the entries of an `each` are samples
            lambda node: node.runs(
                plain(node.weights * node.copies),
                plain((node.work if node.is_expert or node.listed else 1) * node.copies),
                1,
            ),
        ),
    ]


def _lines(measure: _Measure, node: Node, level: int) -> Iterator[Line]:
    """A line for a part, or the lines of its own parts under its name."""
    total, often = measure.total(node), measure.often(node)
    if not total:
        return
    name, short = (fitted(node.label, node.name, often, width) for width in (UNBOUNDED, _NAME - 2 * level))
    inner = [child for child in node.children if measure.total(child)]
    if inner and not node.block:
        yield Line(name, level=level, short=short)
        if measure.number(node):
            yield _line(measure, node, "itself", level + 1, 1, own=True)
        for child in inner:
            yield from _lines(measure, child, level + 1)
        if often > 1:
            yield Line(f"×{often:,}", f"{_often(node, often)} · {total:,}", exact(often * total), level=level + 1)
        return
    yield replace(_line(measure, node, name, level, often), short=short)
    if often == 1 and not node.children:
        for value, label, _ in _labelled(measure.derived(node)):
            yield Line(label, spoken(_quantity(value)), exact(int(value)), level=level + 1)


def _labelled(value: int | None) -> list[Term]:
    """The parts of a layer's number, if it has several with names."""
    found = [] if value is None else [term for term in terms(value) if term.label]
    return found if len(found) > 1 else []


def _often(node: Node, often: int) -> str:
    """How often a part occurs or runs: experts run once for each position and each expert it is sent to."""
    if node.is_expert and often == node.work * node.copies != node.weights * node.copies:
        return f"{often // node.active:,} positions · {node.active:,} experts each"
    return f"{often:,} {_copies(node)}"


def _copies(node: Node) -> str:
    """What the copies of a node are called."""
    return "steps" if node.listed else "copies"


def _line(measure: _Measure, node: Node, name: str, level: int, often: int, own: bool = False) -> Line:
    value = measure.formula(node) if own else measure.derived(node)
    total = measure.number(node) if own else measure.total(node)
    formula = f"{often:,} {_copies(node)} · {total:,}" if often > 1 else ""
    if value is not None:
        formula = spoken(repeated(_quantity(value), often, _copies(node)))
        parts = _labelled(value)
        if parts and (len(formula) > _FORMULA or (often == 1 and not node.children)):
            formula = " + ".join(term.label for term in parts)
    return Line(name, formula, exact(often * total), level=level)


def _by_kind(nodes: Sequence[Node], costs: Costs) -> Iterator[tuple[str, str, dict[str, tuple[int, int]], str]]:
    """Element-wise work and bytes of outputs, added up by the kind of layer."""
    width = DTYPE_BYTES[costs.dtype]
    amounts: dict[str, Counter[str]] = {"other_flops": Counter(), "activation_bytes": Counter()}
    counts: dict[str, Counter[str]] = {"other_flops": Counter(), "activation_bytes": Counter()}

    def visit(node: Node, stored: int, work: int) -> None:
        stored, work = stored * plain(node.weights * node.copies), work * plain(node.work * node.copies)
        if node.layer is not None:
            each = {
                "other_flops": plain(node.other_flops),
                "activation_bytes": 0 if node.is_view else plain(product(node.exit.shape)) * width,
            }
            for key, amount in each.items():
                if amount:
                    amounts[key][node.op] += node.runs(stored, work, costs.batch) * amount
                    counts[key][node.op] += node.runs(stored, work, 1)
        for child in node.children:
            visit(child, stored, work)

    for node in nodes:
        visit(node, 1, 1)
    for title, key, unit in (("element-wise", "other_flops", "FLOPs"), ("activations", "activation_bytes", "bytes")):
        yield title, key, {op: (counts[key][op], amount) for op, amount in amounts[key].most_common()}, unit


def _inside(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _inside(child)


def _quantity(value: int) -> int:
    return value if isinstance(value, Quantity) else Quantity.named(f"{int(value):,}", int(value))
