"""The kinds of value that a layer's keys take.

An argument is declared once, in its layer's class; reading, ranges, messages, the reference
(`archcalc layer conv`) and the JSON Schema all come from that declaration.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from archcalc.advice import instead, meant
from archcalc.diagnostics import Advice, fail
from archcalc.language.expressions import Expression, describe, is_identifier, parse_expression, parse_number
from archcalc.language.settings import LARGEST_SIZE
from archcalc.language.values import SizeExpression, parse_size
from archcalc.layers.problem import ValueProblem, whole_number
from archcalc.source import Mapping, Node, Scalar
from archcalc.source import Sequence as NodeList

REQUIRED: Any = object()


class Argument:
    """One key of a layer.

    Args:
        doc: a short description.
        default: its value if the key is not given; a key without a default is required.
        aliases: PyTorch's names for it, for hints.
    """

    kind = "value"
    words: Sequence[str] = ()  # allowed in addition to numbers and names

    def __init__(self, doc: str, default: Any = REQUIRED, aliases: Sequence[str] = ()) -> None:
        self.doc = doc
        self.default = default
        self.aliases = tuple(aliases)
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.rstrip("_")

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def about(self) -> str:
        """The description, with the default."""
        known = "" if self.required or self.default is None else f"; default {self.show(self.default)}"
        return f"`{self.name}`: {self.doc}{known}"

    def parse(self, node: Node, known: Collection[str]) -> Any:
        """The value in `node`: a constant, or an `Expression` for later.

        `known` are the names an expression may use. Raises `SpecError`.
        """
        scalar = self.scalar(node)
        number = parse_number(scalar.text)
        if number is not None:
            return self.constant(number, scalar)
        return self.expression(scalar, known)

    def scalar(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        what = "mapping" if isinstance(node, Mapping) else "list"
        raise fail("SPC005", f"`{self.name}` must be {self.kind}, not a {what}", node, self.about)

    def constant(self, value: Any, place: Scalar) -> Any:
        try:
            return self.coerce(value)
        except ValueProblem as problem:
            raise fail("SPC005", f"`{self.name}` {problem}", place, problem.advice(place) or self.about) from None

    def expression(self, scalar: Scalar, known: Collection[str]) -> Any:
        if not scalar.text or scalar.text in ("true", "false", "none"):
            raise fail("SPC005", f"`{self.name}` must be {self.kind}, not `{scalar.text}`", scalar, self.about)
        expression = parse_expression(scalar)
        check_names(expression, known, self.about, self.words)
        if not expression.names and not expression.sizes:
            from archcalc.language.values import evaluate

            return self.constant(evaluate(expression, {}, scalar), scalar)
        return expression

    def coerce(self, value: Any) -> Any:
        """A computed value, converted to this argument's type. Raises `ValueProblem`."""
        return value

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""
        return {}

    def show(self, value: Any) -> str:
        """The value as written in a spec."""
        return f"{value:g}".replace("e-0", "e-").replace("e+0", "e") if isinstance(value, float) else describe(value)


def check_names(
    expression: Expression | SizeExpression, known: Collection[str], wanted: str = "", words: Sequence[str] = ()
) -> None:
    """Raises `SpecError` at the first undefined name in `expression`.

    Args:
        wanted: what the argument takes, if it takes `words` in addition to names.
    """
    for name, place in expression.names.items():
        if name not in known:
            sizes = name.split("x")
            otherwise = "define it under `hparams:`, or pass it as an argument of the block"
            if words:
                otherwise = f"{wanted}; a name is defined under `hparams:`, or passed as an argument of the block"
            help: str | Advice | None = (
                instead(place, "x".join(f"({size})" for size in sizes))
                if len(sizes) > 1 and all(size in known or size.isdigit() for size in sizes)
                else meant(place, name, [*known, *words], otherwise)
            )
            raise fail("SPC008", f"no hparam, dim or argument is named `{name}`", place, help)


class Whole(Argument):
    """A whole number in a range."""

    kind = "a whole number"

    def __init__(
        self, doc: str, default: Any = REQUIRED, min: int = 0, max: int = LARGEST_SIZE, aliases: Sequence[str] = ()
    ) -> None:
        super().__init__(doc, default, aliases)
        self.min, self.max = min, max

    def coerce(self, value: Any) -> Any:
        return whole_number(value, self.min, self.max)

    def schema(self) -> dict[str, Any]:
        limits = {"minimum": self.min} if self.min > -LARGEST_SIZE else {}
        return {"anyOf": [{"type": "integer", **limits}, {"$ref": "#/$defs/expression"}]}


