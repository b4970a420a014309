"""The shape phase: runs the steps on shapes and builds the graph.

The first error of each chain is reported; layers after it have an unknown shape and stay silent. Copies made by
`repeat` are computed until one's output has the shape of its input; the rest are equal, so the work does not grow
with their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from archcalc.diagnostics import Advice, Findings, Note, Span
from archcalc.language.inputs import stating
from archcalc.layers.base import Layer, ShapeError, decided
from archcalc.layers.change import Change
from archcalc.layers.content import hold_alike
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.layout import ASKS, UNDECIDED, DisagreementError, Layout, axis_of
from archcalc.layers.tensor import Alias, Tensor, Want
from archcalc.layers.zeros import Zeros
from archcalc.network.expand import MAX_LAYERS
from archcalc.network.graph import Node, walk
from archcalc.network.layouts import agree, conflict, lay, widest
from archcalc.network.loops import Turns
from archcalc.network.scanning import Scanning
from archcalc.network.scope import UNKNOWN, Scope
from archcalc.network.steps import CACHE, Each, Ref, Step
from archcalc.quantity import Quantity, leaves, plain, product
from archcalc.source import Scalar

if TYPE_CHECKING:
    from archcalc.network.foresight import Foresight

# What is computed along paths visits copies twice, so nested ones double the work at each level.
MAX_REPEATS = 8
# PyTorch counts the bytes of a tensor in 64 bits.
LARGEST_TENSOR = 2**63 // 4


class Builder(Scanning):
    """Runs steps on shapes; nodes go to the innermost open group."""

    def __init__(self, findings: Findings, globals: Mapping[str, Any], batch: int) -> None:
        super().__init__(findings, globals, batch)
        self._network: tuple[list[Step], Mapping[str, Tensor]] = [], {}
        self._foresight: Foresight | None = None
        self.states_inputs = True  # a layout can be given at the inputs
        self.repeats = 0

    def start(self, steps: list[Step], inputs: Mapping[str, Tensor]) -> tuple[Scope, Tensor | None]:
        """Run a whole network; its final scope and its last layer's output."""
        self.know(steps, inputs)
        return super().start(steps, inputs)

    def know(self, steps: list[Step], inputs: Mapping[str, Tensor]) -> None:
        """Set the network that the steps belong to: all of it is searched for layouts."""
        self._network = steps, inputs

    def ask(self, x: Tensor, place: Span) -> Layout:
        """The layout of `x`, which a later layer may decide. Raises `DisagreementError`."""
        group = x.group
        if group is not None and group.layout is None:
            if self._foresight is None:
                from archcalc.network.foresight import Foresight  # imported on demand: few networks ask

                self._foresight = Foresight(self.globals, *self._network)
            found = self._foresight.found(self.path, place)
            if found is not None and found.layout is not None:
                group.decide(found.layout, found.by)
        return x.layout

    def _looped(self, step: Step, scope: Scope, x: Tensor | None, turns: Turns) -> tuple[Tensor, Node | None]:
        """A copy of a step for each turn, in sequence; each is a node of its own."""
        return self._repeated(step, scope, x, turns.copies, turns)

    def _repeated(
        self, step: Step, scope: Scope, x: Tensor | None, copies: int, turns: Turns | None = None
    ) -> tuple[Tensor, Node | None]:
        """`copies` of a step in sequence; equal ones are one node, except for `turns` with values of their own."""
        if copies == 0:
            if x is None:
                self.fail("SPC008", "no input for zero copies to pass on", step.op, "add from=NAME")
            assert x is not None
            return x, self._no_copies(step, scope, x)
        if turns is not None and copies > MAX_LAYERS:
            what = f"`repeat` has {int(copies):,} copies, which are gone through one by one: at most {MAX_LAYERS:,} are"
            help = "copies cost nothing where nothing goes through values, `state:` or `.*`"
            self.fail("SPC014", what, step.places.get("repeat", step.op), help)
        if self.repeats >= MAX_REPEATS:
            self.fail("SPC014", f"copies nest deeper than {MAX_REPEATS} levels", step.places["repeat"], "multiply them")
        states = self._starts(step, scope, x) if step.hands_on else {}
        outer, self.nodes = self.nodes, []
        entry = x
        x = x if x is None or x is UNKNOWN else Alias(x)
        folds = turns is None and copies > 1
        self.repeats += folds
        try:
            done = 0
            again = False
            while True:
                if turns is None:
                    y, node = self._copy(step, scope, x, again)
                else:
                    y, node, states = self._turn(step, scope, x, turns[done], done, states)
                if again and x is not None:
                    self._ends_alike(step, x, y)
                if node is not None and node.layer is not None and (node.children or step.operands is not None):
                    # an inline list becomes a scope of its own when it is copied
                    self.nodes.pop()
                    self._container(step, x, y, [node])
                done += 1
                if done == copies or (turns is None and x is not None and x.matches(y)):
                    break
                again = turns is None and x is not None and x.rank == y.rank
                x = y
            groups, rest = self.nodes, plain(copies) - done + 1
        finally:
            self.nodes = outer
            self.repeats -= folds
        if isinstance(copies, Quantity) and any(node.params for node, _, _ in walk(groups)):
            self._dim_dependent(step.op, "the number of its copies", copies, step.places["repeat"])
        last = groups[-1]
        result = y
        if rest > 1:
            last.copies = rest
            result = y.copy()
            last.output = result
        wrapper = last
        if len(groups) > 1:
            wrapper = Node(step.op.text, step.op, (entry,) if entry is not None else (), result)
            wrapper.children, wrapper.unfolded = groups, True
            wrapper.defaulted, wrapper.block, wrapper.further = last.defaulted, last.block, last.further
            wrapper.arguments = {
                name: value
                for name, value in last.arguments.items()
                if turns is None or all(one.arguments[name] == value for one in groups)
            }
        self.nodes.append(wrapper)
        return result, wrapper

    def _end(self, step: Step, layer: Layer, x: Tensor, *beside: Tensor) -> Tensor:
        together = agree(layer, (x,), step.op, _differ)
        try:
            y = layer.infer(x, *beside)
        except ShapeError as error:
            self._shape_error(error, step, layer, (x,), Scope({}, None))
        lay(layer, (x,), together, y, step.op)
        y.batched, y.cached = x.batched or any(one.batched for one in beside), x.cached
        node = Node(layer.op, step.op, (x, *beside), y)
        node.layer = layer
        self._check_sizes(step, node)
        self.nodes.append(node)
        return y

    def _zeros(self, shape: tuple[int, ...], place: Span, x: Tensor | None) -> Tensor:
        x = next(iter(self._network[1].values())) if x is None else x
        layer = Zeros(shape=shape)
        y = layer.infer(x)
        if y.elements * self.batch > LARGEST_TENSOR:
            what = f"zeros {y}{self._times()} have more bytes than 2^63"
            self.fail("SPC005", what, place, "PyTorch could not address them")
        y.batched, y.entries = x.batched, self.entries
        node = Node(layer.op, place, (x,), y)
        node.layer = layer
        self.nodes.append(node)
        return y

    def _ends_alike(self, step: Step, x: Tensor, y: Tensor) -> None:
        """Give the outputs of consecutive copies, `x` and `y`, one layout."""
        if x.rank == y.rank and x.group is not None and y.group is not None:
            try:
                x.group.join(y.group)
            except DisagreementError as error:
                (first, one), (last, other) = error.first, error.second
                self.fail(
                    "SHP102",
                    f"of the copies of `{step.op.text}` one ends in {first}, the next in {last}",
                    step.op,
                    "what is repeated may end in a `transpose` or `rearrange`",
                    notes=_notes((*decided(one, first), *decided(other, last))),
                )

    def _layer(self, step: Step, cls: type[Layer], scope: Scope, x: Tensor | None) -> tuple[Tensor, Node]:
        layer = self._bound(step, cls, scope, x)
        values = layer.__dict__
        stacked = values.get("layers")  # the layers of an lstm, each with parameters of its own
        if isinstance(stacked, int):
            self._count(int(stacked) - 1, step.places.get("layers", step.op))
        inputs: tuple[Tensor, ...] = (x,) if x is not None else ()
        try:
            if cls.takes_input and x is not None and step.operands is None:
                layer.accept(x)
            inputs, children = self._read(step, layer, scope, x)
            together = agree(layer, inputs, step.op, _differ)
            if layer.layout == ASKS and layer.effect == ASKS:
                self._know(layer, inputs, step)
            y = layer.infer(*inputs) if inputs else layer.infer(UNKNOWN)
            first = inputs[0] if inputs else UNKNOWN
            lay(layer, inputs, together, y, step.op)
            if inputs:
                layer.admit(first.samples(self.samples), first)
                if first.table is not None and y.table is None and all(one.table is first.table for one in inputs):
                    y.table = first.table
                if layer.selects:
                    hold_alike(y, inputs)
            node = Node(
                cls.op,
                step.op,
                inputs + (_referred(step, cls, values) if step.references else ()),
                y,
            )
            node.layer = layer
            node.frozen = self.frozen
            sources = layer.sources(*node.inputs)
            batched = any(read.batched for read in sources)
            node.cached = bool(step.cache) and self._keeps(step, scope, x)
            cached = node.cached or (batched and all(read.cached or not read.batched for read in sources))
            for made in (y, *(y.outputs or {}).values()):
                made.batched, made.cached = batched, cached
                made.entries = self.entries
            node.children = children
            self._count_work(node, layer, first, inputs)
        except ShapeError as error:
            self._shape_error(error, step, layer, inputs, scope)
        self._check_sizes(step, node)
        self.nodes.append(node)
        return y, node

    def _count_work(self, node: Node, layer: Layer, first: Tensor, inputs: tuple[Tensor, ...]) -> None:
        y = node.output
        node.params = layer.params(first)
        node.buffers = layer.buffers(first)
        node.macs = layer.macs(y, *inputs)
        node.other_flops = layer.other_flops(y, *inputs)
        node.masked_macs = layer.masked_macs(y, *inputs)

    def _keeps(self, step: Step, scope: Scope, x: Tensor | None) -> bool:
        """Whether generation must keep the layer's output."""
        said = step.cache
        return said if isinstance(said, bool) else bool(self.evaluate(said, scope, x, step.places["cache"], CACHE))

    def _know(self, layer: Layer, inputs: tuple[Tensor, ...], step: Step) -> None:
        """Find the layout that a layer needs. Raises `ShapeError` if nothing decides it, or two layers disagree."""
        assert isinstance(layer, FeatureAxis)
        x = widest(inputs)
        try:
            known = x.rank == 1 or self.ask(x, step.op) is not None
        except DisagreementError as error:
            raise conflict(layer.op, x, error) from None
        if not known:
            fit, refused = layer.readings(*inputs)
            told = "; ".join((*fit.values(), *refused.values()))
            raise ShapeError(
                "SHP111",
                f"`{layer.op}` cannot tell channels from features in {x}",
                help=f"say which axis: {told}{self._or_state(x, next(iter(fit)))}",
                changes=[Change({"axis": axis_of(layout, x.rank)}) for layout in fit],
                told=True,
                notes=((UNDECIDED, None),),
            )

    def _or_state(self, x: Tensor, layout: str) -> str:
        """What to write at an input of the network that shares the layout of `x`; empty if none does."""
        for name, tensor in self._network[1].items() if self.states_inputs else ():
            if tensor.group is not None and x.group is not None and tensor.group.root is x.group.root:
                return f"; or state it at the input, e.g. `{stating(name, str(tensor), layout.replace(' ', '-'))}`"
        return ""

    def _shape_error(
        self, error: ShapeError, step: Step, layer: Layer, inputs: tuple[Tensor, ...], scope: Scope
    ) -> NoReturn:
        place: Span = step.op
        if error.operand is not None and step.operands is not None and error.operand < len(step.operands):
            place = step.operands[error.operand][1]
        elif error.argument is not None:
            place = step.places.get(error.argument, place)
        help: str | Advice | None = error.help
        if error.changes or not error.help:
            from archcalc.network.remedies import advice  # imported only for an error

            known = {name: value for name, value in self.globals.items() if scope.values.get(name) is value}
            help = advice(error, step, layer, inputs, self.samples, bool(self.calls), known)
        self.fail(error.code, str(error), place, help, (*_notes(error.notes), *self._input_meant(step, scope)))

    def _input_meant(self, step: Step, scope: Scope) -> list[Note]:
        """Which tensor `input` means in copies of a list: not the one a copy starts from."""
        operands = [operand for operand, _ in step.operands or [] if isinstance(operand, Ref)]
        read = [*operands, *step.references.values(), *([step.source] if step.source else [])]
        place = next((ref.place for ref in read if ref.name == "input"), None)
        if place is None or scope.input is not None or scope.parent is None:
            return []
        around = "the block" if self.calls else "the model"
        return [
            Note(
                f"`input` is the input of {around} here too; `identity name=start` as the first layer of the list "
                "names what the list starts from",
                place,
            )
        ]

    def _check_sizes(self, step: Step, node: Node) -> None:
        """Refuse tensors too large for PyTorch, and parameters that depend on a dim."""
        if product(node.output.shape) * self.batch > LARGEST_TENSOR:
            self.fail(
                "SPC005",
                f"`{step.op.text}`: the output {node.output}{self._times()} has more bytes than 2^63",
                step.op,
                "PyTorch could not address it",
            )
        assert node.layer is not None
        layers = node.layer.__dict__.get("layers")  # an lstm has parameters for each layer
        for name, shape in node.params.items():
            if product(shape) > LARGEST_TENSOR:
                self.fail(
                    "SPC005",
                    f"`{step.op.text}`: its {name} {[int(s) for s in shape]} has more bytes than 2^63",
                    step.op,
                    "PyTorch could not address it",
                )
            for size in (*shape, layers):
                if isinstance(size, Quantity):
                    more = " with length=" if hasattr(node.layer, "length") else ""
                    what = f"the shape of its {name} {[int(s) for s in shape]}"
                    self._dim_dependent(step.op, what, size, _given(size, step, node), f", or give the size{more}")

    def _times(self) -> str:
        """How many of a tensor exist for one sample, if more than one."""
        return f" at batch {self.batch:,}" if self.batch > 1 else ""

    def _dim_dependent(self, op: Scalar, what: str, size: Quantity, place: Span, or_else: str = "") -> NoReturn:
        self.fail(
            "SPC005",
            f"`{op.text}`: {what} depends on the dim in {', '.join(f'`{leaf}`' for leaf in leaves(size))}",
            place,
            f"dims never change parameters: make it an hparam{or_else}",
        )

    def _tie(self, step: Step, node: Node, scope: Scope, x: Tensor | None) -> None:
        from archcalc.network.tying import FrozenApartError, UntiedError, inside, share  # few networks have ties

        assert step.tie is not None
        _, target = self.lookup(step.tie, scope, x)
        try:
            if target is None:
                raise UntiedError("it has no weights of its own")
            target = inside(target, step.tie.inner if isinstance(step.tie, Each) else ())
            share(node, target)
            node.tied_to = target
        except FrozenApartError as error:
            help = "write the same frozen= on both"
            self.fail("SPC012", f"{error}: tied layers are frozen together", step.tie.place, help)
        except UntiedError as reason:
            other = f" ({target.op})" if target is not None else ""
            self.fail(
                "SPC012",
                f"cannot tie `{step.op.text}` to `{step.tie.place.text}`{other}: {reason}",
                step.tie.place,
                reason.help,
            )


def _referred(step: Step, cls: type[Layer], values: dict[str, Any]) -> tuple[Tensor, ...]:
    """The tensors that a layer's arguments refer to, of those it computes with."""
    given = [name for name in step.references if values[name] is not None]
    return tuple(values[name] for name in cls.arguments if name in given and cls.reads(name))


def _given(size: int, step: Step, node: Node) -> Span:
    """The place of the argument that sets `size`, or of the layer if its input does."""
    for name, _, _ in step.deferred:
        value = node.layer.__dict__.get(name)
        if value is size or (isinstance(value, tuple) and any(one is size for one in value)):
            return step.places[name]
    return step.op


def _differ(
    layer: Layer,
    inputs: tuple[Tensor, ...],
    error: DisagreementError,
    x: Tensor,
    want: Want | None,
    operand: int | None,
) -> NoReturn:
    """Raise the error for two layers that need one tensor in different layouts."""
    if want is None:
        raise conflict(layer.op, x, error, operand)
    assert x.group is not None
    raise layer.disagreement(want, inputs, *(error.first if x.layout == error.first[0] else error.second))


def _notes(notes: tuple[tuple[str, Any], ...]) -> tuple[Note, ...]:
    return tuple(Note(text, place) for text, place in notes)
