"""Layers that join several tensors element by element or side by side."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar

from archcalc.layers.arguments import arg
from archcalc.layers.base import Layer, ShapeError, decided, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.content import numbers_only
from archcalc.layers.facts import ANY
from archcalc.layers.layout import FEATURES_LAST, KEEPS, told
from archcalc.layers.operands import FEW, Body, Operands
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, iterated
from archcalc.layers.tensor import Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import work

# Python cannot compile an expression with thousands of operators: from this many operands on, a call is written.
_LONG = 500
_CALLS = {" + ": "sum(({rest}), {first})", " * ": "math.prod(({rest}), start={first})"}


def _joined(sign: str, tensors: tuple[Tensor, ...]) -> Code:
    """The operands with `sign` between them; a vector next to tensors with more axes gets those in PyTorch."""
    rank = max(tensor.rank for tensor in tensors)
    words = []
    for index, tensor in enumerate(tensors):
        axes = ", ".join([":", *["None"] * (rank - tensor.rank)])
        words.append(f"{{{index}}}" + (f"[{axes}]" if tensor.rank < rank else ""))
    if len(words) > _LONG:
        return expression(_CALLS[sign].format(first=words[0], rest=", ".join(words[1:])))
    return expression(sign.join(words))


def _widened(x: Strides, rank: int) -> Strides:
    """A vector with as many axes as the others; the added ones have size 1 and come after the batch."""
    while x.rank < rank:
        x = x.with_axis(1)
    return x


def _broadcast(op: str, tensors: tuple[Tensor, ...]) -> tuple[int, ...]:
    """The common shape: axes of size 1 are expanded, and a vector runs along the last axis, as if its other axes had size 1."""
    widest = max(tensors, key=lambda tensor: tensor.rank)
    rank, shape = widest.rank, list(widest.shape)
    for index, tensor in enumerate(tensors):
        first = rank - 1 if tensor.rank == 1 else 0
        if tensor.rank != rank - first:
            raise _mismatch(op, widest, tensor, index)
        if first and tensor.shape[0] == shape[-1]:
            continue
        for axis, size in enumerate(tensor.shape, first):
            if shape[axis] == 1:
                shape[axis] = size
            elif size not in (1, shape[axis]):
                raise _mismatch(op, widest, tensor, index)
    return tuple(shape)


def _mismatch(op: str, wide: Tensor, tensor: Tensor, index: int) -> ShapeError:
    help = "axes must be equal or 1"
    if wide.rank != tensor.rank:
        help = "operands need equal rank; only a vector goes along the last axis of another tensor"
    return ShapeError("SHP107", f"`{op}`: {wide} and {tensor} do not match", operand=index, help=help)


def passes_to_sum(read: Tensor, y: Tensor) -> bool:
    """Whether adding a number to each channel of an operand adds one to each channel of the sum."""
    axis = read.feature_axis
    return (read.layout, read.rank, read.shape[axis]) == (y.layout, y.rank, y.shape[axis])


class Arithmetic(Layer):
    """Operands combined element by element, by an operation with the name `word`."""

    word: ClassVar[str] = "comparison"
    count: int = 2  # of its operands, once they are known

    one_pass = True
    reads_stretched = True
    bare = True
    layout = KEEPS
    takes_input = False
    broadcasts = True
    any_order = True
    joins = True

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like elementwise operations on the operands, one after another."""
        rank = y.rank + 1
        laid = [_widened(one, rank) for one in how.strides]
        return reduce(iterated, laid[1:], laid[0])

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if a spread list of operands is empty and a single operand is left."""
        return len(inputs) == 1

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last if a vector runs along the last axis; a single number fits any layout."""
        wide = max(inputs, key=lambda tensor: tensor.rank)
        vectors = [
            index for index, tensor in enumerate(inputs) if tensor.rank == 1 < wide.rank and tensor.shape != (1,)
        ]
        vector = next(iter(vectors), None)
        return () if vector is None else ((wide, FEATURES_LAST, vector),)

    def disagreement(self, want: Want, inputs: tuple[Tensor, ...], found: str, by: Any) -> ShapeError:
        """A vector runs along the last axis; to run along channels, it needs axes of size 1 after it."""
        wide, _, operand = want
        assert isinstance(operand, int)
        along = [axis for axis, size in enumerate(wide.shape) if size == inputs[operand].shape[0]]
        shapes = ["x".join("-1" if axis == other else "1" for other in range(wide.rank)) for axis in along]
        return ShapeError(
            "SHP102",
            f"`{self.op}`: a vector goes along the last axis, but {wide} {told(found)}",
            operand=operand,
            help=None if along else f"give the vector {wide.rank} axes",
            changes=[
                Change(operand=operand, behind=f"reshape {shape}", gives=f"to go along axis {axis}")
                for axis, shape in zip(along, shapes)
            ],
            notes=decided(by),
        )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if two operands do not match."""
        numbers_only(self.op, (x, *others))
        self.count = 1 + len(others)
        return Tensor(_broadcast(self.op, (x, *others)))

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One operation per element for each operand after the first."""
        return work(y.elements, "element", (f"{self.word} of {len(inputs)} operands", len(inputs) - 1))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Backward, the gradients of expanded operands."""
        from archcalc.layers.kernels.stretching import back  # only memory asks

        places = [place for place in range(self.own_back, len(inputs)) if how.needs[place] and not self.hands_on]
        return 0, back(how, places, self.sums_samples(), y, inputs)


def _of_operands(count: int, operator: str) -> str:
    """The equation, with a letter for each operand; for many operands, only the first two."""
    letters = [*"abcd"[:count]] if count <= FEW else ["a", "b", f"…        {count} operands"]
    return f"y = {operator.join(letters)}"


@layer("add", first="operands", aliases=("plus", "eltwise", "elementwiseadd", "elementwisesum"))
class Add(Arithmetic):
    """Sum of its operands, element by element; an operand may occur twice. Source: torch.add."""

    word = "addition"
    notation = "y = a + b + …"

    @property
    def computes(self) -> str:
        """The equation with every operand."""
        return _of_operands(self.count, " + ")

    hands_on = True
    keeps_nothing = True
    operands: tuple[Tensor, ...] = arg(Operands, "what is added")

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True if the operand is not expanded along its channels."""
        return passes_to_sum(read, y)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return _joined(" + ", (x, *inputs))


