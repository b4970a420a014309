"""What later layers decide about layouts, for an earlier layer that has to know.

The steps are run once more without sizes: which tensors share a layout, and what decides it, follows from the numbers
of axes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from archcalc.diagnostics import Findings, Span
from archcalc.language.values import SizeExpression, Value
from archcalc.layers.arguments import Argument, Size
from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.layout import ASKS, FEATURES_LAST, DisagreementError, Group, Layout
from archcalc.layers.patterns import PatternError
from archcalc.layers.tensor import Tensor
from archcalc.network.expand import MAX_LAYERS, Path
from archcalc.network.graph import Node
from archcalc.network.layouts import agree, lay, widest
from archcalc.network.loops import Turns
from archcalc.network.scanning import Scanning
from archcalc.network.scope import Scope, StepFailedError
from archcalc.network.steps import Step
from archcalc.source import Scalar

# Stands for every size. It has many divisors, so most of what is computed from sizes is whole.
_SIZE = 720_720
# A copy may have fewer axes than the one before; after this many there are none left to lose.
_MOST_COPIES = 20
# Copies not known to be alike are run twice, nested ones more often.
_MOST_LAYERS = 10 * MAX_LAYERS


class Foresight(Scanning):
    """The groups of tensors of one layout in a whole network.

    Args:
        globals: hparams and dims.
        steps: the network.
        inputs: the tensors it reads, by name; only their ranks and stated layouts count.
    """

    def __init__(self, globals: Mapping[str, Any], steps: list[Step], inputs: Mapping[str, Tensor]) -> None:
        super().__init__(_Nothing(), {name: _plain(value) for name, value in globals.items()}, 1)
        self._asked: dict[tuple[Path, int], Group] = {}
        self._alike: set[Path] = set()  # copies that stand for all that are alike
        self._disagree: list[DisagreementError] = []
        stated = {name: _tensor(x.rank, Group(x.layout, x.group.by if x.group else None)) for name, x in inputs.items()}
        with suppress(_TooLargeError):  # reported when the network itself is built
            self.start(steps, stated)

    def found(self, path: Path, place: Span) -> Group | None:
        """The group asked about at this place. Raises `DisagreementError` if two layers decide it differently."""
        there: Path = ()
        for step, rank, again in path:
            first = (*there, (step, rank, 0))
            there = first if first in self._alike else (*there, (step, rank, again))
        group = self._asked.get((there, id(place)))
        for error in self._disagree:
            if group is not None and error.group.root is group.root:
                raise error
        return group

    def ask(self, x: Tensor, place: Span) -> Layout:
        """Record the question. Any answer will do for now: all sizes are alike."""
        if x.group is not None:
            self._asked[self.path, id(place)] = x.group
        return FEATURES_LAST

    def evaluate(
        self, value: Value, scope: Scope, x: Tensor | None, place: Scalar, argument: Argument | None, cls: Any = None
    ) -> Any:
        """A value; any number if it depends on sizes."""
        try:
            return super().evaluate(value, scope, x, place, argument, cls)
        except StepFailedError:
            if isinstance(value, SizeExpression):
                return (_SIZE,) * len(value.parts)
            return (_SIZE,) if isinstance(argument, Size) else _SIZE

    def _repeated(self, step: Step, scope: Scope, x: Tensor | None, copies: int) -> tuple[Tensor, Node | None]:
        if copies == 0 and x is not None:
            return x, None
        again = False
        for done in range(1, _MOST_COPIES + 1):
            y, node = self._copy(step, scope, x, again)
            if done == copies or x is None:
                break
            if x.rank == y.rank:
                if again:
                    self._ends_alike(x, y)
                    break
                if x.group is y.group or (x.group and y.group and _alike(x.group, y.group)):
                    self._alike.add((*self.path, (id(step), x.rank, 0)))
                    break
            again = x.rank == y.rank
            x = y
        return y, node

    def _looped(self, step: Step, scope: Scope, x: Tensor | None, turns: Turns) -> tuple[Tensor, Node | None]:
        states = self._starts(step, scope, x) if step.hands_on else {}
        copies: list[Node] = []
        for index in range(turns.copies):
            x, node, states = self._turn(step, scope, x, turns[index], index, states)
            copies += [node] if node is not None else []
        if x is None:
            raise StepFailedError
        if not copies:
            return x, self._no_copies(step, scope, x)
        if len(copies) < 2:
            return x, copies[0]
        wrapper = Node(step.op.text, step.op, (), x)
        wrapper.children, wrapper.unfolded, wrapper.further = copies, True, copies[-1].further
        return x, wrapper

    def _end(self, step: Step, layer: Layer, x: Tensor, *beside: Tensor) -> Tensor:
        together = agree(layer, (x,), step.op, lambda _, __, error, *___: self._disagree.append(error))
        y = _tensor(layer.output_rank(x))
        lay(layer, (x,), together, y, step.op)
        return y

    def _check_entries(self, step: Step, given: list[tuple[str, Tensor | None]]) -> None:
        """Sizes are not known here."""

    def _check_steps(self, step: Step, given: list[tuple[str, Tensor | None]]) -> None:
        """Nor here."""

    def _fits(self, state: Tensor, after: Tensor) -> bool:
        return state.rank == after.rank

    def _two_layouts(self, step: Step, error: DisagreementError) -> None:
        self._disagree.append(error)

    def _zeros(self, shape: tuple[int, ...], place: Span, x: Tensor | None) -> Tensor:
        return _tensor(len(shape))

    def _ends_alike(self, x: Tensor, y: Tensor) -> None:
        """Give the outputs of copies one layout."""
        if x.group is not None and y.group is not None:
            try:
                x.group.join(y.group)
            except DisagreementError as error:
                self._disagree.append(error)

    def _layer(self, step: Step, cls: type[Layer], scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        layer = self._bound(step, cls, scope, x)
        inputs, _ = self._read(step, layer, scope, x)
        try:
            together = agree(layer, inputs, step.op, lambda _, __, error, *___: self._disagree.append(error))
            if layer.effect == ASKS:
                self.ask(widest(inputs), step.op)
            y = _tensor(layer.output_rank(*inputs))
            lay(layer, inputs, together, y, step.op)
            y.outputs = _Outputs(layer, y)
        except (ShapeError, PatternError, IndexError):
            raise StepFailedError from None  # reported when the network itself is built
        node = Node(cls.op, step.op, inputs, y)
        self.nodes.append(node)
        return y, node

    def _count(self, layers: int, place: Span) -> None:
        self.count += layers
        if self.count > _MOST_LAYERS:
            raise _TooLargeError


def _plain(value: Any) -> Any:
    """A value without its derivation: decisions here are not conditions of a formula."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value if isinstance(value, bool) else int(value) if isinstance(value, int) else float.__add__(value, 0.0)


def _alike(one: Group, other: Group) -> bool:
    """Whether copies that start from these two are alike."""
    return one.root is other.root or (one.layout is not None and one.layout == other.layout)


def _tensor(rank: int, group: Group | None = None) -> Tensor:
    x = Tensor((_SIZE,) * rank)
    if rank > 1 and group is not None:
        x.group = group
    return x


class _Outputs(dict[str, Tensor]):
    """Further outputs of any name: which ones exist may depend on sizes."""

    def __init__(self, layer: Layer, y: Tensor) -> None:
        super().__init__()
        self._layer, self._y = layer, y

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Tensor:
        self[name] = _tensor(self._layer.further_rank(name, self._y.rank), self._y.group)
        return self[name]


class _Nothing(Findings):
    """Drops errors: they are reported when the network is built."""

    def error(self, *_: Any, **__: Any) -> None:
        """Forget it."""


class _TooLargeError(Exception):
    """More layers than the limit."""
