"""Numbers that are the same for every sample and are not learned."""

from __future__ import annotations

from math import comb
from typing import Any

from archcalc.diagnostics import fail
from archcalc.language.expressions import parse_number
from archcalc.layers.arguments import Argument, Flag, Number, Size, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.code import Code, Written, given
from archcalc.layers.layout import ENDS
from archcalc.layers.tensor import Shape, Tensor
from archcalc.source import Node, Scalar, Sequence

_MOST = 64
# The minimum and maximum number of axes of a kind.
_RANKS = {"eye": (2, 2), "triangle": (2, 8), "binomial": (3, 5)}
# What the kinds hold, in an equation.
_RULES = {
    "zeros": "0 everywhere", "ones": "1 everywhere", "eye": "1 on the diagonal, 0 elsewhere", "arange": "0, 1, 2, … along the last axis",
    "triangle": "1 up to the diagonal, 0 above", "binomial": "the binomial coefficients along each axis, with the sum 1",
}  # fmt: skip
# Most taps of a binomial filter along an axis: the sums of more are not whole numbers in double precision.
_TAPS = 54


class Numbers(Argument):
    """A list of numbers, or nested lists of equal lengths, as a tuple."""

    kind = "a list of numbers"

    def parse(self, node: Node, known: Any) -> Any:
        """The numbers. Raises `SpecError` for other entries, lists of unequal lengths, or too many numbers."""
        if not isinstance(node, Sequence):
            raise fail("SPC005", f"`{self.name}` must be {self.kind}", node, f"e.g. {self.name}: [0.5, 0.25]")
        found = self._read(node)
        count = len(_flat(found))
        if count > _MOST:
            message = f"`{self.name}` has {count} numbers, more than {_MOST}"
            raise fail("SPC005", message, node, "use kind=, or make it an input")
        return found

    def _read(self, node: Sequence) -> tuple[Any, ...]:
        found = tuple(self._read(one) if isinstance(one, Sequence) else self._number(one) for one in node.items)
        shapes = {_shape(one) for one in found}
        if len(shapes) != 1:
            message = "an empty list of numbers" if not shapes else "the lists of numbers have unequal lengths"
            raise fail("SPC005", message, node, f"e.g. {self.name}: [[1, 0], [0, 1]]")
        return found

    def _number(self, node: Node) -> float:
        number = parse_number(node.text) if isinstance(node, Scalar) else None
        if number is None:
            raise fail("SPC005", f"`{self.name}` must be {self.kind}", node, "an entry must be a number")
        return number

    def schema(self) -> dict[str, Any]:
        """Numbers, or lists of them."""
        return {"type": "array", "minItems": 1, "items": {"type": ["number", "array"]}}

    def show(self, value: Any) -> str:
        """As a list."""
        return f"[{', '.join(self.show(one) for one in value)}]" if isinstance(value, tuple) else super().show(value)


def _shape(value: Any) -> Shape:
    return (len(value), *_shape(value[0])) if isinstance(value, tuple) else ()


def _flat(value: Any) -> list[float]:
    return [number for one in value for number in _flat(one)] if isinstance(value, tuple) else [value]


