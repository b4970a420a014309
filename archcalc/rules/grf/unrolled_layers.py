"""GRF710."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise

from archcalc.diagnostics import Edit, Fix, Source, Span
from archcalc.network.graph import Node, walk
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.mending import if_valid
from archcalc.rules.model import Model

# Two equal lines are no longer than a repeat.
_FEW = 3


@rule("GRF710", "unrolled-layers")
class UnrolledLayers(Rule):
    """The same line occurs several times in a row, each reading the one before.

    `repeat` says how many there are, and the number can be an hparam. The layers then have other names in the state dict, so
    weights saved earlier have to be renamed.

    Example:
        model: example
        input: [20]
        layers:
          - [linear 64, relu]
          - [linear 64, relu]
          - [linear 64, relu]
          - linear 10

    Use instead:
        model: example
        input: [20]
        layers:
          - repeat: 3
            layers: [linear 64, relu]
          - linear 10

    Reference:
        torch.nn.ModuleList, torch.nn.Sequential.
    """

    severity = "info"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every run of equal lines without names of their own."""
        source = model.graph.document.source
        runs = dict(_runs(source))
        if not runs:
            return
        seen: set[int] = set()
        bodies = [model.graph.nodes, *(node.children for node, _, _ in walk(model.graph.nodes) if node.layer is None)]
        for body in bodies:
            lines = [list(group) for _, group in groupby(_flat(body), key=lambda node: node.place.line)]
            for index, nodes in enumerate(lines):
                first = nodes[0].place
                count = runs.get(first.line, 0) if first.source is source else 0
                run = lines[index : index + count]
                if not count or len(run) < count or first.line in seen or not _chained(model, run):
                    continue
                seen.add(first.line)
                fix = if_valid(model, Fix(f"write repeat {count}", (_edit(source, first.line, count),), safe=False))
                yield self.finding(
                    first, f"{count} equal lines, each reading the one before", "write `repeat`", fix=fix, count=count
                )


def _runs(source: Source) -> Iterator[tuple[int, int]]:
    """The first line of each run of equal items, and their number."""
    lines = source.text.splitlines()
    start = 0
    for text, group in groupby(lines):
        count = len(list(group))
        plain = text.strip().startswith("- ") and not any(
            one in text for one in ("name", "from=", "tie=", "#", "repeat")
        )
        after = lines[start + count] if start + count < len(lines) else ""
        if count >= _FEW and plain and _indent(after) <= _indent(text):
            yield start + 1, count
        start += count


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def _flat(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.inline and not node.listed and node.children:
            yield from _flat(node.children)
        yield node


def _chained(model: Model, run: list[list[Node]]) -> bool:
    """Whether each line reads the one before, which nothing else reads."""
    for one, other in pairwise(run):
        if one[0].place.line + 1 != other[0].place.line or not other[0].inputs:
            return False
        if model.name(other[0].inputs[0]) != model.name(one[-1].output):
            return False
    return True


def _edit(source: Source, line: int, count: int) -> Edit:
    text = source.line(line)
    start = len(text) - len(text.lstrip())
    item, last = text[start + 2 :].strip(), line + count - 1
    if item.startswith("["):
        new = f"- repeat: {count}\n{' ' * start}  layers: {item}"
    elif item.startswith("{"):
        new = f"- {{{item[1:-1]}, repeat: {count}}}"
    elif ": " in item:
        new = f"- {item}\n{' ' * start}  repeat: {count}"
    else:
        new = f"- {item} repeat={count}"
    return Edit(Span(source, line, start + 1, last, len(source.line(last)) + 1), new)
