"""Runs a graph on shapes, for one batch size: constants are folded, and everything else becomes a call.

A file with a fixed batch also has it in the sizes of its reshapes. It is run with that batch first; in a run with
another batch, such sizes grow along the batch axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from archcalc.diagnostics import RequestError
from archcalc.onnx.counting import macs_of
from archcalc.onnx.model import GraphAttribute, Model, Node, Tensor, kind_of
from archcalc.onnx.numbers import Array, MisfitError
from archcalc.onnx.operators.folding import folded
from archcalc.onnx.operators.registry import OPERATORS, UnreadError
from archcalc.onnx.scopes import Scopes
from archcalc.onnx.traced import Shape, Traced, Weights, is_initial
from archcalc.tracing.calls import CONSTANT, FLOAT, INPUT, MADE, PARAMETER, Call, Run, Scope

# Control flow.
_CONTROL = frozenset(("If", "Loop", "Scan", "SequenceMap"))
# Limit on the elements of a tensor.
_MOST = 2**50
# The calls that perform MACs, among those that a node becomes.
_COUNTED = frozenset(
    ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear", "matmul", "einsum",
     "scaled_dot_product_attention", "LSTM", "GRU", "RNN")
)  # fmt: skip


class Running:
    """One run.

    Attributes:
        run: its calls; weights: the assignment of weights to layers; shapes: of the tensors, by name.
        symbols: sizes that the file names; fixed: the shapes of a run with the file's own batch, if that is fixed;
        growth: this run's batch and the file's.
        origins: the initialiser of each weight, and whether its axes are swapped; cells: those of recurrent layers.
        passed: numbers of operators that only change values and are omitted; unread: operators without a layer.
    """

    def __init__(
        self,
        model: Model,
        inputs: Mapping[str, Shape],
        symbols: Mapping[str, int],
        fixed: Mapping[str, Shape] | None = None,
        growth: tuple[int, int] = (1, 1),
    ) -> None:
        self.model = model
        self.run = Run()
        self.weights = Weights()
        self.symbols = symbols
        self.fixed = fixed
        self.growth = growth
        self.shapes: dict[str, Shape] = {}
        self.origins: dict[str, tuple[str, bool]] = {}
        self.cells: dict[str, tuple[str, str, str, str]] = {}
        self.passed: dict[str, int] = {}
        self.values: dict[str, Traced] = {}
        self.node = Node(memoryview(b""))
        self.scopes = Scopes(model)
        self.declares = any(one.role for one in model.described.values())
        for one in model.inputs:
            value = Traced(INPUT, inputs[one.name], kind_of(one.type), one.name)
            self.values[one.name] = value
            self.shapes[one.name] = value.shape
            self.run.inputs.append(value)

    def go(self) -> Run:
        """Runs all nodes. Raises `RequestError` for one that is not supported."""
        for node in self.model.nodes:
            self._one(node)
        for one in self.model.outputs:
            if one.name in self.values:
                self.run.outputs.append((one.name, self.values[one.name]))
        self.run.macs = sum(call.macs for call in self.run.calls)
        return self.run

    def _one(self, node: Node) -> None:
        if node.op in _CONTROL or any(isinstance(one, GraphAttribute) for one in node.attributes.values()):
            raise RequestError(f"{told(node)} is control flow, which is not supported: export the model without it")
        self.node = node
        before = len(self.run.calls)
        inputs = [self.value(name) if name else None for name in node.inputs]
        try:
            given = folded(node, inputs, self.model.opset)
            outs = (
                [Traced(CONSTANT, given.shape, kind_of(7)).known(given)] if given is not None else self._called(inputs)
            )
        except (ValueError, IndexError, TypeError, AttributeError, KeyError, ZeroDivisionError, OverflowError) as error:
            ours = isinstance(error, MisfitError)
            text = (
                " ".join(str(error).split())[:200] if ours else "its inputs, attributes and outputs do not fit together"
            )
            said = f"{told(node)} cannot be read: {text}"
            if self.fixed is not None:  # with the batch that the file has, it ran
                said += "; the file has a fixed batch, and its sizes do not show which axis it becomes: export the model with a dynamic batch"
            raise RequestError(said) from None
        if given is not None and isinstance(given.only(), float):
            outs[0].kind = FLOAT
        for name, out in zip(node.outputs, outs):
            if prod(out.shape) > _MOST or len(out.shape) > 32:
                raise RequestError(f"{told(node)} gives {list(out.shape)}, which is too large for a tensor")
            if name:
                out.label = out.label or name
                self.values[name] = out
                self.shapes[name] = out.shape
        new = [call for call in self.run.calls[before:] if any(out.of_data or out.of_parameters for out in call.outs)]
        if new:
            counted = [call for call in new if call.name in _COUNTED] or new
            shapes = [None if one is None else one.shape for one in inputs]
            counted[-1].macs = macs_of(node, shapes, [out.shape for out in outs])

    def _called(self, inputs: list[Traced | None]) -> list[Traced]:
        node = self.node
        function = OPERATORS.get((node.domain, node.op))
        try:
            if function is None:
                raise UnreadError("")
            given = function(self, node, *inputs)
        except UnreadError as error:
            return self.opaque([one for one in inputs if one is not None], str(error))
        return given if isinstance(given, list) else [given]

    # for operators

    def value(self, name: str) -> Traced:
        """A tensor by its name; initialisers are weights or constants. Raises `RequestError` if nothing gives it."""
        found = self.values.get(name)
        if found is None:
            tensor = self.model.tensors.get(name)
            if tensor is None:
                raise RequestError(f"{told(self.node)} reads {name[:80]!r}, which no earlier node gives")
            found = self._initial(tensor)
            self.values[name] = found
            self.shapes[name] = found.shape
        return found

    def _initial(self, tensor: Tensor) -> Traced:
        if self._is_learned(tensor):
            value = Traced(PARAMETER, tensor.shape, FLOAT, tensor.name)
            if tensor.numbers is not None:  # e.g. the scales of a resize, which are not learned
                value.array = Array(tensor.shape, tensor.numbers)
            return value
        numbers = tensor.numbers
        return Traced(CONSTANT, tensor.shape, tensor.kind, tensor.name).known(
            Array(tensor.shape, numbers) if numbers is not None else None
        )

    def _is_learned(self, tensor: Tensor) -> bool:
        """Whether an initialiser is a weight: by PyTorch's label, else if it holds several floats."""
        described = self.model.described.get(tensor.name)
        if tensor.kind != FLOAT:
            return False
        if described is not None and described.role:
            return described.role == "PARAMETER"
        if prod(tensor.shape) == 1:
            return "." in tensor.name and not tensor.name.startswith(("onnx::", "/"))
        few = tensor.beginning(1024)
        # a mask repeats two or three values
        is_mask = few is not None and 1 < len(set(few)) <= 4 and len(few) >= 16
        return not is_mask or tensor.name in self.scopes.weights

    def computed(self) -> dict[str, int]:
        """Weights that are not the module's own but computed from them, if the file labels its weights."""
        if not self.declares:
            return {}
        return {
            name: count
            for name, count in self.weights.numbers.items()
            if (base := name.partition(":")[0]) in self.model.tensors
            and base not in self.scopes.weights
            and not (base in self.model.described and self.model.described[base].role)
        }

    def learned(self, *values: Traced | None) -> list[Traced | None]:
        """The weights of one layer, each with a unique name; computed tensors stay as they are."""
        names = [(one.label, one.shape) for one in values if one is not None and is_initial(one)]
        found = iter(self.weights.claim(names, self.scopes.path(self.node)))
        return [self._named(one, next(found)) if is_initial(one) else one for one in values]

    def _named(self, value: Traced | None, name: str) -> Traced:
        assert value is not None
        made = Traced(PARAMETER, value.shape, FLOAT, name)
        made.label, made.claimed, made.flipped = value.label, True, value.flipped
        self.origins.setdefault(name, (value.label, value.flipped))
        return made

    def swapped(self, weight: Traced) -> Traced:
        """The weight of a layer with its two axes swapped."""
        weight.shape = weight.sizes = weight.shape[::-1]
        weight.flipped = not weight.flipped
        self.origins[weight.name] = (weight.label, weight.flipped)
        return weight

    def turned(self, value: Traced) -> Traced:
        """A two-axis weight, transposed."""
        made = Traced(PARAMETER, value.shape[::-1], FLOAT, value.name)
        made.label, made.flipped = value.label, not value.flipped
        return made

    def declare(self, module: str, weights: Mapping[str, int], cell: tuple[str, str, str, str]) -> None:
        """The weights of a recurrent layer: its operator, and the initialisers that hold them."""
        self.cells[module] = cell
        self.weights.numbers |= {f"{module}.{name}": count for name, count in weights.items()}

    def buffer(self, value: Traced) -> Traced:
        """Running statistics, which are buffers."""
        self.origins.setdefault(value.label, (value.label, False))
        made = Traced(CONSTANT, value.shape, FLOAT, value.label)
        return made if value.source == PARAMETER else value

    def call(
        self,
        name: str,
        args: Sequence[Any],
        shape: Sequence[int],
        kwargs: Mapping[str, Any] | None = None,
        kind: str = "",
    ) -> Traced:
        """Adds a call with one output."""
        return self.calls(name, args, [shape], kwargs, kind)[0]

    def calls(
        self,
        name: str,
        args: Sequence[Any],
        shapes: Sequence[Sequence[int]],
        kwargs: Mapping[str, Any] | None = None,
        kind: str = "",
        module: Any = None,
        called: str = "",
    ) -> list[Traced]:
        """Adds a call with several outputs; `called` names a module that is a single call."""
        scope = self.scopes.of(self.node)
        scope = Scope(scope, called, name) if called else scope
        call = Call(
            name, [self._table(one) for one in args], dict(kwargs or {}), scope, (self.node.name or self.node.op, 0)
        )
        call.module = module
        read = [one for one in call.values() if isinstance(one, Traced)]
        for index, shape in enumerate(shapes):
            out = Traced(MADE, shape, kind or (read[0].kind if read else FLOAT), "", call)
            out.index = index
            out.of_data = any(one.of_data for one in read)
            out.of_parameters = module is not None or any(one.of_parameters for one in read)
            if not out.of_data and not out.of_parameters:
                out.source = CONSTANT
            call.outs.append(out)
        self.run.calls.append(call)
        return [out for out in call.outs if isinstance(out, Traced)]

    def _table(self, item: Any) -> Any:
        """Turns a weight that belongs to no layer into a parameter."""
        if isinstance(item, list):
            return [self._table(one) for one in item]
        if isinstance(item, Traced) and is_initial(item) and not item.claimed:
            (name,) = self.weights.claim([(item.label, item.shape)], self.scopes.path(self.node))
            self.origins.setdefault(name, (item.label, item.flipped))
            if name == item.name:
                return item
            found = self.values.get(f"\0{name}")
            if found is None:
                found = self.values[f"\0{name}"] = self._named(item, name)
            return found
        return item

    def opaque(self, inputs: Sequence[Traced], why: str = "") -> list[Traced]:
        """An operator without a layer, with the sizes from the file. Raises `RequestError` if the file gives none."""
        shapes = []
        for name in self.node.outputs:
            described = self.model.described.get(name)
            shape = self.said(name) if described is not None or self.fixed is not None else None
            if shape is None:
                reason = f" {why}" if why else ""
                raise RequestError(
                    f"{told(self.node)}{reason} is not supported, and the file does not give the sizes of its outputs: "
                    "add them with onnx.shape_inference"
                )
            shapes.append(shape)
        what = self.node.op + (f" {why}" if why else "")
        return self.calls(what, list(inputs), shapes)

    def said(self, name: str) -> Shape | None:
        """The sizes that the file gives for a tensor, with this run's batch."""
        described = self.model.described.get(name)
        if described is None or described.sizes is None:
            return None
        sizes: list[int] = []
        for size in described.sizes:
            known = size if isinstance(size, int) else self.symbols.get(size)
            if known is None:
                return None
            sizes.append(known)
        if self.fixed is not None and sizes and self._grows():
            sizes[0] = self.grown(sizes[0])
        return tuple(sizes)

    def _grows(self) -> bool:
        """Whether the first axis of an input of the node is the batch."""
        for name in self.node.inputs:
            now, was = self.shapes.get(name), (self.fixed or {}).get(name)
            if now and was and now[0] != was[0]:
                return True
        return False

    def grown(self, size: int) -> int:
        """A size that includes the file's batch, with this run's batch instead."""
        new, old = self.growth
        return size * new // old

    def reshaped_to(self, x: Traced, wanted: Sequence[int], name: str) -> Shape:
        """The sizes to reshape `x` to: those wanted, with a fixed batch in them replaced by this run's.

        Raises `MisfitError` if the number of elements differs.
        """
        count = prod(x.shape)
        sizes = [x.shape[axis] if size == 0 and axis < len(x.shape) else size for axis, size in enumerate(wanted)]
        if -1 in sizes:
            rest = prod(size for size in sizes if size != -1)
            sizes[sizes.index(-1)] = count // rest if rest else 0
        was, before = (self.fixed or {}).get(name), (self.fixed or {}).get(x.label)
        if was is None or before is None or len(before) != len(x.shape) or x.shape == before:
            if prod(sizes) != count or min(sizes, default=1) < 0:
                raise MisfitError(f"{list(x.shape)} does not have as many elements as {list(wanted)}")
            return tuple(sizes)
        axis = next(at for at, (new, old) in enumerate(zip(x.shape, before)) if new != old)
        lead = prod(before[:axis])
        for place, size in enumerate(was):
            if prod(was[:place]) == lead:
                grown = self.grown(size) * prod(was[:place]) * prod(was[place + 1 :])
                if grown == count:
                    return (*was[:place], self.grown(size), *was[place + 1 :])
        raise MisfitError(
            f"it merges the batch, which is fixed in the file, with other axes: {list(before)} to {list(was)}"
        )

    def note(self, what: str) -> None:
        """Counts an operator that only changes values and is omitted."""
        self.passed[what] = self.passed.get(what, 0) + 1


def told(node: Node) -> str:
    """A node in messages: its operator, and its name or first output."""
    name = node.name or next(iter(node.outputs), "")
    domain = f"{node.domain}." if node.domain else ""
    return f"`{domain}{node.op}`" + (f" ({name[:80]!r})" if name else "")