@layer("constant", first="shape", aliases=("buffer", "zeros", "ones", "full", "eye", "arange", "tril"), family="dense")
class Constant(Layer):
    """Numbers that are the same for every sample and are not learned. -> [*shape].

    Whole numbers where an `embedding` reads them. kind=binomial is [channels, 1, *kernel], filters of `conv weight=`
    that blur: 1 2 1 or 1 3 3 1 along each axis of the kernel, divided by their sum. What depends only on constants is
    computed once for all samples.
    Source: torch.nn.Module.register_buffer.
    """

    computes_nothing = True
    sets_sizes = True
    one_pass = True
    bare = True
    notation = "y = W        stored, not learned"

    @property
    def computes(self) -> str:
        """What its numbers are, if they follow a rule."""
        rule = _RULES.get(self.kind) if self.values is None else None
        if self.value is not None:
            rule = f"{self.value:g} everywhere".replace("-", "−")
        return f"y = {rule or 'W'}        stored, not learned"

    layout = ENDS
    takes_input = False
    view = True
    keeps_nothing = True

    shape: tuple[int, ...] | None = arg(Size, "its sizes, e.g. 1x1x4x4; not its batch", default=None, spreads=False)
    kind: str = arg(
        Word,
        "what it holds: arange counts along the last axis, triangle has ones up to the diagonal, binomial blurs as filters",
        choices=("zeros", "ones", "eye", "arange", "triangle", "binomial"),
        default="zeros",
    )
    value: float | None = arg(Number, "a number everywhere, instead of `kind`", default=None)
    values: tuple[Any, ...] | None = arg(Numbers, "all of its numbers, at most 64, instead of `shape`", default=None)
    buffer: bool = arg(Flag, "count it, and keep it in the state dict", default=False)

    @property
    def sizes(self) -> Shape:
        """The given shape, or that of the values. Raises `ShapeError` if it is not clear what it holds."""
        if (self.shape is None) == (self.values is None):
            what = "`constant` needs `shape` or `values`" if self.shape is None else "`values` has a shape of its own"
            help = (
                "e.g. `constant 4x4`, or `{constant: {values: [0.5, 0.25]}}`" if self.shape is None else "leave out one"
            )
            raise ShapeError(
                "SPC004" if self.shape is None else "SPC005", what, None if self.shape is None else "shape", help
            )
        if self.kind != "zeros" and not (self.value is None and self.values is None):
            raise ShapeError("SPC005", f"a number is given, and kind={self.kind} says another", "kind", "leave out one")
        if self.value is not None and self.values is not None:
            raise ShapeError(
                "SPC005", "`values` are given, and `value` is a number everywhere", "value", "leave out one"
            )
        return self.shape if self.shape is not None else _shape(self.values)

    def output_rank(self, *inputs: Tensor) -> int:
        """As many axes as sizes are given."""
        return len(self.sizes)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The tensor itself. Raises `ShapeError` for a kind with another number of axes."""
        sizes = self.sizes
        least, most = _RANKS.get(self.kind, (1, 8))
        if not least <= len(sizes) <= most:
            axes = (
                "2 axes"
                if least == most
                else f"at least {least} axes"
                if len(sizes) < least
                else f"at most {most} axes"
            )
            example = "1x1x3x3" if self.kind == "binomial" else "8x8"
            raise ShapeError("SHP101", f"kind={self.kind} has {axes}, not {len(sizes)}", "shape", f"e.g. {example}")
        if self.kind == "binomial" and any(size > _TAPS for size in sizes[2:]):
            raise ShapeError(
                "SPC005", f"a binomial filter has at most {_TAPS} taps along an axis", "shape", "e.g. 1x1x3x3"
            )
        numbers = [self.value] if self.value is not None else _flat(self.values or ())
        whole = [number for number in numbers if isinstance(number, int)]
        if len(whole) < len(numbers) or self.kind == "binomial":
            return Tensor(sizes)
        y = Tensor(sizes, None, None)  # an embedding may read whole numbers
        y.bounds = (min(whole), max(whole)) if whole else self._bounds(sizes)
        return y

    def _bounds(self, sizes: Shape) -> tuple[int, int]:
        """The smallest and largest number of a kind."""
        if self.kind == "arange":
            return 0, sizes[-1] - 1
        return int(self.kind == "ones"), int(self.kind != "zeros")

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """All numbers, if they are in PyTorch's state dict."""
        return {"value": self.sizes} if self.buffer else {}

    def constants(self, y: Tensor) -> Shape | None:
        """All numbers, if they are not in PyTorch's state dict."""
        return None if self.buffer else y.shape

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        made = Written(self._made(tuple(map(int, y.shape)), bool(y.integer)))
        return Code("Constant", (made,), given(persistent=(self.buffer, False)), call="{self}()")

    def _made(self, sizes: Shape, integer: bool) -> str:
        """The expression that makes it: floating-point numbers, unless it is read as whole numbers."""
        listed, dtype = ", ".join(map(str, sizes)), ", dtype=torch.long" if integer else ""
        number = repr if integer else lambda one: repr(float(one))
        if self.values is not None:
            return f"torch.tensor({_list(self.values, number)})"
        if self.value is not None:
            whole = f"({listed},)" if len(sizes) == 1 else f"({listed})"
            return f"torch.full({whole}, {number(self.value)})"
        if self.kind == "eye":
            return f"torch.eye({listed}{dtype})"
        if self.kind == "triangle":
            return f"torch.ones({listed}{dtype}).tril()"
        if self.kind == "arange":
            counted = f"torch.arange({number(sizes[-1])})"
            return counted if len(sizes) == 1 else f"{counted}.repeat({', '.join(map(str, sizes[:-1]))}, 1)"
        if self.kind == "binomial":
            return _binomial(sizes)
        return f"torch.{self.kind}({listed}{dtype})"


def _list(value: Any, number: Any) -> str:
    return f"[{', '.join(_list(one, number) for one in value)}]" if isinstance(value, tuple) else number(value)


def _binomial(sizes: Shape) -> str:
    """The product of the filters along the axes of the kernel, for each pair of channels."""
    kernel = [f"torch.tensor({_list(tuple(comb(n - 1, i) / 2 ** (n - 1) for i in range(n)), repr)})" for n in sizes[2:]]
    letters = "ijk"[: len(kernel)]
    one = kernel[0] if len(kernel) == 1 else f'torch.einsum("{",".join(letters)}->{letters}", {", ".join(kernel)})'
    ahead = "[None, None]" if sizes[:2] == (1, 1) else f".repeat({sizes[0]}, {sizes[1]}{', 1' * len(kernel)})"
    return one + ahead
