"""Reads the calls of a run, one after the other, into a graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from archcalc.layers import REGISTRY, Layer
from archcalc.tracing.calls import COMPLEX, CONSTANT, DRAWING, INPUT, PARAMETER, Call, Run, Value
from archcalc.tracing.graph import STORED, Graph, Node, Out
from archcalc.tracing.operations.registry import OPERATIONS, Beyond, Given

Sizes = Sequence[int]

# Words in the names of functions that may give different numbers each time.
_DRAWN = DRAWING | {"dropout", "empty"}


class Reader:
    """The graph as far as it is read.

    Attributes:
        graph: the nodes; call: the call being read.
        used: the node that has each parameter.
    """

    def __init__(self, name: str, run: Run) -> None:
        self.graph = Graph(name)
        self.run = run
        self.made: dict[int, Out] = {}
        self.used: dict[str, Node] = {}
        self.call: Call = run.calls[0]
        self.opaque: list[tuple[Call, str]] = []
        self.unknown_constants = 0
        self.read_so_far: set[Node] = set()
        self.declared: set[str] = set()
        self.constants: dict[Hashable, Out] = {}
        self.recipes: dict[int, Hashable] = {}
        self.numbers: dict[Hashable, int] = {}
        self.pending: dict[int, Call] = {}

    def read(self) -> Graph:
        """All calls."""
        for value in self.run.inputs:
            node = Node("input", value.sizes or (1,), None, [], {})
            self.graph.inputs[value.name] = node
            self.graph.nodes.append(node)
            self.made[id(value)] = Out(node)
        for call in self.run.calls:
            if any(out.across for out in call.outs) or not any(
                (out.of_data or out.of_parameters) and 0 not in out.shape for out in call.outs
            ):
                continue
            if any(out.of_data for out in call.outs):
                self.call = call
                self._one(call)
            else:  # what depends on no data is read when it is needed
                self.pending |= {id(out): call for out in call.outs}
        for name, value in self.run.outputs:
            if value.of_data:
                self.graph.outputs.append((name, self.out(value)))
        return self.graph

    def _one(self, call: Call) -> None:
        before, known = len(self.graph.nodes), len(self.made)
        operation = OPERATIONS.get(call.name)
        used = dict(self.used)
        try:
            if operation is None:
                raise Beyond("")
            if call.name not in _OF_PAIRS and any(self._is_pairs(value) for value in call.values()):
                raise Beyond("of complex numbers")
            given = operation.function(self, call, operation.arguments(call))
        except (Beyond, AttributeError, TypeError, IndexError) as error:
            gone = set(self.graph.nodes[before:])
            del self.graph.nodes[before:]
            self.used = used
            newest = [self.made.popitem() for _ in range(len(self.made) - known)]
            self.made |= {value: out for value, out in reversed(newest) if out.node not in gone}
            self.constants = {recipe: out for recipe, out in self.constants.items() if out.node not in gone}
            given = self._opaque(call, str(error) if isinstance(error, Beyond) else "")
        outs = given if isinstance(given, list) else [given]
        for value, out in zip(call.outs, outs):
            self.made[id(value)] = out
            if value.kind == COMPLEX and not self._is_pairs(value):
                self.graph.remarks.append("complex")
        new = self.graph.nodes[before:]
        for node in new:
            if node.macs is not None:
                continue
            node.place = call.place
            node.scope = call.scope
            node.macs = call.macs if REGISTRY[node.op].macs is not Layer.macs else 0

    def _is_pairs(self, value: Value) -> bool:
        """Whether a complex tensor is known as pairs of real numbers."""
        found = self.made.get(id(value)) if value.kind == COMPLEX else None
        return found is not None and found.sizes == (*value.sizes, 2)

    # what operations use

    def keep(self, node: Node, module: Any) -> None:
        """Give `node` the parameters of the called module, tied if another node has them."""
        scope = self.call.scope.name
        for name, _ in module.named_parameters():
            full = f"{scope}.{name}" if scope else name
            if full in self.used:
                node.tie = self.used[full]
            self.used.setdefault(full, node)
            node.weights[name] = full

    def add(self, op: str, inputs: Sequence[Out], sizes: Sizes, keys: Mapping[str, Any] | None = None) -> Out:
        """Add a node."""
        node = Node(op, tuple(sizes) or (1,), self.call.scope, list(inputs), dict(keys or {}))
        self.graph.nodes.append(node)
        self.read_so_far |= {out.node for out in inputs}
        return Out(node)

    def weighted(
        self, op: str, inputs: Sequence[Out], sizes: Sizes, keys: Mapping[str, Any], weights: Mapping[str, Value | None]
    ) -> Out:
        """A node with parameters of its own, or with those of an earlier one."""
        out = self.add(op, inputs, sizes, keys)
        names: dict[str, str] = {}
        for key, value in weights.items():
            if value is None:
                continue
            if value.source != PARAMETER and key.rpartition(".")[2] not in STORED:
                raise Beyond(f"`{op}` whose {key} is {'fixed' if value.source == CONSTANT else 'computed'}")
            names[key] = value.name
        out.node.weights = names
        learned = [name for key, name in names.items() if weights[key] is not None and weights[key].source == PARAMETER]  # type: ignore[union-attr]
        earlier = {id(self.used[name]): self.used[name] for name in learned if name in self.used}
        if earlier:
            (first, *rest) = earlier.values()
            own = {"bias"} if first.op == "embedding" else set()  # a head that is tied to an embedding may have one
            same = all(first.weights.get(key) == name for key, name in names.items() if key not in own)
            if rest or not same or first.op not in (op, "embedding"):
                raise Beyond(f"`{op}` that shares part of its weights")
            out.node.tie = first
        for name in learned:
            self.used.setdefault(name, out.node)
        return out

    def roots(self, value: Value) -> list[Value]:
        """The parameters that a value is computed from; none if it depends on data."""
        if value.of_data:
            return []
        found: dict[Value, None] = {}
        left = [value]
        while left:
            one = left.pop()
            if one.source == PARAMETER:
                found[one] = None
            elif one.call is not None:
                left += one.call.values()
        return list(found)

    def out(self, value: Any) -> Out:
        """The node that gives a value; parameters and constants get one when they are first read."""
        if not isinstance(value, Value):
            raise Beyond("a number in place of a tensor")
        found = self.made.get(id(value))
        if found is not None:
            sizes = value.sizes or (1,)
            is_turned = found.node.op in ("parameter", "constant") and found.sizes != sizes and value.kind != COMPLEX
            return self.add("reshape", [found], sizes, {"shape": sizes}) if is_turned else found
        if value.source == INPUT:
            raise Beyond("an unknown input")
        if id(value) in self.pending:
            call, self.call = self.call, self.pending[id(value)]
            self._one(self.call)
            self.call = call
            return self.made[id(value)]
        found = self._learned(value) if value.source == PARAMETER else self._constant(value)
        self.made[id(value)] = found
        return found

    def _learned(self, value: Value) -> Out:
        if value.name in self.used:
            earlier = self.used[value.name]
            if earlier.op == "parameter":
                return Out(earlier)
            raise Beyond("a parameter that already belongs to a layer")
        sizes = value.sizes or (1,)
        out = self.add("parameter", [], sizes, {"shape": sizes})
        out.node.weights = {"weight": value.name}
        self.used[value.name] = out.node
        return out

    def _constant(self, value: Value) -> Out:
        recipe = self.recipe(value)
        if recipe in self.constants:  # each layer computes it for itself
            return self.constants[recipe]
        sizes = value.sizes or (1,)
        keys: dict[str, Any] = {"shape": sizes}
        number = value.number()
        if number is not None and abs(number) <= _LARGEST:
            keys["value"] = number
        else:
            self.unknown_constants += 1
        out = self.add("constant", [], sizes, keys)
        out.node.weights = {"value": value.name} if value.name else {}
        out.node.holds = value
        self.constants[recipe] = out
        return out

    def recipe(self, item: Any) -> Hashable:
        """A key that is equal for constants that are computed alike from the same ones."""
        if isinstance(item, Value):
            if id(item) not in self.recipes:
                call = item.call
                # what multiplies is counted each time it runs
                alike = (
                    call is not None
                    and call.module is None
                    and not call.macs
                    and not _DRAWN & set(call.name.split("_"))
                )
                found = (call.name, item.index, self.recipe(call.args), self.recipe(call.kwargs)) if alike else None  # type: ignore[union-attr]
                self.recipes[id(item)] = self.numbers.setdefault(found, len(self.numbers)) if found else ("", id(item))
            return self.recipes[id(item)]
        if isinstance(item, (list, tuple)):
            return tuple(self.recipe(one) for one in item)
        if isinstance(item, dict):
            return tuple((key, self.recipe(one)) for key, one in item.items())
        return repr(item)

    def mask(self, value: Value, hides: bool, number: float, beside: float = 0) -> Out | None:
        """A constant of truth values as numbers: one where it is `hides`, `beside` elsewhere; None if it hides nothing.

        Raises `Beyond` for a mask that depends on data.
        """
        if value.of_data:
            raise Beyond("by a data-dependent mask")
        if value.number() is not None and bool(value.number()) is not hides:
            return None
        recipe = (self.recipe(value), hides, number, beside)
        if recipe not in self.constants:
            out = self.add("constant", [], value.sizes or (1,), {"shape": value.sizes or (1,)})
            out.node.holds, out.node.hides = value, (hides, number, beside)
            self.constants[recipe] = out
        return self.constants[recipe]

    def reshaped(self, out: Out, sizes: Sizes) -> Out:
        """The same elements in other sizes."""
        sizes = tuple(sizes)
        if out.sizes == sizes:
            return out
        node = out.node
        if node.op in ("parameter", "constant") and node not in self.read_so_far:
            node.sizes = sizes
            node.keys["shape"] = sizes
            return out
        return self.add("reshape", [out], sizes, {"shape": sizes})

    def aligned(self, value: Value, like: Value, out: Out | None = None) -> Out:
        """An operand laid along another tensor's axes: with as many axes, or as one vector along the last.

        `out` stands for the value, if that is not its own.
        """
        out = out or self.out(value)
        rank = len(like.shape)
        sizes = [1] * (rank - len(value.shape)) + list(value.shape)
        own = [None] * (rank - len(value.shape)) + list(range(len(value.shape)))
        wanted: list[int] = []
        for axis, place in enumerate(like.axes):
            if place is None:
                continue
            size = sizes[axis]
            index = own[axis]
            if index is not None and value.batch == index:
                size = value.sizes[value.axes[index]] if value.axes[index] is not None else 1  # type: ignore[index]
            elif axis == like.batch and size != 1:
                raise Beyond("a tensor along the batch")
            wanted.append(size)
        if like.batch is not None and like.axes[like.batch] is None and sizes[like.batch] != 1:
            along = value.batch is not None and own[like.batch] == value.batch
            if not along:
                raise Beyond("a tensor along the batch")
        if not wanted:
            wanted = [1]
        vector = len(out.sizes) == 1 < len(wanted) and wanted == [1] * (len(wanted) - 1) + list(out.sizes)
        if vector and out.sizes[0] == like.sizes[-1]:
            return out
        return self.reshaped(out, wanted)

    def axis(self, value: Value, axis: int) -> int:
        """An axis of a tensor as an axis of one sample."""
        place = value.axes[axis % len(value.shape)]
        if place is None or axis % len(value.shape) == value.batch:
            raise Beyond("along the batch")
        return place

    def on_space(
        self,
        op: str,
        value: Value,
        keys: Mapping[str, Any],
        axes: int | None = None,
        weights: Mapping[str, Value | None] | None = None,
    ) -> Out:
        """A layer over channels and space. If samples were joined with another axis, it becomes one more spatial axis.

        Args:
            axes: how many spatial axes PyTorch's function has; by default those of the tensor.
        """
        x, given = self.out(value), self.call.outs[0]
        axes = len(value.shape) - 2 if axes is None else axes
        if value.batch is None:
            if len(value.shape) == axes + 2:
                if value.shape[0] != 1:
                    raise Beyond("over several tensors that are not samples")
                made = self._layer(op, self.reshaped(x, value.shape[1:]), given.shape[1:], keys, weights)
                return self.reshaped(made, given.sizes)
            return self._layer(op, x, given.sizes, keys, weights)
        if value.batch != 0:
            raise Beyond("along the batch")
        if not joined(value):
            return self._layer(op, x, given.sizes, keys, weights)
        if len(x.sizes) > 4 or any(isinstance(one, str) for key, one in keys.items() if key in _NEUTRAL):
            raise Beyond("over samples that were joined with another axis")
        wide = {key: (_NEUTRAL[key], *one) if key in _NEUTRAL else one for key, one in keys.items()}
        turned = self.add("transpose", [x], (x.sizes[1], x.sizes[0], *x.sizes[2:]), {"axes": (0, 1)})
        sizes = given.sizes
        made = self._layer(op, turned, (sizes[1], sizes[0], *sizes[2:]), wide, weights)
        return self.add("transpose", [made], sizes, {"axes": (0, 1)})

    def _layer(
        self, op: str, x: Out, sizes: Sizes, keys: Mapping[str, Any], weights: Mapping[str, Value | None] | None
    ) -> Out:
        return self.add(op, [x], sizes, keys) if weights is None else self.weighted(op, [x], sizes, keys, weights)

    def _opaque(self, call: Call, why: str) -> Given:
        """A call that the language cannot express: it costs what PyTorch counts."""
        if call.name in _REFUSED:
            raise Beyond(call.name)
        inputs: list[Out] = []
        params = 0
        for value in call.values():
            if value.source == PARAMETER and value.name not in self.used:
                params += value.count()
                self.used[value.name] = next(iter(self.graph.inputs.values()))
                self.declared.add(value.name)
            elif value.source == PARAMETER and self.used[value.name].op != "parameter":
                continue
            elif value.source != CONSTANT and (out := self.out(value)) not in inputs:
                inputs.append(out)
        if call.module is not None:
            for name, one in call.module.named_parameters():
                full = f"{call.scope.name}.{name}"
                if full not in self.used:
                    params += one.numel()
                    self.used[full] = next(iter(self.graph.inputs.values()))
                    self.declared.add(full)
        inputs = inputs or [Out(next(iter(self.graph.inputs.values())))]
        what = call.name.replace("_", " ")
        out = self.add("opaque", inputs, call.outs[0].sizes or (1,), {"what": what})
        node = out.node
        node.keys |= {"output": node.sizes, "params": params, "macs": call.macs}
        for index, value in enumerate(call.outs[1:], 1):
            node.further[f"out{index}"] = value.sizes or (1,)
        self.opaque.append((call, why))
        return [out, *(Out(node, name) for name in node.further)]


def joined(value: Value) -> bool:
    """Whether samples were joined with another axis."""
    return value.batch == 0 and value.axes[0] is not None


# What a spec can say a number is.
_LARGEST = 1e30
# Calls that take complex numbers as pairs.
_OF_PAIRS = frozenset(("view_as_real", "mul", "rmul", "multiply"))
# A window's settings along an axis that it does not cover.
_NEUTRAL = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0, "output": -1}

# Calls without tensors; no node stands for them.
_REFUSED = frozenset(("item", "tolist"))
