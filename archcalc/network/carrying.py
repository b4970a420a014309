"""The states of a loop, passed from copy to copy next to the tensor before it, as written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from archcalc.advice import meant
from archcalc.diagnostics import Findings, SpecError
from archcalc.language.items import Item
from archcalc.language.signature import check_name
from archcalc.language.values import Value
from archcalc.layers.layout import SCAN
from archcalc.network.names import Names
from archcalc.network.steps import Carried, Ref, Start, Step
from archcalc.source import Mapping, Node, Scalar, Sequence


class Binder(Protocol):
    """The part of the binder that is used here."""

    findings: Findings

    def value(self, scalar: Scalar, known: Collection[str], names: Names | None = None) -> Value | None:
        """A number or an expression; None after an error."""


def carried(binder: Binder, item: Item, around: Names, inner: Names) -> Iterator[Carried]:
    """The states of a loop; their names are known in its body, their initial values around it."""
    if "state" not in item.carried:
        key, _ = item.carried["next"]
        binder.findings.error("SPC004", "`next:` needs `state:` beside it", key, "e.g. state: {p3: c3}, or delete it")
        return
    _, states = item.carried["state"]
    for name, node in states.pairs:
        check_name(name, binder.findings, taken=("input", "prev"))
        start = _start(binder, name, node, around, inner if item.over is not None else around)
        inner.define(name, node)
        inner.states.add(name.text)
        if start is not None:
            yield Carried(name, node, start)


def _start(binder: Binder, name: Scalar, node: Node, around: Names, sizes_in: Names) -> Start | None:
    """A tensor from outside, or the sizes of zeros, which may use those of the entries; None after an error."""
    if isinstance(node, Scalar) and (node.text or node.quoted):
        return around.reference(node)
    if not isinstance(node, Sequence) or not 1 <= len(node.items) <= 8:
        help = "the name of a layer, or sizes, e.g. [64, 32, 32] for zeros"
        binder.findings.error("SPC010", f"`{name.text}` starts from a tensor or from zeros", node, help)
        return None
    sizes: list[tuple[Scalar, Value]] = []
    for size in node.items:
        if not isinstance(size, Scalar):
            binder.findings.error("SPC010", "a size must be a number or an expression", size, "e.g. [64, 32, 32]")
        elif (value := binder.value(size, sizes_in.values, sizes_in)) is not None:
            sizes.append((size, value))
    return sizes if len(sizes) == len(node.items) else None


def follow(binder: Binder, step: Step, item: Item, inner: Names) -> None:
    """Which layer of the body gives each state its next value."""
    states = {one.name.text: one for one in step.carried}
    pairs = item.carried["next"][1].pairs if "next" in item.carried else []
    for name, node in pairs:
        if name.text not in states:
            if "state" in item.carried:
                help = meant(name, name.text, list(states), f"the states are {', '.join(states)}")
                binder.findings.error("SPC008", f"no state is named `{name.text}`", name, help)
        elif not isinstance(node, Scalar):
            message = f"the next `{name.text}` is the name of a layer in the body"
            binder.findings.error("SPC010", message, node, "give the layer name=, and write that name")
        else:
            try:
                states[name.text].following = inner.reference(node)
            except SpecError as error:
                binder.findings.take(error)
    given = {name.text for name, _ in pairs}
    if (item.over is not None or len(step.carried) == 1) and not pairs and not item.incomplete:
        if len(step.carried) > 1:  # one of them is the body's output
            names = ", ".join(f"{one.name.text}: ..." for one in step.carried)
            count = {2: "two", 3: "three", 4: "four"}.get(len(step.carried), str(len(step.carried)))
            message = f"`{item.op.text}` has {count} states and no `next:`"
            binder.findings.error("SPC004", message, item.op, f"next: {{{names}}}")
        return
    for one in step.carried:
        if one.name.text not in given and not item.incomplete:
            where = ("step", "step") if item.over is not None else ("copy", "copy")
            help = f"say under next which tensor of a {where[0]} is {one.name.text} in the {where[1]} after it"
            binder.findings.error("SPC004", f"the state `{one.name.text}` has no next value", one.name, help)


def over(binder: Binder, step: Step, item: Item, around: Names, inner: Names) -> Iterator[tuple[str, Ref | None]]:
    """What an `each` or `scan` iterates over: the tensor before it or others, by their names in the body."""
    node = item.over
    if isinstance(node, Mapping):
        if not node.pairs:
            binder.findings.error("SPC010", f"`{item.op.text}` goes through nothing", node, "e.g. {x: prev, y: NAME}")
        for name, value in node.pairs:
            check_name(name, binder.findings, taken=("input", "prev"))
            inner.define(name, value)
            if _is_number(binder, item, value, around):
                inner.wrong.add(name.text)
            elif isinstance(value, Scalar):
                copied = item.common.get("repeat") or (item.loop and item.loop[0])
                if copied and name is node.pairs[0][0] and value.text != "prev":
                    message = (
                        f"copies of `{item.op.text}` go on from the one before, but `{name.text}` is `{value.text}`"
                    )
                    help = "put it in the list of a `repeat`, where every copy reads the same tensors"
                    binder.findings.error("SPC010", message, copied, help)
                yield name.text, around.reference(value)
            else:
                message = f"`{name.text}` is an entry of a layer: give the layer's name"
                binder.findings.error("SPC010", message, value, f"e.g. {{{name.text}: prev}}")
        return
    if item.op.text != SCAN:
        inner.layers["input"] = None
    if isinstance(node, Scalar) and not _is_number(binder, item, node, around):
        step.source = around.reference(node)  # as with from=: further copies iterate over the output of the one before
        yield "", None
    elif node is not None and not isinstance(node, Scalar):
        help = "the name of a layer, or names, e.g. {x: prev, y: NAME}"
        binder.findings.error("SPC010", f"`{item.op.text}` goes through the entries of tensors", node, help)
    elif node is None:
        yield "", None


def _is_number(binder: Binder, item: Item, node: Node, around: Names) -> bool:
    """Whether a `scan` is given a number of steps instead of a tensor, which is an error."""
    if item.op.text != SCAN or not isinstance(node, Scalar):
        return False
    if not node.text.isdigit() and not (around.value_named(node.text) and node.text not in around.arguments):
        return False
    help = "the number of steps may be a dim; use a constant of its length"
    binder.findings.error("SPC008", "the step number is not a tensor", node, help)
    return True
