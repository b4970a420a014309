"""Runs steps: lists, block calls and references, whatever is then done with each layer.

The shape phase and the search for layouts share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from archcalc.diagnostics import Findings, Note, Span
from archcalc.language.expressions import Expression, describe
from archcalc.language.values import SizeExpression
from archcalc.layers.base import Layer
from archcalc.layers.operands import Operands
from archcalc.layers.tensor import Tensor
from archcalc.network.binding import changes_input
from archcalc.network.graph import Node
from archcalc.network.loops import Loop, Turns
from archcalc.network.scope import UNKNOWN, Evaluator, Scope, StepFailedError
from archcalc.network.steps import FROZEN, REPEAT, BlockSteps, Each, Operand, Ref, Step
from archcalc.quantity import plain
from archcalc.source import Scalar

MAX_LAYERS = 20_000
MAX_DEPTH = 60
# Where a layer stands among calls and copies: the step of each, the number of axes of the copy's input,
# and which copy: 1 if its input is the output of a copy with as many axes, else 0; where copies have values of
# their own, its number. Copies with the same path are alike.
Path = tuple[tuple[int, int, int], ...]


class Expander(Evaluator):
    """Runs steps in a scope; nodes go to the innermost open group."""

    def __init__(self, findings: Findings, globals: Mapping[str, Any], batch: int) -> None:
        super().__init__(findings)
        self.globals = globals
        self.batch = batch
        self.samples = batch  # a lower bound while a layer runs
        self.nodes: list[Node] = []
        self.count = 0
        self.depth = 0
        self.path: Path = ()  # the calls and copies around
        self.frozen = False  # whether the layers being run are frozen
        self.entries = 1  # how many samples there are here for each one of the batch

    def start(self, steps: list[Step], inputs: Mapping[str, Tensor]) -> tuple[Scope, Tensor | None]:
        """Run a whole network; its final scope and its last layer's output."""
        only = next(iter(inputs.values())) if len(inputs) == 1 else None
        scope = Scope(self.globals, only)
        scope.layers.update({name: (tensor, None) for name, tensor in inputs.items()})
        return scope, self.run(steps, scope, only)

    def run(self, steps: list[Step], scope: Scope, x: Tensor | None) -> Tensor | None:
        """The output of `steps` in sequence, starting from `x`."""
        for step in steps:
            try:
                x = self._step(step, scope, x)
            except StepFailedError:
                x = UNKNOWN
                if step.name is not None:
                    scope.layers[step.name.text] = (UNKNOWN, None)
        return x

    def _count(self, layers: int, place: Span) -> None:
        """Count expanded layers; ends the run when there are too many."""
        self.count += layers
        if self.count <= MAX_LAYERS:
            return
        self.findings.error(
            "SPC014",
            f"the spec expands to more than {MAX_LAYERS:,} layers",
            place,
            "copies of the same shape cost nothing: use `repeat`",
            self.calls[::-1][:5],
        )
        self.findings.raise_if_any()

    # -- steps ------------------------------------------------------------------------------

    def _step(self, step: Step, scope: Scope, x: Tensor | None) -> Tensor:
        if step.source is not None:
            x = self.lookup(step.source, scope, x)[0]
        if x is UNKNOWN and (step.layer is None or (step.layer.takes_input and step.operands is None)):
            self._skip(step, scope)
            raise StepFailedError
        if step.loop is not None:
            y, node = self._looped(step, scope, x, self._turns(step.loop, scope, x))
        elif step.apart or step.hands_on:
            y, node = self._looped(step, scope, x, Turns(self._repeat(step, scope, x), {}))
        elif step.repeat is None:
            y, node = self._once(step, scope, x)
        else:
            y, node = self._repeated(step, scope, x, self._repeat(step, scope, x))
        if step.name is not None:
            scope.layers[step.name.text] = (y, node)
            if node is not None:
                node.name = step.name.text
        return y

    def _skip(self, step: Step, scope: Scope) -> None:
        """Run the inner lists of a step without input: they may start elsewhere and define names."""
        if step.block is None and step.repeat is None and step.loop is None:
            mark = len(self.nodes)
            for operand, _ in step.operands or []:
                if isinstance(operand, list):
                    self.run(operand, scope, UNKNOWN)
            for body in step.bodies.values():
                self.run(body, Scope(scope.values, None, scope) if changes_input(step) else scope, UNKNOWN)
            del self.nodes[mark:]

    def _repeat(self, step: Step, scope: Scope, x: Tensor | None) -> int:
        if not isinstance(step.repeat, (Expression, SizeExpression)):
            return plain(step.repeat)
        copies: int = self.evaluate(step.repeat, scope, x, step.places["repeat"], REPEAT)
        return copies

    def _repeated(self, step: Step, scope: Scope, x: Tensor | None, copies: int) -> tuple[Tensor, Node | None]:
        """`copies` of a step in sequence."""
        raise NotImplementedError

    def _turns(self, loop: Loop, scope: Scope, x: Tensor | None) -> Turns:
        """The values that a repeat iterates over."""
        found: dict[str, Sequence[Any]] = {}
        copies: dict[str, int] = {}
        for name, (_, values) in loop.names.items():
            if isinstance(values, list):
                found[name] = [self.evaluate(value, scope, x, place, None) for place, value in values]
                copies[name] = len(values)
            else:
                place, value = values
                copies[name] = self.evaluate(value, scope, x, place, REPEAT)
                found[name] = range(copies[name])
        (one, count), *others = copies.items()
        for name, number in others:
            if number != count:
                message = f"`repeat` goes through {count} values of `{one}` but {number} of `{name}`"
                self.fail("SPC005", message, loop.names[name][0], "give both the same number")
        return Turns(count, found)

    def _looped(self, step: Step, scope: Scope, x: Tensor | None, turns: Turns) -> tuple[Tensor, Node | None]:
        """A step for each turn of a loop, with that turn's values."""
        raise NotImplementedError

    def _copy(self, step: Step, scope: Scope, x: Tensor | None, which: int) -> tuple[Tensor, Node | None]:
        """One of several copies, on the input `x`; `which` as in a `Path`."""
        around, self.path = self.path, (*self.path, (id(step), x.rank if x is not None else 0, which))
        try:
            return self._once(step, scope, x)
        finally:
            self.path = around

    def _once(self, step: Step, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        if step.frozen is None:
            return self._trained_as_around(step, scope, x)
        around, given = self.frozen, step.frozen
        if not isinstance(given, bool):
            given = bool(self.evaluate(given, scope, x, step.places["frozen"], FROZEN))
        self.frozen = given
        try:
            y, node = self._trained_as_around(step, scope, x)
        finally:
            self.frozen = around
        if node is not None:
            node.freezes = step.places["frozen"]
        return y, node

    def _trained_as_around(self, step: Step, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        self._count(1, step.op)
        node: Node | None
        if step.layer is not None:
            y, node = self._layer(step, step.layer, scope, x)
        elif step.block is not None:
            y, node = self._call(step, step.block, scope, x)
        elif step.over is not None:
            through = self._scan if step.carried else self._each
            y, node = through(step, step.over, scope, x)
        else:
            y, node = self._group(step, scope, x)
        if step.tie is not None and node is not None:
            self._tie(step, node, scope, x)
        return y, node

    def _tie(self, step: Step, node: Node, scope: Scope, x: Tensor | None) -> None:
        """Let the layers of a node use the weights of others."""

    def _each(
        self, step: Step, over: list[tuple[str, Ref | None]], scope: Scope, x: Tensor | None
    ) -> tuple[Tensor, Node | None]:
        """The layers of an `each` on every entry."""
        raise NotImplementedError

    def _scan(
        self, step: Step, over: list[tuple[str, Ref | None]], scope: Scope, x: Tensor | None
    ) -> tuple[Tensor, Node | None]:
        """The layers of a `scan` on every entry, in order."""
        raise NotImplementedError

    def _group(self, step: Step, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        inner = Scope(scope.values, None, scope)
        y, children = self._inside(step.bodies["layers"], inner, x, step.op)
        result = self._container(step, x, y, children)
        if step.hands_on and result[1] is not None:
            result[1].further = {
                one.name.text: y if one.following is None else self._single(one.following, inner, y)
                for one in step.carried
            }
        return result

    def _call(self, step: Step, block: BlockSteps, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        layers = {name: self.lookup(ref, scope, x) for name, ref in step.references.items()}
        arguments: dict[str, Any] = {name: tensor for name, (tensor, _) in layers.items()}
        for name, _, value in step.deferred:
            place = step.places[name]
            arguments[name] = self.evaluate(value, scope, x, place, None)
            if arguments[name] is UNKNOWN:
                raise StepFailedError
        arguments = {name: arguments[name] for name in block.parameters if name in arguments}
        inner = Scope({**self.globals, **arguments}, x)
        inner.layers.update(layers)  # with their nodes, so that `tie=` can use them
        shown = ", ".join(f"{name}={_show(value, step, name)}" for name, value in arguments.items())
        self.calls.append(Note(f"in block {block.name.text}({shown})", step.op))
        around, self.path = self.path, (*self.path, (id(step), 0, 0))
        try:
            y, children = self._inside(block.steps, inner, x, step.op)
        finally:
            self.calls.pop()
            self.path = around
        result = self._container(step, x, y, children)
        if result[1] is not None:
            result[1].arguments, result[1].block = arguments, True
            result[1].further = {name: self._single(ref, inner, y) for name, ref in block.outputs.items()}
            result[1].defaulted = {
                name for name, default in block.parameters.items() if default and step.places.get(name) is default[0]
            }
        return result

    def _inside(self, steps: list[Step], scope: Scope, x: Tensor | None, place: Span) -> tuple[Tensor, list[Node]]:
        """Run the body of the item at `place`; its output and the nodes it made. An empty one passes on what enters."""
        if x is None and not steps:
            help = "choose one with from=NAME" if isinstance(place, Scalar) else "put the name of one in its place"
            self.fail("SPC008", "an empty list has no layer before it", place, f"the model has several inputs: {help}")
        if self.depth >= MAX_DEPTH:
            self.fail("SPC014", f"blocks and lists nest deeper than {MAX_DEPTH} levels", place, "flatten the blocks")
        outer, self.nodes = self.nodes, []
        self.depth += 1
        try:
            y = self.run(steps, scope, x)
            children = self.nodes
        finally:
            self.nodes = outer
            self.depth -= 1
        if y is UNKNOWN or y is None:
            raise StepFailedError
        return y, children

    def _container(self, step: Step, x: Tensor | None, y: Tensor, children: list[Node]) -> tuple[Tensor, Node | None]:
        node = Node(step.op.text, step.op, (x,) if x is not None else (), y)
        node.children = children
        self.nodes.append(node)
        return y, node

    # -- layers -----------------------------------------------------------------------------

    def _layer(self, step: Step, cls: type[Layer], scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        """A layer's output and its node."""
        raise NotImplementedError

    def _bound(self, step: Step, cls: type[Layer], scope: Scope, x: Tensor | None) -> Layer:
        """The layer with its arguments, if it has an input."""
        if cls.takes_input and step.operands is None:
            if x is None:
                self.fail(
                    "SPC008",
                    f"`{step.op.text}` has no layer before it",
                    step.op,
                    "the model has several inputs: choose one with from=NAME",
                )
            assert x is not None
            if x.parts:
                self._several(step, "choose one with from=, e.g. from=NAME.0")
        layer = cls.__new__(cls)
        values = layer.__dict__ = dict(step.constants)
        for name, ref in step.references.items():
            if name not in values or not scope.lacks(ref):
                values[name] = self._single(ref, scope, x)
        for name, argument, value in step.deferred:
            values[name] = self.evaluate(value, scope, x, step.places[name], argument, cls)
        return layer

    def _read(self, step: Step, layer: Layer, scope: Scope, x: Tensor | None) -> tuple[tuple[Tensor, ...], list[Node]]:
        """The inputs a layer computes with, the tensor before it first, and the nodes of its inner lists."""
        inputs: tuple[Tensor, ...] = (x,) if layer.takes_input and x is not None else ()
        children: list[Node] = []
        if step.operands is not None:
            inputs, children = self._operands(step.operands, scope, x)
            self._check_number(step, layer, len(inputs))
        if step.bodies:
            results, children = self._bodies(step, layer, scope, inputs[0])
            inputs += results
        return inputs, children

    def _operands(
        self, operands: list[tuple[Operand, Span]], scope: Scope, x: Tensor | None
    ) -> tuple[tuple[Tensor, ...], list[Node]]:
        tensors: list[Tensor] = []
        children: list[Node] = []
        failed = False
        for operand, place in operands:
            try:
                if isinstance(operand, Each):
                    tensors += self.all_copies(operand, scope)
                    continue
                if isinstance(operand, Ref):
                    tensor = self._single(operand, scope, x)
                else:
                    tensor, nodes = self._inside(operand, scope, x, place)
                    self._no_parts(tensor, place)
                    branch = Node("branch", place, (x,) if x is not None else (), tensor)
                    branch.children = nodes
                    children.append(branch)
                tensors.append(tensor)
            except StepFailedError:
                failed = True
        if failed:
            raise StepFailedError
        return tuple(tensors), children

    def _check_number(self, step: Step, layer: Layer, count: int) -> None:
        """Refuse `m.*` with too many or too few copies; a layer that joins several returns a single one unchanged."""
        if any(isinstance(operand, Each) for operand, _ in step.operands or ()):
            argument = next(one for one in layer.arguments.values() if isinstance(one, Operands))
            least = 1 if argument.max is None else argument.min
            if count < least or (argument.max is not None and count > argument.max):
                wanted = f"{least} operand{'s' * (least > 1)}" if count < least else f"{argument.max} operands at most"
                message = f"`{step.op.text}` takes {'at least ' * (count < least)}{wanted}, not {count}"
                self.fail("SPC010", message, step.op, "`.*` stands for as many tensors as there are copies")

    def _several(self, step: Step, help: str) -> NoReturn:
        self.fail("SPC008", "the layer before has several outputs", step.op, help)

    def _no_parts(self, tensor: Tensor, place: Span) -> None:
        """Refuse further outputs of joined lists: each list gives one tensor."""
        if tensor.parts:
            self.fail("SPC008", "the layers end in several outputs", place, "choose one, e.g. `identity from=NAME.0`")

    def _bodies(self, step: Step, layer: Layer, scope: Scope, x: Tensor) -> tuple[tuple[Tensor, ...], list[Node]]:
        results: list[Tensor] = []
        children: list[Node] = []
        weights, work, active = layer.copies(x)
        inner = Scope(scope.values, None, scope) if changes_input(step) else scope
        for name, body in step.bodies.items():
            start = layer.enter(x)
            start.entries = x.entries
            around, self.samples = self.samples, self.samples if start is x else 1  # a single position may come alone
            try:
                y, nodes = self._inside(body, inner, start, step.op)
            finally:
                self.samples = around
            self._no_parts(y, step.op)
            results.append(y)
            if start is not x or name != layer.first:
                group = Node("expert" if start is not x else name, step.op, (start,), y)
                group.children, group.weights, group.work, group.active = nodes, weights, work, active
                nodes = [group]
            children += nodes
        return tuple(results), children


def _show(value: Any, step: Step, name: str) -> str:
    return step.places[name].text if isinstance(value, Tensor) else describe(value)