class Number(Argument):
    """A real number in a range; `below` and `above` exclude their bound."""

    kind = "a number"

    def __init__(
        self,
        doc: str,
        default: Any = REQUIRED,
        min: float | None = None,
        max: float | None = None,
        above: float | None = None,
        aliases: Sequence[str] = (),
    ) -> None:
        super().__init__(doc, default, aliases)
        self.min, self.max, self.above = min, max, above

    def coerce(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueProblem(f"must be a number, not {describe(value)}")
        if self.min is not None and value < self.min:
            raise ValueProblem(f"must be at least {self.min:g}, not {value:g}")
        if self.max is not None and value > self.max:
            raise ValueProblem(f"must be at most {self.max:g}, not {value:g}")
        if self.above is not None and value <= self.above:
            raise ValueProblem(f"must be above {self.above:g}, not {value:g}")
        if abs(value) > 1e30:
            raise ValueProblem(f"must be at most 1e+30, not {value:g}")
        return value

    def schema(self) -> dict[str, Any]:
        limits = {"minimum": self.min, "maximum": self.max, "exclusiveMinimum": self.above}
        number = {"type": "number", **{name: limit for name, limit in limits.items() if limit is not None}}
        return {"anyOf": [number, {"$ref": "#/$defs/expression"}]}


# Spellings of true and false in other languages.
_TRUTHS = {
    "true": "true",
    "yes": "true",
    "on": "true",
    "1": "true",
    "false": "false",
    "no": "false",
    "off": "false",
    "0": "false",
}


class Flag(Argument):
    """true or false."""

    kind = "true or false"

    def __init__(self, doc: str, default: Any = REQUIRED, aliases: Sequence[str] = (), help: str | None = None) -> None:
        super().__init__(doc, default, aliases)
        self.help = help

    def parse(self, node: Node, known: Collection[str]) -> Any:
        scalar = self.scalar(node)
        if scalar.text in ("true", "false"):
            return scalar.text == "true"
        if is_identifier(scalar.text) and scalar.text in known:
            return parse_expression(scalar)
        word = _TRUTHS.get(scalar.text.lower())
        help = instead(scalar, word) if word else self.help or self.about
        raise fail("SPC005", f"`{self.name}` must be true or false, not `{scalar.text}`", scalar, help)

    def coerce(self, value: Any) -> Any:
        if not isinstance(value, bool):
            raise ValueProblem(f"must be true or false, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/expression"}]}


class Size(Argument):
    """One size for every axis (`3`) or one for each (`3x5`).

    Args:
        spreads: whether a single size holds for every spatial axis; if not, there are as many axes as sizes.
        words: further values.
        foreign: words of other frameworks, which the layer refuses once it knows its input and can say what to write
            instead.
    """

    kind = "a size, e.g. 3 or 3x5"

    def __init__(
        self,
        doc: str,
        default: Any = REQUIRED,
        min: int = 1,
        words: Sequence[str] = (),
        aliases: Sequence[str] = (),
        also: int | None = None,
        foreign: Sequence[str] = (),
        spreads: bool = True,
    ) -> None:
        super().__init__(doc, default, aliases)
        self.min, self.words, self.also, self.foreign = min, tuple(words), also, tuple(foreign)
        self.spreads = spreads

    def parse(self, node: Node, known: Collection[str]) -> Any:
        if isinstance(node, NodeList) and node.items and all(isinstance(item, Scalar) for item in node.items):
            text = "x".join(item.text for item in node.items if isinstance(item, Scalar))
            raise fail("SPC005", f"`{self.name}` must be {self.kind}, not a list", node, instead(node, text))
        scalar = self.scalar(node)
        if scalar.text in self.words or (scalar.text in self.foreign and scalar.text not in known):
            return scalar.text
        listed = scalar.text[:1] in ("(", "[")
        if listed and (sizes := re.fullmatch(r".\s*(\d+(?:\s*,\s*\d+)*)\s*,?\s*[)\]]", scalar.text)):
            text = "x".join(re.findall(r"\d+", sizes.group(1)))
            raise fail("SPC005", f"`{self.name}` must be {self.kind}, not a tuple", scalar, instead(scalar, text))
        size = parse_size(scalar)
        if size is None:
            return super().parse(node, known)
        if isinstance(size, SizeExpression):
            check_names(size, known, self.about, self.words)
            return size
        return self.constant(size, scalar)

    def coerce(self, value: Any) -> Any:
        if value in self.words and isinstance(value, str):
            return value
        sizes = value if isinstance(value, tuple) else (value,)
        return tuple(size if size == self.also else whole_number(size, self.min) for size in sizes)

    def schema(self) -> dict[str, Any]:
        one = {"type": "integer", "minimum": self.min}
        words = [{"enum": list(self.words)}] if self.words else []
        return {
            "anyOf": [
                one,
                {"type": "string", "pattern": "^[0-9()+*/-]+(x[0-9()+*/-]+)*$"},
                *words,
                {"$ref": "#/$defs/expression"},
            ]
        }


