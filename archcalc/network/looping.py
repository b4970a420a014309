"""Loops: copies that pass on states, and layers on every entry of a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archcalc.diagnostics import Note, Span
from archcalc.layers.base import Layer
from archcalc.layers.entries import Entries, Stacked
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Started, Tensor
from archcalc.network.expand import Expander
from archcalc.network.graph import Node
from archcalc.network.scope import Scope
from archcalc.network.steps import SIZE, Ref, Step
from archcalc.quantity import plain


class Looping(Expander):
    """Runs the steps that iterate over something."""

    def _starts(self, step: Step, scope: Scope, x: Tensor | None) -> dict[str, Tensor]:
        """The initial states of a loop."""
        found: dict[str, Tensor] = {}
        for one in step.carried:
            if isinstance(one.start, Ref):
                found[one.name.text] = self._single(one.start, scope, x)
            else:
                shape = tuple(self.evaluate(size, scope, x, place, SIZE) for place, size in one.start)
                found[one.name.text] = self._zeros(shape, one.place, x)
        return found

    def _no_copies(self, step: Step, scope: Scope, x: Tensor) -> Node:
        """The value of a repeat without copies: its states keep their initial values."""
        node = Node(step.op.text, step.op, (x,), x)
        node.unfolded = True
        node.further = self._starts(step, scope, x)
        return node

    def _zeros(self, shape: tuple[int, ...], place: Span, x: Tensor | None) -> Tensor:
        """Zeros for every sample."""
        raise NotImplementedError

    def _turn(
        self, step: Step, scope: Scope, x: Tensor | None, values: Mapping[str, Any], which: int, states: dict[str, Tensor]
    ) -> tuple[Tensor, Node | None, dict[str, Tensor]]:  # fmt: skip
        """A copy with values of its own that starts from `states`; returns the states after it."""
        around = Scope({**scope.values, **values}, None, scope)
        aliases = {name: Started(tensor) for name, tensor in states.items()}
        around.layers.update({name: (alias, None) for name, alias in aliases.items()})
        y, node = self._copy(step, around, x, which)
        if node is None or not step.hands_on:
            return y, node, {}
        node.states = aliases
        return y, node, node.further

    def _each(
        self, step: Step, over: list[tuple[str, Ref | None]], scope: Scope, x: Tensor | None
    ) -> tuple[Tensor, Node | None]:
        """The layers of an `each` on every entry, as if the entries were samples."""
        if x is None and over[0][1] is None:
            self.fail(
                "SPC008", "`each` has no layer before it", step.op, "the model has several inputs: write each: NAME"
            )
        if x is not None and x.parts and any(ref is None for _, ref in over):
            self._several(step, "choose one by its name, e.g. each: NAME.0, with the layers under layers:")
        given = [(name, x if ref is None else self._single(ref, scope, x)) for name, ref in over]
        tensors = [tensor for _, tensor in given if tensor is not None]
        self._check_entries(step, given)
        outer, self.nodes = self.nodes, []
        around, self.entries = self.entries, self.entries * tensors[0].shape[0]
        try:
            lead = next((one for one in tensors if one.batched), tensors[0])
            entries = [self._end(step, Entries(), one, *([] if one is lead else [lead])) for one in tensors]
            values = {name: value for name, value in scope.values.items() if not isinstance(value, Tensor)}
            inner = Scope(values, entries[0])
            inner.layers.update({name: (entry, None) for (name, _), entry in zip(given, entries) if name})
            y, children = self._inside(step.bodies["layers"], inner, entries[0], step.op)
            self._no_parts(y, step.op)
            further = {**(y.outputs or {}), **(children[-1].further if children else {})}
            self.nodes += children
            count = tensors[0].shape[0]
            stacked = self._end(step, Stacked(count=count), y)
            more = {
                name: self._end(step, Stacked(count=count), further[name])
                for name in sorted(step.wanted)
                if name in further and not further[name].parts
            }
            children = self.nodes
        finally:
            self.nodes, self.entries = outer, around
        result = self._container(step, tensors[0], stacked, children)
        if result[1] is not None:
            result[1].work, result[1].further = plain(count), more
        return result

    def _check_entries(self, step: Step, given: list[tuple[str, Tensor | None]]) -> None:
        """Refuse channels, and tensors of unequally many entries."""
        (first, one), *others = [(name, tensor) for name, tensor in given if tensor is not None]
        for _, tensor in given:
            if tensor is not None and tensor.layout == CHANNELS_FIRST and tensor.rank > 1:
                letters = {2: "n", 3: "h w", 4: "d h w"}.get(tensor.rank, "...")
                pattern = f"rearrange 'c {letters} -> ({letters}) c'" if tensor.rank > 2 else "transpose"
                help = f"to run on each {'pixel' if tensor.rank > 2 else 'position'} use `conv 1` or `{pattern}`"
                by = tensor.group.by if tensor.group is not None else None
                notes = (Note(f"decided by `{by.text}`", by),) if by is not None else ()
                self.fail("SHP102", f"`{step.op.text}` would take the channels of {tensor} apart", step.op, help, notes)
        for name, tensor in others:
            if one.rank and tensor.rank and tensor.shape[0] != one.shape[0]:
                what = f"{first} with {one.shape[0]} entries and {name} with {tensor.shape[0]}"
                self.fail("SHP107", f"`{step.op.text}` goes through {what}", step.op, "give both the same number")

    def _end(self, step: Step, layer: Layer, x: Tensor, *beside: Tensor) -> Tensor:
        """The tensor at one end of an `each`, with as many samples as those `beside` it."""
        raise NotImplementedError