@layer("mul", first="operands", aliases=("multiply", "product", "hadamard"))
class Mul(Arithmetic):
    """Product of its operands, element by element. Source: torch.mul."""

    word = "product"
    notation = "y = a ⊙ b ⊙ …"

    @property
    def computes(self) -> str:
        """The equation with every operand."""
        return _of_operands(self.count, " ⊙ ")

    operands: tuple[Tensor, ...] = arg(Operands, "what is multiplied")

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Each factor of a product whose other factor needs a gradient; intermediate products are new tensors."""
        kept: dict[int, None] = {}
        extra: dict[str, int] = {}
        shape, before = inputs[0].shape, how.needs[0]
        for index in range(1, len(inputs)):
            if how.needs[index]:
                if index == 1:
                    kept[0] = None
                else:
                    samples = how.batch if any(x.batched for x in inputs[:index]) else 1
                    extra[f"product {index}"] = samples * plain(product(shape)) * how.width
            if before:
                kept[index] = None
            before = before or how.needs[index]
            shape = _broadcast(self.op, inputs[: index + 1])
        return Saved(tuple(kept), extra=extra)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Also, if factors differ in type, their gradients in the wider one, and the copy of the narrower factor."""
        from archcalc.layers.kernels.stretching import mixed_back  # only memory asks

        if len(inputs) != 2 or len(set(how.given)) < 2 or how.gpu:
            return super().passing(how, y, *inputs)
        return 0, mixed_back(how, y, inputs)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return _joined(" * ", (x, *inputs))


@layer("sub", first="operands", aliases=("subtract", "minus"))
class Sub(Arithmetic):
    """The first operand minus the second, element by element. Source: torch.sub."""

    keeps_nothing = True
    own_back = 1
    word = "subtraction"
    notation = "y = a − b"

    operands: tuple[Tensor, ...] = arg(Operands, "what is subtracted from, and what", max=2)

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True if the operand is not expanded along its channels."""
        return passes_to_sum(read, y)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return _joined(" - ", (x, *inputs))


@layer("div", first="operands", aliases=("divide",))
class Div(Arithmetic):
    """The first operand over the second, element by element. Source: torch.div."""

    word = "division"
    notation = "y = a / b"

    operands: tuple[Tensor, ...] = arg(Operands, "what is divided, and by what", max=2)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The divisor, and the dividend for the divisor's gradient."""
        return Saved((0, 1) if how.needs[1] else (1,) if how.needs[0] else ())

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """For the divisor's gradient, the quotient divided once more."""
        forward, backward = super().passing(how, y, *inputs)
        return forward, backward + 2 * y.numel * how.batch * how.width * how.needs[1]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return _joined(" / ", (x, *inputs))