class Factors(Size):
    """One factor for every axis, or one for each; factors need not be whole."""

    kind = "a factor, e.g. 2 or 2x4"

    def coerce(self, value: Any) -> Any:
        sizes = value if isinstance(value, tuple) else (value,)
        for size in sizes:
            if isinstance(size, bool) or not isinstance(size, (int, float)) or not 0 < size <= 1e6:
                raise ValueProblem(f"must be above 0 and at most 1e+06, not {describe(size)}")
        return sizes

    def schema(self) -> dict[str, Any]:
        schema = super().schema()
        schema["anyOf"][0] = {"type": "number", "exclusiveMinimum": 0}
        return schema


class Word(Argument):
    """One word of a list."""

    def __init__(self, doc: str, choices: Sequence[str], default: Any = REQUIRED, aliases: Sequence[str] = ()) -> None:
        super().__init__(doc, default, aliases)
        self.choices = tuple(choices)

    @property
    def kind(self) -> str:  # type: ignore[override]
        return " or ".join(self.choices) if len(self.choices) < 3 else "one of " + ", ".join(self.choices)

    def parse(self, node: Node, known: Collection[str]) -> Any:
        scalar = self.scalar(node)
        if scalar.text in self.choices:
            return scalar.text
        help = meant(scalar, scalar.text, self.choices, self.about)
        raise fail("SPC005", f"`{self.name}` must be {self.kind}, not `{scalar.text}`", scalar, help)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.choices)}


class Letters(Flag):
    """true, false, or some of a set of letters, e.g. `qkv`."""

    def __init__(self, doc: str, letters: str, default: Any = REQUIRED, aliases: Sequence[str] = ()) -> None:
        super().__init__(doc, default, aliases)
        self.letters = letters

    def parse(self, node: Node, known: Collection[str]) -> Any:
        scalar = self.scalar(node)
        text = scalar.text
        if text and all(letter in self.letters for letter in text) and len(set(text)) == len(text):
            return text
        if text.lower() not in _TRUTHS and text not in known:
            raise fail(
                "SPC005",
                f"`{self.name}` must be true, false, or letters of {self.letters}, not `{text}`",
                scalar,
                f"each letter at most once, e.g. `{self.letters[:3]}`",
            )
        return super().parse(node, known)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [*super().schema()["anyOf"], {"type": "string", "pattern": f"^[{self.letters}]+$"}]}


class Words(Flag):
    """true, false, or one of a few words."""

    def __init__(self, doc: str, words: Sequence[str], default: Any = REQUIRED) -> None:
        super().__init__(doc, default)
        self.words, self.kind = words, f"true, false, {' or '.join(words)}"

    def parse(self, node: Node, known: Collection[str]) -> Any:
        scalar = self.scalar(node)
        if scalar.text.lower() not in _TRUTHS and scalar.text not in (*self.words, *known):
            help = meant(scalar, scalar.text, ("true", "false", *self.words), self.about)
            raise fail("SPC005", f"`{self.name}` must be {self.kind}, not `{scalar.text}`", scalar, help)
        return scalar.text if scalar.text in self.words else super().parse(node, known)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [*super().schema()["anyOf"], {"enum": list(self.words)}]}


class Text(Argument):
    """Text in quotes, e.g. a pattern of rearrange."""

    kind = "text in quotes"

    def parse(self, node: Node, known: Collection[str]) -> Any:
        return self.scalar(node).text

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def show(self, value: Any) -> str:
        return f"'{value}'"


def arg(kind: type[Argument], doc: str, **options: Any) -> Any:
    """Declare a layer's argument; typed `Any` so that the attribute can carry its value's type."""
    return kind(doc, **options)


@cache
def arguments_of(declaring: type) -> dict[str, Argument]:
    """The arguments in the body of a class, by key."""
    return {
        value.name: value
        for name, value in vars(declaring).items()
        if isinstance(value, Argument) and name != "free_keys"
    }
