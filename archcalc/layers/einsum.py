"""Sums of products, written as an equation."""

from __future__ import annotations

from archcalc.layers.arguments import Text, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.code import Code, expression
from archcalc.layers.content import numbers_only
from archcalc.layers.contraction import Contraction, contracted
from archcalc.layers.field import Field
from archcalc.layers.layout import ENDS
from archcalc.layers.memory import LOW
from archcalc.layers.operands import Operands
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product
from archcalc.quoting import python_string


@layer("einsum", first="equation", family="algebra")
class Einsum(Layer):
    """Sum of products by an equation of axes, without the batch. Source: torch.einsum.

    `einsum: {equation: 'hqd,hkd->hqk', operands: [q, k]}`.
    """

    autocast = LOW
    notation = "y = the sum of products that the equation writes"

    layout = ENDS
    takes_input = False
    broadcasts = True

    equation: str = arg(Text, "axes of each operand -> axes of the result, a letter each")
    operands: tuple[Tensor, ...] = arg(Operands, "one or two tensors", min=1, max=2)

    @property
    def computes(self) -> str:
        """The equation with indices, and the letters that are summed over."""
        terms, right = self.terms()
        read = " · ".join(f"{name}[{', '.join(term)}]" for name, term in zip("ab", terms))
        summed = [letter for letter in dict.fromkeys("".join(terms)) if letter not in right]
        over = f"        over {', '.join(summed)}" if summed else ""
        return f"y[{', '.join(right)}] = {'Σ ' if summed else ''}{read}{over}"

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None, since axes are summed over and exchanged."""
        return None

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis for each letter of the result."""
        return len(self.terms()[1])

    def terms(self) -> tuple[list[str], str]:
        """The letters of each operand, and those of the result. Raises `ShapeError`."""
        left, arrow, right = self.equation.replace(" ", "").partition("->")
        terms = left.split(",")
        if not arrow or not all(term.isascii() and term.isalpha() for term in (*terms, right)):
            raise ShapeError(
                "SPC005",
                f"not an equation: '{self.equation}'",
                "equation",
                "e.g. 'hqd,hkd->hqk', a letter for each axis, the batch left out",
            )
        for term in (*terms, right):
            if len(set(term)) != len(term):
                help = "give each axis of a tensor a letter of its own"
                raise ShapeError("SPC005", f"a letter appears twice in `{term}`", "equation", help)
        for letter in right:
            if letter not in left:
                help = f"an axis of the result is one of an operand: {', '.join(dict.fromkeys(''.join(terms)))}"
                raise ShapeError("SPC005", f"`{letter}` appears only in the result", "equation", help)
        return terms, right

    def letters(self, *inputs: Tensor) -> tuple[list[str], str]:
        """The letters of the equation."""
        return self.terms()

    def _sizes(self, tensors: tuple[Tensor, ...]) -> dict[str, int]:
        terms, _ = self.terms()
        if len(terms) != len(tensors):
            help = "before the `->` stand the axes of each operand, with commas between them"
            message = f"the equation has {len(terms)} operands, {len(tensors)} are given"
            raise ShapeError("SHP107", message, "equation", help)
        sizes: dict[str, int] = {}
        for index, (term, tensor) in enumerate(zip(terms, tensors)):
            if len(term) != tensor.rank:
                raise ShapeError(
                    "SHP107",
                    f"`{term}` names {len(term)} axes, {tensor} has {tensor.rank}",
                    operand=index,
                    help="a letter for each axis, the batch left out",
                )
            for letter, size in zip(term, tensor.shape):
                if sizes.setdefault(letter, size) != size:
                    help = "axes of one letter are equal: give one of them another letter, or change the operand"
                    raise ShapeError("SHP107", f"`{letter}` is {sizes[letter]} and {size}", operand=index, help=help)
        return sizes

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the equation does not fit its operands."""
        tensors = (x, *others)
        numbers_only(self.op, tensors)
        sizes = self._sizes(tensors)
        _, right = self.terms()
        return Tensor(tuple(sizes[letter] for letter in right))

    def _summed(self, sizes: dict[str, int]) -> tuple[str, str]:
        """Letters summed over in both operands at once, and those of the product before the sum.

        As in PyTorch, an axis that only one operand has is summed away before the product, and an axis of size 1 is
        not summed over.
        """
        terms, right = self.terms()
        if len(terms) == 1:
            return "", ""
        both = (letter for letter in terms[0] if letter in terms[1] and letter not in right)
        shared = "".join(letter for letter in both if sizes[letter] != 1)
        return shared, right + shared

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """A matrix product if an axis of both operands is summed over; otherwise none."""
        sizes = self._sizes(inputs)
        shared, letters = self._summed(sizes)
        return product(sizes[letter] for letter in letters) if shared else 0

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Sums over axes of one operand, and products without a sum."""
        terms, right = self.terms()
        sizes = self._sizes(inputs)
        shared, _ = self._summed(sizes)
        total = 0 if shared or len(terms) == 1 else y.elements
        for term, tensor in zip(terms, inputs):
            if any(letter not in right and letter not in shared and sizes[letter] != 1 for letter in term):
                total = total + tensor.elements
        return total

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """As many as in the forward pass for each operand whose gradient is needed."""
        return self.macs(y, *inputs) * sum(needs)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Each of two operands for the other's gradient; a sum over one operand keeps nothing.

        An operand with an axis that is summed away first is kept as that sum; one that cannot be viewed as matrices is
        kept as a copy.
        """
        if len(inputs) == 1:
            return Saved()
        kept, extra = [], {}
        for index, (elements, needed) in enumerate(zip(self._contracted(how).read, reversed(how.needs))):
            if needed and elements is None:
                kept.append(index)
            elif needed and elements is not None:
                extra[f"operand {index}"] = plain(elements) * how.width
        return Saved(tuple(kept), extra=extra)

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if axes are only exchanged."""
        terms, right = self.terms()
        return len(inputs) == 1 and len(right) == len(terms[0])

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As returned by its product, in the order of the result's letters."""
        return self._contracted(how).result

    def _contracted(self, how: Saving) -> Contraction:
        terms, right = self.terms()
        batch = self._batch_letter
        return contracted([batch + term for term in terms], batch + right, how.strides)

    @property
    def _batch_letter(self) -> str:
        return next(letter for letter in "bzyxwvutsrq" if letter not in self.equation)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        terms, right = self.terms()
        batch = self._batch_letter
        equation = ",".join(batch + term for term in terms) + f"->{batch}{right}"
        return expression(f"torch.einsum({python_string(equation)}, {{inputs}})")