class _Extreme(Arithmetic):
    operands: tuple[Tensor, ...] = arg(Operands, "the two tensors", max=2)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Both inputs, which decide where the gradient goes."""
        return Saved((0, 1) if any(how.needs) else ())

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        code = _joined(", ", (x, *inputs))
        return expression(f"torch.{self.op}({code.call})")


@layer("maximum", first="operands")
class Maximum(_Extreme):
    """The larger of two tensors, element by element. Source: torch.maximum."""

    notation = "y = max(a, b)"


@layer("minimum", first="operands")
class Minimum(_Extreme):
    """The smaller of two tensors, element by element. Source: torch.minimum."""

    notation = "y = min(a, b)"


_BESIDE = "it stands beside `layers:`, as in `residual: {layers: [...], shortcut: [...]}`"


@layer("residual", first="layers", aliases=("skip", "skipconnection"))
class Residual(Layer):
    """x + f(x), or shortcut(x) + f(x). [...] -> the same shape as f. Source: He et al. 2016."""

    has_shortcut = True
    span = ANY
    bare = True
    notation = "y = x + f(x), or shortcut(x) + f(x)"
    inputs_read = ("x", "f(x)", "shortcut(x)")
    goes_around: bool = False  # through layers, once that is known

    @property
    def computes(self) -> str:
        """One of the two."""
        return "y = shortcut(x) + f(x)" if self.goes_around else "y = x + f(x)"

    layout = KEEPS
    hands_on = True
    reads_stretched = True
    keeps_nothing = True
    broadcasts = True
    layers: tuple[Tensor, ...] = arg(Body, "f, a list of layers")
    shortcut: tuple[Tensor, ...] | None = arg(Body, "layers on the way around f; default: none", default=None)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if both paths do not end in the same shape."""
        result = others[0]
        self.goes_around = len(others) > 1
        around = others[1] if self.goes_around else x
        if result.shape != around.shape:
            projections = self._projections(result, around) if len(others) == 1 else []
            raise ShapeError(
                "SHP107",
                f"residual: the layers give {result} but the shortcut is {around}",
                help="make the shortcut's shape equal" if len(others) > 1 else _BESIDE if projections else None,
                changes=projections,
            )
        numbers_only(self.op, (result, around))
        return Tensor(result.shape)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like a sum of its addends, the shortcut first."""
        around, result = (how.strides[2], how.strides[1]) if len(inputs) > 2 else how.strides[:2]
        return iterated(around, result)

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The addends: f, and the input or its shortcut."""
        return inputs[1:] if len(inputs) > 2 else inputs

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The addends: with a shortcut, not the input itself."""
        return self.joined(*inputs)

    def _projections(self, result: Tensor, x: Tensor) -> list[Change]:
        """A shortcut that makes the shapes equal, if a single layer can."""
        if result.rank != x.rank or x.layout is None:
            return []
        if x.layout == FEATURES_LAST:
            same = result.shape[:-1] == x.shape[:-1]
            return [Change({"shortcut": f"[linear {result.shape[-1]}]"})] if same else []
        steps = {-(-a // b) for a, b in zip(x.shape[1:], result.shape[1:])}
        if len(steps) > 1 or any(-(-a // s) != b for s in steps for a, b in zip(x.shape[1:], result.shape[1:])):
            return []
        stride = "".join(f" stride={step}" for step in steps if step != 1)
        return [Change({"shortcut": f"[conv {result.shape[0]} kernel=1{stride}]"})]

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Both paths end in the same shape."""
        return passes_to_sum(read, y)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition per element."""
        return work(y.elements, "element", ("addition", 1))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{2} + {1}" if len(inputs) > 1 else "{0} + {1}")
