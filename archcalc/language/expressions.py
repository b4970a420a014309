"""Arithmetic in values: `4*width`, `max(8, round8(32*width))`, `cin//2`.

A small custom parser, so that every operator has a location and only arithmetic is possible. Numbers are
int or float as in Python; sizes stay below 10^30.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Union

from archcalc.advice import instead
from archcalc.diagnostics import Advice, fail
from archcalc.language.sizes import CALLS, TensorSize, match_size
from archcalc.source import Scalar

Number = Union[int, float]

RESERVED = ("round8", "round", "ceil", "floor", "min", "max", "cin", "prev", "true", "false", "none")

# Compiled on demand, as everywhere here: many specs have no expression.
_TOKEN = (
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op>//|\*\*|[-+*/%(),]))"
)
_LARGEST = 10**30
_IN_RANGE = "numbers are real and below 10^30"
_MAX_DEPTH = 30
_MAX_LENGTH = 500


class ExpressionError(Exception):
    """An expression without a value, e.g. a division by zero; `help` says what to do."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def divisible(value: Number, divisor: Number) -> int:
    """The nearest multiple of `divisor`, never below it and never more than a tenth below `value`.

    Source: the channel rounding of MobileNet's reference code. Raises `ExpressionError` for an invalid divisor.
    """
    if not isinstance(divisor, int) or divisor < 1:
        raise ExpressionError(f"{describe(divisor)} is not a valid divisor", "e.g. divisible(4.5*width, 8)")
    rounded = max(divisor, math.trunc((2 * value + divisor) // (2 * divisor)) * divisor)
    return rounded + divisor if 10 * rounded < 9 * value else rounded


def round8(value: Number) -> int:
    """`divisible` by 8."""
    return divisible(value, 8)


def _smooth(compute: Callable[[Number], float]) -> Callable[[Number], Number]:
    """A function without a formula for its result: of a traced number it gives an inexact one, as arithmetic does."""
    return lambda value: 0.0 * value + compute(value)


_CALLS: dict[str, Callable[..., Number]] = {
    "log": _smooth(math.log),
    "exp": _smooth(math.exp),
    "round8": round8,
    "divisible": divisible,
    "round": round,
    "ceil": math.ceil,
    "floor": math.floor,
    "min": min,
    "max": max,
}


# The arguments of functions that do not take exactly one.
_TAKES = {
    "min": (2, _MAX_LENGTH, "two or more values"),
    "max": (2, _MAX_LENGTH, "two or more values"),
    "divisible": (2, 2, "a value and a divisor"),
}


class Expression:
    """A parsed expression.

    Attributes:
        names: the names it uses, with locations.
        sizes: the tensor sizes it uses, by key.
    """

    __slots__ = ("_root", "names", "scalar", "sizes")

    def __init__(
        self, scalar: Scalar, root: tuple[Any, ...], names: dict[str, Scalar], sizes: dict[str, TensorSize]
    ) -> None:
        self.scalar = scalar
        self._root = root
        self.names = names
        self.sizes = sizes

    @property
    def name(self) -> str | None:
        """The name, if the expression is just a name."""
        return self._root[1] if self._root[0] == "name" and self.names else None

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value, given values for names and size keys. Raises `ExpressionError`."""
        return _evaluate(self._root, values)


def is_identifier(text: str) -> bool:
    """Whether `text` can be a name: letters, digits and _, no digit first."""
    return text.isascii() and text.isidentifier()


def parse_number(text: str) -> Number | None:
    """`text` as a number literal (`64`, `017`, `1e-5`, `-1`), or None."""
    if text.isascii() and text.isdigit() and len(text) <= 40:
        return int(text)
    if text.strip("0123456789.eE+-"):
        return None
    match = re.fullmatch(r"-?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,4})?", text, re.ASCII)
    if not match:
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    number = float(text)
    return None if math.isinf(number) else number  # 1e309 overflows a float


def parse_expression(scalar: Scalar) -> Expression:
    """Parses the text of `scalar`. Raises `SpecError` at the invalid part."""
    return _Parser(scalar).parse()


class _Parser:
    """Precedence climbing over the tokens of one scalar."""

    _BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2}

    def __init__(self, scalar: Scalar) -> None:
        self.scalar = scalar
        self.names: dict[str, Scalar] = {}
        self.sizes: dict[str, TensorSize] = {}
        self.depth = 0
        if len(scalar.text) > _MAX_LENGTH:
            raise fail(
                "SPC005",
                f"an expression can have at most {_MAX_LENGTH} characters",
                scalar,
                "compute parts under `hparams:`",
            )
        self.tokens = list(self._scan())
        self.index = 0

    def parse(self) -> Expression:
        root = self._sum(1)
        if self.tokens[self.index][0] != "end":
            raise self._wrong()
        return Expression(self.scalar, root, self.names, self.sizes)

    def _scan(self) -> Iterator[tuple[str, str, int, int]]:
        text, position = self.scalar.text.rstrip(), 0
        token = re.compile(_TOKEN)
        calls = "(" in text
        while position < len(text):
            found = match_size(self.scalar, position) if calls else None
            if found is not None:
                size, position = found
                yield "size", self.sizes.setdefault(size.key, size).key, position, position
                continue
            match = token.match(text, position)
            if not match or match.lastgroup is None:
                raise self._wrong()
            kind = match.lastgroup
            yield kind, match.group(kind), match.start(kind), match.end()
            position = match.end()
            if kind == "number" and text[position : position + 1].isalpha():
                raise self._wrong()  # 3x5, 2k
        yield "end", "", len(text), len(text)

    def _wrong(self, help: str | Advice | None = None) -> Exception:
        text = self.scalar.text
        if help is None and not text.isascii():
            from archcalc.language.hints import typed

            plain = typed(text)
            help = instead(self.scalar, plain) if plain else None
        if help is None:
            unclosed = text.count("(") - text.count(")")
            if text.endswith(","):
                help = "separate the words of a line by spaces, not commas"
            elif re.search(r"(?<=[0-9)])x(?=[A-Za-z_])", text):
                help = "in a size, put names in parentheses, e.g. 3x(width)"
            elif unclosed:
                help = "a `(` is not closed" if unclosed > 0 else "a `)` has no `(`"
            elif re.fullmatch(r"\d+(x\d+)+", text):
                help = f"one number is wanted here, not a size; a product is written {text.replace('x', '*')}"
            elif (part := re.fullmatch(r"(-?\d*):(-?\d*)(?::(\d*))?", text)) is not None:
                keys = [f"{key}={value}" for key, value in (("end", part[2]), ("step", part[3])) if value]
                help = f"one number is wanted here; a part of an axis is `{' '.join(('slice', part[1] or '0', *keys))}`"
            elif "," in text:
                help = "commas belong only in min(a, b) and max(a, b); a size is written 3x5"
            elif re.fullmatch(r"[-+.\d]+[eE][-+]?\d+", text):
                help = _IN_RANGE
            else:
                help = "e.g. 64, 0.5, width or 2*width; a size is written 3x5"
        return fail("SPC005", f"not a number or an expression: `{text}`", self.scalar, help)

    def _take(self, text: str) -> bool:
        if self.tokens[self.index][0] == "op" and self.tokens[self.index][1] == text:
            self.index += 1
            return True
        return False

    def _nested(self, parse: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise fail(
                "SPC005",
                f"an expression can nest at most {_MAX_DEPTH} levels",
                self.scalar,
                "compute parts under `hparams:`",
            )
        node = parse()
        self.depth -= 1
        return node

    def _sum(self, least: int) -> tuple[Any, ...]:
        left = self._unary()
        while True:
            kind, op, _, _ = self.tokens[self.index]
            binds = self._BINDS.get(op, 0) if kind == "op" else 0
            if binds < least or not binds:
                return left
            self.index += 1
            left = (op, left, self._sum(binds + 1))

    def _unary(self) -> tuple[Any, ...]:
        if self._take("-"):
            return ("neg", self._nested(self._unary))
        if self._take("+"):
            return self._nested(self._unary)
        base = self._atom()
        if self._take("**"):
            return ("**", base, self._nested(self._unary))
        return base

    def _atom(self) -> tuple[Any, ...]:
        kind, text, start, end = self.tokens[self.index]
        self.index += 1
        if kind == "number":
            value = parse_number(text)
            if value is None:
                raise self._wrong()
            return ("number", value)
        if kind == "size":
            return ("name", text)
        if kind == "name":
            if self._take("("):
                return self._call(text, start, end)
            self.names.setdefault(text, self.scalar.part(start, end))
            return ("name", text)
        if kind == "op" and text == "(":
            inner = self._nested(lambda: self._sum(1))
            if not self._take(")"):
                raise self._wrong()
            return inner
        raise self._wrong()

    def _call(self, name: str, start: int, end: int) -> tuple[Any, ...]:
        if name in CALLS:
            help = f"e.g. {name}(prev{', 0' if name == 'size' else ''})"
            raise fail("SPC005", f"`{name}(...)` takes the name of a layer", self.scalar.part(start, end), help)
        if name not in _CALLS:
            known = ", ".join(_CALLS)
            raise fail(
                "SPC005", f"no function is named `{name}`", self.scalar.part(start, end), f"known functions: {known}"
            )
        arguments = [self._nested(lambda: self._sum(1))]
        while self._take(","):
            arguments.append(self._nested(lambda: self._sum(1)))
        if not self._take(")"):
            raise self._wrong()
        least, most, wanted = _TAKES.get(name, (1, 1, "one value"))
        if not least <= len(arguments) <= most:
            message, example = (
                f"`{name}` takes {wanted}, not {len(arguments)}",
                f"{name}({'20, 8' if least > 1 else '7/2'})",
            )
            raise fail("SPC005", message, self.scalar.part(start, end), f"e.g. {example}")
        return ("call", name, arguments)


def _evaluate(node: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
    op = node[0]
    if op == "number":
        return node[1]
    if op == "name":
        return values[node[1]]
    if op == "call" and node[1] in _ROUNDED and node[2][0][0] == "/":
        left, right = (_number(_evaluate(part, values)) for part in node[2][0][1:])
        if isinstance(left, int) and isinstance(right, int) and right > 0:
            return _bounded(lambda: _ROUNDED[node[1]](left, right))
    if op == "call":
        arguments = [_number(_evaluate(argument, values)) for argument in node[2]]
        return _bounded(lambda: _CALLS[node[1]](*arguments))
    left = _number(_evaluate(node[1], values))
    if op == "neg":
        return -left
    right = _number(_evaluate(node[2], values))
    if op in ("/", "//", "%") and right == 0:
        raise ExpressionError("division by zero", "divide by something that is not 0")
    if op == "**" and (abs(right) > 200 or (left == 0 and right < 0)):
        raise ExpressionError(f"{left}**{right} is out of range", _IN_RANGE)
    return _bounded(lambda: _BINARY[op](left, right))


def _number(value: Any) -> Number:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ExpressionError(f"{describe(value)} is not a number", "give a number, or the name of one")
    return value


def _bounded(compute: Callable[[], Any]) -> Number:
    try:
        value = compute()
    except (OverflowError, ValueError):
        raise ExpressionError("the value is out of range", _IN_RANGE) from None
    if isinstance(value, complex) or not abs(value) < _LARGEST:
        raise ExpressionError("the value is out of range", _IN_RANGE)
    return value  # type: ignore[no-any-return]


def _divide(a: Number, b: Number) -> Number:
    return a // b if isinstance(a, int) and isinstance(b, int) and a % b == 0 else a / b


# For integers avoids fractions, which are inexact and have no formula.
_ROUNDED: dict[str, Callable[[Any, Any], Any]] = {
    "ceil": lambda a, b: (a + b - 1) // b,
    "floor": lambda a, b: a // b,
}

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}


def describe(value: Any) -> str:
    """A value as a message names it: `true`, `3x5`, `[64, 28, 28]`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "x".join(str(size) for size in value)
    return str(value)
