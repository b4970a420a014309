"""Parts that the language cannot express: their shapes and costs are declared."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Collection
from typing import Any

from archcalc.diagnostics import fail
from archcalc.language.expressions import Expression, is_identifier, parse_expression
from archcalc.language.values import SizeExpression, evaluate
from archcalc.layers.arguments import Argument, Text, Whole, Word, arg, check_names
from archcalc.layers.base import Layer, layer
from archcalc.layers.code import Code, given
from archcalc.layers.field import Field
from archcalc.layers.layout import ENDS, Layout, stated
from archcalc.layers.operands import Operands
from archcalc.layers.problem import whole_number
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain
from archcalc.source import Mapping, Node, Scalar, Sequence

SAME, UNKNOWN = "same", "unknown"
# Names used by Python and by the file that `build` writes.
_TAKEN = frozenset([*keyword.kwlist, *dir(builtins), "nn", "torch", "F", "math", "self"])
_CLASS = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"


class NamedSizes(SizeExpression):
    """Several sizes with a name for each, as pairs of name and size."""

    __slots__ = ("lengths",)

    def __init__(self, scalar: Scalar, sizes: dict[str, list[Expression]]) -> None:
        super().__init__(scalar, [part for parts in sizes.values() for part in parts])
        self.lengths = {name: len(parts) for name, parts in sizes.items()}

    def evaluate(self, values: Any) -> tuple[Any, ...]:
        """The sizes of each, given a value for each name."""
        found, pairs = iter(super().evaluate(values)), []
        for name, length in self.lengths.items():
            pairs.append((name, tuple(next(found) for _ in range(length))))
        return tuple(pairs)


class Outputs(Argument):
    """One size, `same`, or several with names; as pairs of name and size, where the first name may be empty."""

    kind = "a size, e.g. output=64x56x56, or output=same"

    def parse(self, node: Node, known: Collection[str]) -> Any:
        """The sizes: `same`, or an expression for later. Raises `SpecError`."""
        if isinstance(node, Scalar) and node.text == SAME:
            return SAME
        if isinstance(node, Mapping) and not node.pairs:
            raise fail(
                "SPC005",
                f"`{self.name}` must be {self.kind}",
                node,
                "several: output: {boxes: [300, 4], scores: [300]}",
            )
        sizes: dict[str, list[Expression]] = {}
        pairs = node.pairs if isinstance(node, Mapping) else [(None, node)]
        for key, value in pairs:
            if key is not None and not is_identifier(key.text):
                raise fail("SPC010", f"`{key.text}` is not a name", key, "a name is letters a to z, digits and _")
            sizes[key.text if key is not None else ""] = self._sizes(value)
        found = NamedSizes(_first(node), sizes)
        check_names(found, known)
        return found if found.names or found.sizes else self.constant(evaluate(found, {}, found.scalar), found.scalar)

    def _sizes(self, node: Node) -> list[Expression]:
        if isinstance(node, Scalar):
            cuts = [match.start() for match in re.finditer(r"(?<=[0-9)])x(?=[-0-9(])", node.text)]
            bounds = zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(node.text)])
            return [parse_expression(node.part(start, end)) for start, end in bounds]
        if isinstance(node, Sequence) and node.items and all(isinstance(one, Scalar) for one in node.items):
            return [parse_expression(one) for one in node.items if isinstance(one, Scalar)]
        raise fail(
            "SPC005", f"`{self.name}` must be {self.kind}", node, "several: output: {boxes: [300, 4], scores: [300]}"
        )

    def coerce(self, value: Any) -> Any:
        """Whole sizes from 1."""
        return tuple((name, tuple(whole_number(size, 1) for size in sizes)) for name, sizes in value)

    def schema(self) -> dict[str, Any]:
        """A size, a list of sizes, or several with names."""
        sizes = {"type": "array", "minItems": 1, "items": {"type": ["integer", "string"]}}
        one = [{"type": ["integer", "string"]}, sizes]
        return {"anyOf": [*one, {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": one}}]}

    def show(self, value: Any) -> str:
        """As in a line."""
        if value == SAME:
            return SAME
        return ",".join(
            (f"{name}:" if name else "") + "x".join(str(int(size)) for size in sizes) for name, sizes in value
        )


def _first(node: Node) -> Scalar:
    """The first word in a node."""
    while not isinstance(node, Scalar):
        node = node.pairs[0][0] if isinstance(node, Mapping) else node.items[0]
    return node


class Count(Whole):
    """A whole number, or `unknown`."""

    kind = "a whole number, or unknown"

    def parse(self, node: Node, known: Collection[str]) -> Any:
        """The number, an expression for later, or the word."""
        return UNKNOWN if isinstance(node, Scalar) and node.text == UNKNOWN else super().parse(node, known)

    def schema(self) -> dict[str, Any]:
        """A number or the word."""
        return {"anyOf": [*super().schema()["anyOf"], {"const": UNKNOWN}]}


class Import(Text):
    """A class by its module and name."""

    kind = "a class, e.g. class=package.module:Name"

    def parse(self, node: Node, known: Collection[str]) -> Any:
        """The text. Raises `SpecError` for anything else."""
        scalar = self.scalar(node)
        if not re.fullmatch(_CLASS, scalar.text, re.ASCII):
            raise fail("SPC005", f"`{self.name}` must be {self.kind}, not `{scalar.text}`", scalar, self.about)
        *modules, name = re.split(r"[.:]", scalar.text)
        taken = name if name in _TAKEN else next(filter(keyword.iskeyword, modules), None)
        if taken:
            raise fail(
                "SPC005", f"`{taken}` means something else in what `build` writes", scalar, "give it another name"
            )
        return scalar.text


class _Always:
    """A class attribute that a key of the same name does not hide: the key's value is only in the layer's dictionary."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.value

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError("it is the class's")


