"""`scan`: the same layers at every entry of a tensor, one after the other, with states that go from step to step."""

from __future__ import annotations

from archcalc.diagnostics import Advice, Fix, Note, Span
from archcalc.layers.base import decided
from archcalc.layers.layout import CHANNELS_FIRST, DisagreementError
from archcalc.layers.steps import Collected, Unbound
from archcalc.layers.tensor import Started, Tensor
from archcalc.network.graph import Node
from archcalc.network.looping import Looping
from archcalc.network.scope import Scope
from archcalc.network.steps import REVERSE, SIZE, Ref, Step
from archcalc.quantity import plain


class Scanning(Looping):
    """Runs one step of a `scan` for all of them: every step costs the same."""

    def _scan(
        self, step: Step, over: list[tuple[str, Ref | None]], scope: Scope, x: Tensor | None
    ) -> tuple[Tensor, Node | None]:
        if not over:
            self.fail("SPC008", f"`{step.op.text}` goes through nothing", step.op, "e.g. scan: prev")
        given = [(name, x if ref is None else self._single(ref, scope, x)) for name, ref in over]
        tensors = [tensor for _, tensor in given if tensor is not None]
        self._check_steps(step, given)
        backwards = step.reverse
        if not isinstance(backwards, bool):
            backwards = bool(self.evaluate(backwards, scope, x, step.places["reverse"], REVERSE))
        outer, self.nodes = self.nodes, []
        try:
            return self._stepped(step, [name for name, _ in given], tensors, scope, x, backwards, outer)
        finally:
            self.nodes = outer

    def _stepped(
        self, step: Step, names: list[str], tensors: list[Tensor], scope: Scope, x: Tensor | None, backwards: bool,
        outer: list[Node],
    ) -> tuple[Tensor, Node | None]:  # fmt: skip
        """The nodes of a scan: its entries, the layers of one step, and the outputs of all steps."""
        count = tensors[0].shape[0]
        entries = [self._end(step, Unbound(called=name), tensor) for name, tensor in zip(names, tensors)]
        inner = Scope(scope.values, None, scope)
        inner.layers.update({name: (entry, None) for name, entry in zip(names, entries) if name})
        ends, self.nodes = self.nodes, []
        states = self._begun(step, scope, inner, x, entries[0], tensors[0])
        ends = [*self.nodes, *ends]
        y, children, following = self._one_step(step, inner, entries[0], states)
        last = children[-1].further if children and children[-1].block else {}
        for one in step.carried:
            if one.name.text in last:
                help = "name one of them otherwise"
                self.fail("SPC011", f"`{one.name.text}` is a state and an output of the last layer", one.name, help)
        further = {name: extra for name, extra in {**(y.outputs or {}), **last}.items() if name not in states}
        listed = [("", y), *((name, further[name]) for name in sorted(step.wanted) if name in further)]
        every = [(name, one, one.copy()) for name, one in listed if not one.parts]
        body = Node("step", step.op, (*entries,), y)
        body.children, body.states, body.further, body.work = children, states, following, plain(count)
        body.listed, body.output = [(one, all) for _, one, all in every], every[0][2]
        self.nodes = [*ends, body]
        sizes = {name: tensor.shape for name, tensor in following.items()}
        stacked = {}
        for name, _, all in every:
            layer = Collected(count=count, backwards=backwards, states=sizes if not name else {}, called=name)
            stacked[name] = self._end(step, layer, all)
        children, self.nodes = self.nodes, outer
        result = self._container(step, tensors[0], stacked.pop(""), children)
        if result[1] is not None:
            result[1].further = {**following, **stacked}
        return result

    def _begun(
        self, step: Step, scope: Scope, inner: Scope, x: Tensor | None, entry: Tensor, over: Tensor
    ) -> dict[str, Started]:
        """The states in the first step; zeros may take sizes from the entries."""
        states: dict[str, Started] = {}
        for one in step.carried:
            if isinstance(one.start, Ref):
                start = self._single(one.start, scope, x)
            else:
                shape = tuple(self.evaluate(size, inner, entry, place, SIZE) for place, size in one.start)
                start = self._zeros(shape, one.place, over)
            states[one.name.text] = Started(start)
            inner.layers[one.name.text] = states[one.name.text], None
        return states

    def _one_step(
        self, step: Step, inner: Scope, entry: Tensor, states: dict[str, Started]
    ) -> tuple[Tensor, list[Node], dict[str, Tensor]]:
        """The output of a step, its layers, and the next values of the states."""
        while True:
            known = dict(inner.layers)
            y, children = self._inside(step.bodies["layers"], inner, entry, step.op)
            self._no_parts(y, step.op)
            following = {
                one.name.text: y if one.following is None else self._single(one.following, inner, y)
                for one in step.carried
            }
            later = [name for name, state in states.items() if following[name].batched and not state.batched]
            if not later:
                break
            for name in later:  # the same for every sample at first, but not afterwards
                object.__setattr__(states[name], "batched", True)
            inner.layers = known
        for one in step.carried:
            self._goes_on(step, one.name, states[one.name.text], following[one.name.text], _said(one.following, step))
        return y, children, following

    def _goes_on(self, step: Step, name: Span, state: Tensor, after: Tensor, place: Span) -> None:
        """Refuse a state that changes its shape, and give all its values one layout."""
        if not self._fits(state, after):
            what = f"the state `{getattr(name, 'text', '')}` is {state} but its next value is {after}"
            help = "a state has one shape in all steps: start from another, or give a next value of this one"
            self.fail("SHP107", what, name, help, (Note("next value", place),))
        if state.group is not None and after.group is not None:
            try:
                state.group.join(after.group)
            except DisagreementError as error:
                self._two_layouts(step, error)

    def _fits(self, state: Tensor, after: Tensor) -> bool:
        return state.shape == after.shape

    def _two_layouts(self, step: Step, error: DisagreementError) -> None:
        (first, one), (second, other) = error.first, error.second
        notes = tuple(Note(text, place) for text, place in (*decided(one, first), *decided(other, second)))
        help = "put a `transpose` or `rearrange` between the two layers that decide"
        self.fail("SHP102", f"a state of `{step.op.text}` is {first} and {second} at once", step.op, help, notes)

    def _check_steps(self, step: Step, given: list[tuple[str, Tensor | None]]) -> None:
        """Refuse channels, and tensors of unequally many entries."""
        if any(tensor is None for _, tensor in given):
            help = "the model has several inputs: write scan: NAME"
            self.fail("SPC008", "`scan` has no layer before it", step.op, help)
        if any(tensor is not None and tensor.parts for _, tensor in given):
            help = "choose one by its name, e.g. scan: NAME.0"
            self.fail("SPC008", "the layer before has several outputs", step.op, help)
        (first, one), *others = [(name, tensor) for name, tensor in given if tensor is not None]
        for (_, ref), (_, tensor) in zip(step.over or (), given):
            if tensor is not None and tensor.layout == CHANNELS_FIRST and tensor.rank > 1:
                by = tensor.group.by if tensor.group is not None else None
                notes = (Note(f"decided by `{by.text}`", by),) if by is not None else ()
                advice = _through_positions(step, ref, tensor)
                self.fail("SHP102", f"`scan` would go through the channels of {tensor}", step.op, advice, notes)
        for name, tensor in others:
            if one.rank and tensor.rank and tensor.shape[0] != one.shape[0]:
                what = f"{first} with {one.shape[0]} entries and {name} with {tensor.shape[0]} side by side"
                self.fail("SHP107", f"`scan` goes through {what}", step.op, "give both the same number")


def _through_positions(step: Step, ref: Ref | None, tensor: Tensor) -> Advice | str:
    """What to do if a `scan` would iterate over the channels of `tensor`, which it reads as `ref`."""
    if tensor.rank > 2:
        return "the first axis is one of steps: `rearrange` it there"
    if ref is not None and ref.name != "prev":
        return f"to go through the positions, put `transpose from={ref.place.text} name=NAME` before it and scan NAME"
    from archcalc.language.edits import with_layer_before  # for a message

    edits = with_layer_before(step.op, "transpose")
    text = "add `transpose` before it"
    return Advice(f"{text} to go through the positions", Fix(text, edits) if edits else None)


def _said(following: Ref | None, step: Step) -> Span:
    """The place of the next value in the spec: its name, or the last layer."""
    return following.place if following is not None else step.bodies["layers"][-1].op
