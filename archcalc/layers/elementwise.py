"""Elementwise functions: any shape, no parameters. One operation per element, since PyTorch has one kernel for each."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from archcalc.layers.activation import Activation
from archcalc.layers.arguments import Number, arg
from archcalc.layers.base import layer
from archcalc.layers.code import Code, expression
from archcalc.layers.memory import WIDE
from archcalc.layers.saved import NOTHING, OUTPUT
from archcalc.layers.tensor import Tensor
from archcalc.terms import work


class Function(Activation):
    """A function with the same name as in PyTorch; `call` is its call, and `word` says what it does."""

    one_pass = True
    bare = True
    call: ClassVar[str] = ""
    word: ClassVar[str]

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One per element."""
        return work(y.elements, "element", (self.word, 1))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression(self.call or "{0}." + f"{self.op}()")


@layer("exp", aliases=("exponential",))
class Exp(Function):
    """e to the power of x. Source: torch.exp."""

    autocast = WIDE
    word = "exponential"
    notation = "y = e^x"
    span = (0.0, inf)
    rises = True

    keeps = OUTPUT


@layer("neg", aliases=("negative", "negate"))
class Neg(Function):
    """-x. Source: torch.neg."""

    word = "change of sign"
    notation = "y = −x"
    span = (-inf, inf)
    rises = False

    keeps = NOTHING
    call = "-{0}"


@layer("abs", aliases=("absolute",))
class Abs(Function):
    """The absolute value |x|. Source: torch.abs."""

    makes = 0, 1
    word = "absolute value"
    notation = "y = |x|"
    span = (0.0, inf)
    rises = False


@layer("sqrt", aliases=("squareroot",))
class Sqrt(Function):
    """The square root of x. Source: torch.sqrt."""

    makes = 0, 1
    word = "square root"
    notation = "y = √x"
    span = (0.0, inf)
    rises = False

    keeps = OUTPUT


@layer("rsqrt")
class Rsqrt(Function):
    """1 over the square root of x. Source: torch.rsqrt."""

    makes = 0, 2
    autocast = WIDE
    word = "reciprocal square root"
    notation = "y = 1 / √x"
    span = (0.0, inf)
    rises = False

    keeps = OUTPUT


@layer("square")
class Square(Function):
    """x times x. Source: torch.square."""

    makes = 0, 2
    autocast = WIDE
    word = "square"
    notation = "y = x²"
    span = (0.0, inf)
    rises = False


@layer("log", aliases=("logarithm", "ln"))
class Log(Function):
    """The natural logarithm of x. Source: torch.log."""

    autocast = WIDE
    word = "logarithm"
    notation = "y = ln x"
    span = (-inf, inf)
    rises = False


@layer("sin", aliases=("sine",))
class Sin(Function):
    """The sine of x, in radians. Source: torch.sin."""

    makes = 0, 1
    word = "sine"
    notation = "y = sin x"
    span = (-1.0, 1.0)
    rises = False


@layer("cos", aliases=("cosine",))
class Cos(Function):
    """The cosine of x, in radians. Source: torch.cos."""

    makes = 0, 2
    word = "cosine"
    notation = "y = cos x"
    span = (-1.0, 1.0)
    rises = False


@layer("floor")
class Floor(Function):
    """The largest whole number not above x; its gradient is zero. Source: torch.floor."""

    word = "rounding down"
    notation = "y = ⌊x⌋"
    span = (-inf, inf)
    rises = True

    keeps = NOTHING


@layer("sign", aliases=("signum",))
class Sign(Function):
    """-1, 0 or 1; its gradient is zero. Source: torch.sign."""

    word = "comparison with 0"
    notation = "y = 1 for x > 0, 0 for x = 0, −1 for x < 0"
    span = (-1.0, 1.0)
    rises = True

    keeps = NOTHING


@layer("reciprocal", aliases=("inverse",))
class Reciprocal(Function):
    """1 over x. Source: torch.reciprocal."""

    makes = 0, 2
    autocast = WIDE
    word = "division"
    notation = "y = 1 / x"
    span = (-inf, inf)
    rises = False

    keeps = OUTPUT


@layer("pow", first="exponent", aliases=("power",))
class Pow(Function):
    """x to the power of a fixed number. Source: torch.pow."""

    makes = 0, 2
    autocast = WIDE
    word = "power"
    notation = "y = x^exponent"
    symbols = {"exponent": "exponent"}
    span = (-inf, inf)
    rises = False

    exponent: float = arg(Number, "the number")

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0} ** {exponent}", exponent=self.exponent)


@layer("offset", first="number", aliases=("addscalar", "addconstant"))
class Offset(Function):
    """x plus a fixed number. Source: torch.add."""

    word = "addition"
    notation = "y = x + number"
    symbols = {"number": "number"}
    span = (-inf, inf)
    rises = True

    hands_on = True
    keeps = NOTHING

    number: float = arg(Number, "the number")

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        sign = "-" if self.number < 0 else "+"
        return expression("{0} " + sign + " {number}", number=abs(self.number))