class _formula:
    """A method of a layer that has a key of the same name: the key's value is only in the layer's dictionary."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.function if instance is None else self.function.__get__(instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError("keys are bound by their names")


@layer("opaque", first="what", aliases=("custom", "lambda", "blackbox"))
class Opaque(Layer):
    """A part that no other layer can express: its output and its costs are declared.

    [...] -> the declared output; further ones by their names. Totals say how much of them was declared. A cost that
    is not given is zero. The backward pass takes twice the multiply-accumulates and passes a gradient to every input.
    The class named by `class` is made without arguments and called with the layer's inputs; with further outputs, it
    returns the output and a tuple of the others. The code that `build` writes imports it; reading a spec never does.
    Source: what the spec declares.
    """

    one_pass = True
    notation = "y = what the spec declares, not computed"

    takes_input = True
    numeric = False
    broadcasts = True
    layout = _Always(ENDS)
    declared = True
    sees_ahead = True

    what: str | None = arg(Text, "what it is, in a few words", default=None)
    inputs: tuple[Tensor, ...] | None = arg(
        Operands, "what it reads; by default the tensor before it", min=1, default=None
    )
    output: Any = arg(Outputs, "the output shape")
    params_: int = arg(Whole, "learned numbers", default=0)
    buffers_: int = arg(Whole, "stored numbers that are not learned", default=0)
    macs_: Any = arg(Count, "multiply-accumulates of one sample", default=0)
    other: int = arg(Whole, "element-wise operations of one sample", default=0)
    saved_: int = arg(Whole, "numbers of one sample kept for backward, beside what it reads and gives", default=0)
    layout_: str | None = arg(
        Word,
        "of the output; by default that of an input with as many axes",
        choices=("channels-first", "features-last"),
        default=None,
    )
    class_: str | None = arg(Import, "what `build` imports for it, e.g. package.module:Name", default=None)

    @property
    def label(self) -> str:
        """E.g. `opaque 'selective scan, fused'`."""
        return f"opaque '{self.what}'" if self.what else "opaque"

    def _given(self, key: str) -> Any:
        return self.__dict__[key]

    @property
    def own_output(self) -> str | None:
        """The name of the first of several outputs."""
        return self.output[0][0] or None if self.output != SAME else None

    def survives(self, layout: str, x: Tensor) -> bool:
        """True if the number of axes stays the same."""
        return self.output_rank(x) == x.rank

    def gives(self, *inputs: Tensor) -> Layout:
        """The declared layout."""
        return stated(self._given("layout")) if self._given("layout") else None

    def output_rank(self, *inputs: Tensor) -> int:
        """As many axes as the declared size has."""
        return inputs[0].rank if self.output == SAME else len(self.output[0][1])

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The declared sizes: the first is the output, the others have names."""
        if self.output == SAME:
            return Tensor(x.shape)
        (_, sizes), *further = self.output
        outputs = {name: Tensor(shape) for name, shape in further}
        return Tensor(sizes, outputs=outputs or None, state=("opaque", *outputs) if outputs else None)

    @_formula
    def params(self, x: Tensor) -> dict[str, Shape]:
        """As many as are declared, in one vector."""
        return {"declared": (self._given("params"),)} if self._given("params") else {}

    @_formula
    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """As many as are declared, in one vector."""
        return {"stored": (self._given("buffers"),)} if self._given("buffers") else {}

    @_formula
    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """The declared ones; none if they are unknown, which totals point out."""
        count: int = 0 if self.is_unknown else self._given("macs")
        return count

    @property
    def is_unknown(self) -> bool:
        """Whether its multiply-accumulates are declared as unknown."""
        return bool(self._given("macs") == UNKNOWN)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """The declared ones."""
        return self.other

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Twice those of the forward pass."""
        return 2 * int(self.macs(y, *inputs))

    @_formula
    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Its inputs and outputs, and what is declared."""
        extra = {"declared": how.batch * plain(self._given("saved")) * how.width}
        return Saved(tuple(range(len(inputs))), True, extra)

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None: what it sees is unknown."""
        return None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The user's class, or one whose error says what is missing."""
        tensors = [y, *(y.outputs or {}).values()]
        further = {name: f"{{state}}[{index}]" for index, name in enumerate(y.outputs or {})}
        sizes = tuple(tuple(map(int, one.shape)) for one in tensors)
        plain = given(params=(self._given("params"), 0), buffers=(self._given("buffers"), 0))
        imported = self._given("class") or ""
        return Code(
            "Opaque", (self.what or "not described", *sizes), plain, "{self}({inputs})", None, further, imported
        )
