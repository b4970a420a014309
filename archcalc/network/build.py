"""The shape phase: runs the steps on shapes and keeps the graph that comes out.

The first error of each chain is reported; what follows it has an unknown shape and stays silent.
Copies made by `repeat` are computed until one gives out what went in; the rest are equal, so the
cost does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from archcalc.diagnostics import Findings, Note, Span
from archcalc.language.expressions import Expression, describe
from archcalc.language.values import SizeExpression
from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.binding import changes_input
from archcalc.network.graph import Node, walk
from archcalc.network.scope import UNKNOWN, Evaluator, Scope, StepFailedError
from archcalc.network.steps import REPEAT, BlockSteps, Operand, Ref, Step
from archcalc.network.tying import UntiedError, share
from archcalc.quantity import Quantity, leaves, plain, product
from archcalc.source import Scalar

MAX_LAYERS = 20_000
MAX_DEPTH = 60
# What is computed along paths goes through copies twice, so nested ones double the work at each level.
MAX_REPEATS = 8
# PyTorch counts the bytes of a tensor in 64 bits.
_LARGEST_TENSOR = 2**63 // 4


class Builder(Evaluator):
    """Runs steps in a scope; nodes go to the innermost open group."""

    def __init__(self, findings: Findings, globals: Mapping[str, Any], batch: int) -> None:
        super().__init__(findings)
        self.globals = globals
        self.batch = batch
        self.samples = batch  # so many at least are there where a layer runs
        self.nodes: list[Node] = []
        self.count = 0
        self.depth = 0
        self.repeats = 0

    def run(self, steps: list[Step], scope: Scope, x: Tensor | None) -> Tensor | None:
        """The output of `steps` one after the other, starting from `x`."""
        for step in steps:
            try:
                x = self._step(step, scope, x)
            except StepFailedError:
                x = UNKNOWN
                if step.name is not None:
                    scope.layers[step.name.text] = (UNKNOWN, None)
        return x

    def _count(self, layers: int, place: Span) -> None:
        """Count what was expanded; the end of the run when it is too much."""
        self.count += layers
        if self.count <= MAX_LAYERS:
            return
        self.findings.error(
            "SPC014",
            f"the spec expands to more than {MAX_LAYERS:,} layers",
            place,
            "copies of unchanging shape cost nothing: use `repeat`",
            self.calls[::-1][:5],
        )
        self.findings.raise_if_any()

    # -- steps ------------------------------------------------------------------------------

    def _step(self, step: Step, scope: Scope, x: Tensor | None) -> Tensor:
        if step.source is not None:
            x = self.lookup(step.source, scope, x)[0]
        if x is UNKNOWN and (step.layer is None or step.layer.takes_input):
            self._skip(step, scope)
            raise StepFailedError
        if step.repeat is None:
            y, node = self._once(step, scope, x)
        else:
            y, node = self._repeated(step, scope, x, self._repeat(step, scope, x))
        if step.name is not None:
            scope.layers[step.name.text] = (y, node)
            if node is not None:
                node.name = step.name.text
        return y

    def _skip(self, step: Step, scope: Scope) -> None:
        """Run the inner lists of a step without input: they may start elsewhere, and define names."""
        if step.block is None and step.repeat is None:
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
        """`copies` of a step one after the other; equal ones are one node."""
        if copies == 0:
            if x is None:
                self.fail("SPC008", "no input for zero copies to pass on", step.op, "add from=NAME")
            assert x is not None
            return x, None
        if self.repeats >= MAX_REPEATS:
            self.fail("SPC014", f"copies nest deeper than {MAX_REPEATS} levels", step.places["repeat"], "multiply them")
        outer, self.nodes = self.nodes, []
        entry = x
        x = x if x is None or x is UNKNOWN else Alias(x)
        self.repeats += copies > 1
        try:
            done = 0
            while True:
                y, node = self._once(step, scope, x)
                if node is not None and node.layer is not None and (node.children or step.operands is not None):
                    # a list written in place becomes a scope of its own when it is copied
                    self.nodes.pop()
                    self._container(step, x, y, [node])
                done += 1
                if (x is not None and x.matches(y)) or done == copies:
                    break
                x = y
            groups, rest = self.nodes, plain(copies) - done + 1
        finally:
            self.nodes = outer
            self.repeats -= copies > 1
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
            wrapper.arguments, wrapper.defaulted, wrapper.block = last.arguments, last.defaulted, last.block
        self.nodes.append(wrapper)
        return result, wrapper

    def _once(self, step: Step, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        self._count(1, step.op)
        node: Node | None
        if step.layer is not None:
            y, node = self._layer(step, step.layer, scope, x)
        elif step.block is not None:
            y, node = self._call(step, step.block, scope, x)
        else:
            y, node = self._group(step, scope, x)
        if step.tie is not None and node is not None:
            self._tie(step, node, scope, x)
        return y, node

    def _group(self, step: Step, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        y, children = self._inside(step.bodies["layers"], Scope(scope.values, None, scope), x, step.op)
        return self._container(step, x, y, children)

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
        try:
            y, children = self._inside(block.steps, inner, x, step.op)
        finally:
            self.calls.pop()
        result = self._container(step, x, y, children)
        if result[1] is not None:
            result[1].arguments, result[1].block = arguments, True
            result[1].defaulted = {
                name for name, default in block.parameters.items() if default and step.places.get(name) is default[0]
            }
        return result

    def _inside(self, steps: list[Step], scope: Scope, x: Tensor | None, place: Span) -> tuple[Tensor, list[Node]]:
        """Run the body of what stands at `place`; its output and the nodes it made."""
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

    def _layer(self, step: Step, cls: type[Layer], scope: Scope, x: Tensor | None) -> tuple[Tensor, Node]:
        if cls.takes_input:
            if x is None:
                self.fail(
                    "SPC008",
                    f"`{step.op.text}` has no layer before it",
                    step.op,
                    "the model has several inputs: choose one with from=NAME",
                )
            assert x is not None
            if x.parts:
                self.fail(
                    "SPC008", "the layer before has several outputs", step.op, "choose one with from=, as from=NAME.0"
                )
        layer = cls.__new__(cls)
        values = dict(step.constants)
        layer.__dict__ = values
        for name, ref in step.references.items():
            values[name] = self._single(ref, scope, x)
        for name, argument, value in step.deferred:
            values[name] = self.evaluate(value, scope, x, step.places[name], argument, cls)
        stacked = values.get("layers")  # of an lstm, each with parameters of its own
        if isinstance(stacked, int):
            self._count(int(stacked) - 1, step.places.get("layers", step.op))
        inputs: tuple[Tensor, ...] = (x,) if cls.takes_input and x is not None else ()
        children: list[Node] = []
        try:
            if inputs:
                layer.accept(inputs[0])
            if step.operands is not None:
                inputs, children = self._operands(step.operands, scope, x)
            if step.bodies:
                results, children = self._bodies(step, layer, scope, inputs[0])
                inputs += results
            y = layer.infer(*inputs) if inputs else layer.infer(UNKNOWN)
            first = inputs[0] if inputs else UNKNOWN
            if inputs:
                layer.admit(self.samples, first)
            node = Node(
                cls.op,
                step.op,
                inputs + tuple(values[name] for name in cls.arguments if name in step.references),
                y,
            )
            node.layer = layer
            node.children = children
            node.params = layer.params(first)
            node.buffers = layer.buffers(first)
            node.macs = layer.macs(y, *inputs)
            node.other_flops = layer.other_flops(y, *inputs)
            node.masked_macs = layer.masked_macs(y, *inputs)
        except ShapeError as error:
            self._shape_error(error, step)
        self._check_sizes(step, node)
        self.nodes.append(node)
        return y, node

    def _operands(
        self, operands: list[tuple[Operand, Span]], scope: Scope, x: Tensor | None
    ) -> tuple[tuple[Tensor, ...], list[Node]]:
        tensors: list[Tensor] = []
        children: list[Node] = []
        failed = False
        for operand, place in operands:
            try:
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
        if failed or not tensors:
            raise StepFailedError
        return tuple(tensors), children

    def _single(self, ref: Ref, scope: Scope, x: Tensor | None) -> Tensor:
        """The tensor that `ref` names, which must be one."""
        tensor = self.lookup(ref, scope, x)[0]
        if tensor.parts:
            self.fail("SPC008", f"`{ref.name}` has several outputs", ref.place, f"choose one, as {ref.name}.0")
        return tensor

    def _no_parts(self, tensor: Tensor, place: Span) -> None:
        """Lists of layers that are joined give one tensor each."""
        if tensor.parts:
            self.fail("SPC008", "the layers end in several outputs", place, "choose one, as `identity from=NAME.0`")

    def _bodies(self, step: Step, layer: Layer, scope: Scope, x: Tensor) -> tuple[tuple[Tensor, ...], list[Node]]:
        results: list[Tensor] = []
        children: list[Node] = []
        weights, work = layer.copies(x)
        inner = Scope(scope.values, None, scope) if changes_input(step) else scope
        for name, body in step.bodies.items():
            start = layer.enter(x)
            around, self.samples = self.samples, self.samples if start is x else 1  # one position may come alone
            try:
                y, nodes = self._inside(body, inner, start, step.op)
            finally:
                self.samples = around
            self._no_parts(y, step.op)
            results.append(y)
            if start is not x or name != layer.first:
                group = Node("expert" if start is not x else name, step.op, (start,), y)
                group.children, group.weights, group.work = nodes, weights, work
                nodes = [group]
            children += nodes
        return tuple(results), children

    def _shape_error(self, error: ShapeError, step: Step) -> NoReturn:
        place: Span = step.op
        if error.operand is not None and step.operands is not None and error.operand < len(step.operands):
            place = step.operands[error.operand][1]
        elif error.argument is not None:
            place = step.places.get(error.argument, place)
        self.fail(error.code, str(error), place, error.help, error.before)

    def _check_sizes(self, step: Step, node: Node) -> None:
        """Refuse tensors too large for PyTorch, and parameters that a dim would change."""
        if product(node.output.shape) * self.batch > _LARGEST_TENSOR:
            self.fail(
                "SPC005",
                f"`{step.op.text}`: the output {node.output} has more bytes than 2^63",
                step.op,
                "PyTorch could not address it",
            )
        for name, shape in node.params.items():
            if product(shape) > _LARGEST_TENSOR:
                self.fail(
                    "SPC005",
                    f"`{step.op.text}`: its {name} {[int(s) for s in shape]} has more bytes than 2^63",
                    step.op,
                    "PyTorch could not address it",
                )
            for size in (*shape, node.layer.__dict__.get("layers")):  # an lstm has parameters for each of its layers
                if isinstance(size, Quantity):
                    more = " with length=" if step.op.text == "posembed" else ""
                    what = f"the shape of its {name} {[int(s) for s in shape]}"
                    self._dim_dependent(step.op, what, size, _given(size, step, node), f", or give the size{more}")

    def _dim_dependent(self, op: Scalar, what: str, size: Quantity, place: Span, or_else: str = "") -> NoReturn:
        self.fail(
            "SPC005",
            f"`{op.text}`: {what} depends on the dim in {', '.join(f'`{leaf}`' for leaf in leaves(size))}",
            place,
            f"dims never change parameters: make it an hparam{or_else}",
        )

    def _tie(self, step: Step, node: Node, scope: Scope, x: Tensor | None) -> None:
        assert step.tie is not None
        _, target = self.lookup(step.tie, scope, x)
        try:
            if target is None:
                raise UntiedError("it has no weights of its own")
            share(node, target)
            node.tied_to = target
        except UntiedError as reason:
            other = f" ({target.op})" if target is not None else ""
            self.fail(
                "SPC012",
                f"cannot tie `{step.op.text}` to `{step.tie.name}`{other}: {reason}",
                step.tie.place,
                "tied layers have weights of one shape",
            )


def _show(value: Any, step: Step, name: str) -> str:
    return step.places[name].text if isinstance(value, Tensor) else describe(value)


def _given(size: int, step: Step, node: Node) -> Span:
    """The place of the argument that gives `size`, or of the layer when its input does."""
    for name, _, _ in step.deferred:
        value = node.layer.__dict__.get(name)
        if value is size or (isinstance(value, tuple) and any(one is size for one in value)):
            return step.places[name]
    return step.op
