"""Layers that have a plainer form with the same values.

Each function under `@_at` takes a layer and returns the message, the advice and the edits, or None. What it claims must
follow from the graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from archcalc.diagnostics import Edit, Span
from archcalc.language.edits import entry
from archcalc.layers.activation import Hardtanh, ReLU
from archcalc.layers.algebra import Scale
from archcalc.layers.attention import Attention
from archcalc.layers.base import Layer
from archcalc.layers.constant import Constant
from archcalc.layers.cutting import Slice
from archcalc.layers.elementwise import Pow
from archcalc.layers.joining import Concat
from archcalc.layers.merge import Add, Arithmetic, Mul, Sub
from archcalc.layers.reduction import Mean
from archcalc.layers.resizing import Pad, Upsample
from archcalc.layers.sdpa import SDPA
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.quantity import leaves, product
from archcalc.rules.edits import with_argument, without_argument, written
from archcalc.rules.model import Model, nothing
from archcalc.source import Mapping, Scalar, Sequence

_POWERS = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal", -0.5: "rsqrt"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Form(NamedTuple):
    """A finding: what the layer does, what to write instead, and the edits, if the text allows any."""

    message: str
    help: str
    edits: Edit | tuple[Edit, ...] | None


_Finder = Callable[[Model, Node], "Form | None"]
# How each form is found, and at which layers.
_FORMS: list[tuple[_Finder, tuple[type[Layer], ...]]] = []


def _at(*layers: type[Layer]) -> Callable[[_Finder], _Finder]:
    """Look for a form at layers of these classes."""

    def register(find: _Finder) -> _Finder:
        _FORMS.append((find, layers))
        return find

    return register


def plainer(model: Model, node: Node) -> Form | None:
    """The plainer form of a layer; None if it has none."""
    for find, layers in _FORMS:
        found = find(model, node) if isinstance(node.layer, layers) else None
        if found is not None:
            return found
    return None


@_at(Scale, Pow, Hardtanh)
def _number(model: Model, node: Node) -> Form | None:
    """A number that turns the layer into another; only where the spec has a literal, because a name may change."""
    layer = node.layer
    keys: tuple[str, ...] = ()
    word = ""
    if isinstance(layer, Scale) and layer.factor == -1:
        keys, word = ("factor",), "neg"
    elif isinstance(layer, Pow):
        keys, word = ("exponent",), _POWERS.get(float(layer.exponent), "")
    elif isinstance(layer, Hardtanh) and (layer.low, layer.high) == (0, 6):
        keys, word = ("low", "high"), "relu6"
    if not word or not all(_NUMBER.fullmatch(written(node, key) or "") for key in keys):
        return None
    return Form(
        f"`{node.layer.label if node.layer else ''}` is `{word}`", f"write `{word}`", _renamed(node, word, keys)
    )


@_at(Scale)
def _sum(model: Model, node: Node) -> Form | None:
    """A mean times the count that it was divided by."""
    if not isinstance(node.layer, Scale):
        return None
    before = model.producer(node.inputs[0])
    if before is None or not isinstance(before.layer, Mean) or model.only_consumer(before) is not node:
        return None
    x = before.inputs[0]
    count = product(x.shape[axis] for axis in before.layer.axis_indices("axis", x))
    if node.layer.factor != int(count) or int(count) == 1:
        return None
    if leaves(count) and _NUMBER.fullmatch(written(node, "factor") or "0"):
        return None  # equal by chance
    line = _line(before)
    text = None if line is None else re.sub(r"^mean\b", "sum", line.text)
    return Form(
        f"the `mean` of {int(count):,} numbers times {int(count):,} is their sum",
        "write `sum`",
        _joined(before, node, text),
    )


@_at(Slice)
def _cut(model: Model, node: Node) -> Form | None:
    """Padding on one side, and as much cut off on the other."""
    layer = node.layer
    before = model.producer(node.inputs[0]) if isinstance(layer, Slice) else None
    if not isinstance(layer, Slice) or before is None or not isinstance(before.layer, Pad):
        return None
    x, border = before.inputs[0], before.layer
    axis = node.inputs[0].axis(layer.axis)
    moved = [index for index, size in enumerate(x.shape) if size != before.exit.shape[index]]
    if model.only_consumer(before) is not node or moved != [axis] or border.mode != "zeros":
        return None
    size = x.shape[axis]
    same = layer.begin(node.inputs[0]) == 0 and layer.step == 1 and node.exit.shape[axis] == size
    if not same or layer.end is None or int(layer.end) < 0 or leaves(layer.end) != leaves(size):
        return None
    ahead = written(before, "before")
    line = _line(before)
    if not ahead or line is None or written(before, "after") or not re.fullmatch(r"\w+", ahead):
        return None
    return Form(
        f"`{before.layer.label}` and `slice` together shift their input by {ahead}",
        f"write after=-{ahead} in place of the `slice`",
        _joined(before, node, f"{line.text} after=-{ahead}"),
    )


@_at(Sub)
def _zeros(model: Model, node: Node) -> Form | None:
    """A tensor minus itself."""
    if not isinstance(node.layer, Sub) or len(_names(model, node)) != 1 or len(node.inputs) < 2:
        return None
    operands = _operands(node, "sub")
    text = None
    if operands and _flow_list(node) is False:
        text = f"constant {'x'.join(f'(size({operands[0]}, {axis}))' for axis in range(node.exit.rank))}"
    return Form(
        "a tensor minus itself is all zeros",
        f"write {f'`{text}`' if text else 'a `constant`'}",
        _replaced(node, "sub", text),
    )


@_at(Mul)
def _square(model: Model, node: Node) -> Form | None:
    """A tensor times itself."""
    if type(node.layer) is not Mul or len(_names(model, node)) != 1 or len(node.inputs) != 2:
        return None
    operands = _operands(node, "mul")
    text = None if not operands else "square" if operands[0] == "prev" else f"square from={operands[0]}"
    return Form("a tensor times itself is its square", "write `square`", _replaced(node, "mul", text))


@_at(Concat)
def _tile(model: Model, node: Node) -> Form | None:
    """The same tensor concatenated with itself."""
    layer = node.layer
    if not isinstance(layer, Concat) or len(_names(model, node)) != 1 or len(node.inputs) < 2:
        return None
    axes = [index for index, size in enumerate(node.exit.shape) if size != node.inputs[0].shape[index]]
    operands = _operands(node, "concat")
    text = None
    if operands and len(axes) == 1:
        times = "x".join(str(len(node.inputs) if axis == axes[0] else 1) for axis in range(node.exit.rank))
        text = f"tile {times}" if operands[0] == "prev" else f"tile {times} from={operands[0]}"
    return Form(
        f"the same tensor is concatenated {len(node.inputs)} times",
        f"write `{text or 'tile'}`",
        _replaced(node, "concat", text),
    )


@_at(Add)
def _absolute(model: Model, node: Node) -> Form | None:
    """relu(a − b) + relu(b − a)."""
    if type(node.layer) is not Add or len(node.inputs) != 2:
        return None
    parts = []
    for x in node.inputs:
        clipped = model.producer(x)
        less = model.producer(clipped.inputs[0]) if clipped is not None and isinstance(clipped.layer, ReLU) else None
        if clipped is None or less is None or not isinstance(less.layer, Sub) or len(less.inputs) != 2:
            return None
        if model.only_consumer(clipped) is not node or model.only_consumer(less) is not clipped:
            return None
        parts.append((less, [model.name(one) for one in less.inputs]))
    if parts[0][1] != parts[1][1][::-1]:
        return None
    operands = _operands(parts[0][0], "sub")
    text = None
    if operands and _flow_list(node) is False:
        text = f"sub: [{', '.join(operands)}]\n{{indent}}- abs"
    return Form(
        "the positive parts of a − b and of b − a together are |a − b|",
        "write `sub` and `abs`",
        _replaced(node, "add", text),
    )


@_at(Upsample)
def _like(model: Model, node: Node) -> Form | None:
    """A number for a size that the tensor merged with it has, or the input."""
    layer = node.layer
    if not isinstance(layer, Upsample) or layer.size is None or model.placed(node).calls:
        return None
    size = node.exit.shape[1:]
    if not re.fullmatch(r"\d+(x\d+)*", written(node, "size") or ""):
        return None
    name = next((name for x in _beside(model, node) if (name := _named(model, x, size))), None)
    if name is None:
        return None
    first, last = with_argument(node, "like", name), without_argument(node, "size")
    shown = "×".join(str(int(one)) for one in size)
    return Form(
        f"{shown} is the size of `{name}`",
        f"write like={name}: then the size follows the image",
        (first, last) if first and last else None,
    )


def _beside(model: Model, node: Node) -> list[Tensor]:
    """What a layer's output is merged with, or else the input of the network."""
    readers = model.consumers(node.exit)
    if not readers and model.is_output(node.exit) and model.only_input is not None:
        return [model.only_input]
    merging = [one for one in readers if isinstance(one.layer, (Arithmetic, Concat))]
    return [x for one in merging for x in one.inputs if model.name(x) != model.name(node.exit)]


def _named(model: Model, x: Tensor, size: tuple[int, ...]) -> str | None:
    """The name at the top of the spec of `x`, or of the nearest tensor before it, of this height and width."""
    names = {model.name(tensor): name for name, tensor in model.graph.inputs.items()}
    names |= {model.name(one.output): one.name for one in model.graph.nodes if one.name}
    while x.rank == len(size) + 1 and x.shape[1:] == size:
        if model.name(x) in names:
            return names[model.name(x)]
        before = model.producer(x)
        if before is None or not before.inputs:
            return None
        x = before.inputs[0]
    return None


@_at(SDPA, Attention)
def _causal(model: Model, node: Node) -> Form | None:
    """A mask of ones up to the diagonal."""
    layer = node.layer
    if not isinstance(layer, (SDPA, Attention)) or layer.causal or not isinstance(layer.mask, Tensor):
        return None
    made = model.maker(layer.mask, nothing)
    if made is None or not isinstance(made.layer, Constant) or made.layer.kind != "triangle":
        return None
    shape = made.exit.shape
    if len(shape) != 2 or shape[0] != shape[1] or leaves(shape[0]) != leaves(shape[1]):
        return None
    first, last = with_argument(node, "causal", "true"), without_argument(node, "mask")
    return Form(
        "a mask of ones up to the diagonal lets each position see those before it",
        "write causal=true, which has fused kernels and allows generation",
        (first, last) if first and last else None,
    )


# The layers that may have a plainer form.
ABOUT = tuple({layer: None for _, layers in _FORMS for layer in layers})


# -- the text -------------------------------------------------------------------------------


def _names(model: Model, node: Node) -> set[int]:
    return {model.name(x) for x in node.inputs}


def _line(node: Node) -> Scalar | None:
    """The line of a layer in its short form."""
    found = entry(node.place)
    one = found[0].items[found[1]] if found else None
    return one if isinstance(one, Scalar) and not one.quoted else None


def _flow_list(node: Node) -> bool | None:
    """Whether the layer stands in a list on one line; None if it stands in no list."""
    found = entry(node.place)
    return found[0].flow if found else None


def _operands(node: Node, word: str) -> list[str] | None:
    """The names that a merge in its short form reads; None if it reads anything but names."""
    found = entry(node.place)
    one = found[0].items[found[1]] if found else None
    value = (
        one.pairs[0][1] if isinstance(one, Mapping) and len(one.pairs) == 1 and one.pairs[0][0].text == word else None
    )
    if not isinstance(value, Sequence) or not all(isinstance(item, Scalar) for item in value.items):
        return None
    names = [item.text for item in value.items if isinstance(item, Scalar)]
    return names if all(re.fullmatch(r"[\w.]+", name) for name in names) else None


def _replaced(node: Node, word: str, text: str | None) -> Edit | None:
    """`text` in place of a merge in its short form that has no other key; None if that would delete a comment."""
    found = entry(node.place)
    one = found[0].items[found[1]] if found else None
    if (
        found is None
        or text is None
        or not isinstance(one, Mapping)
        or len(one.pairs) != 1
        or one.pairs[0][0].text != word
    ):
        return None
    key, value = one.pairs[0]
    source = key.source
    braces = source.line(one.line)[one.column - 1] == "{"
    start, (line, column) = (one, (one.end_line, one.end_column)) if braces else (key, _end(value))
    taken = [source.line(number) for number in range(start.line, line + 1)]
    taken[-1] = taken[-1][: column - 1]
    if any("#" in each for each in taken):
        return None
    indent = source.line(start.line)[: start.column - 1]
    if not found[0].flow and indent.strip() != "-":
        return None
    edited = text.replace("{indent}", indent.replace("-", " ")[:-2] if indent.endswith("- ") else "")
    return Edit(Span(source, start.line, start.column, line, column), edited)


def _end(value: object) -> tuple[int, int]:
    """Where a value ends; a list over several lines ends with its last item."""
    if isinstance(value, Sequence) and not value.flow and value.items:
        return _end(value.items[-1])
    if isinstance(value, Mapping) and value.pairs and value.source.line(value.line)[value.column - 1] != "{":
        return _end(value.pairs[-1][1])
    assert isinstance(value, (Scalar, Sequence, Mapping))
    return value.end_line, value.end_column


def _renamed(node: Node, word: str, keys: tuple[str, ...]) -> Edit | None:
    """The line with another layer's name, without `keys`; a number without a key is the first of them."""
    line = _line(node)
    if line is None:
        return None
    _, *words = line.text.split()
    kept = [one for one in words if "=" in one and one.partition("=")[0] not in keys]
    return Edit(line, " ".join([word, *kept]))


def _joined(first: Node, second: Node, text: str | None) -> Edit | None:
    """Replace two adjacent lines of a list by one, under the name of the second."""
    place, other_place = entry(first.place), entry(second.place)
    one, two = _line(first), _line(second)
    if text is None or place is None or other_place is None or one is None or two is None:
        return None
    (sequence, index), (other, after) = place, other_place
    if sequence is not other or after != index + 1 or re.search(r" (name|tie|repeat)=", one.text):
        return None
    if re.search(r" (from|tie|repeat|cache|frozen)=", two.text):
        return None
    name = re.search(r" name=\S+", two.text)
    source = one.source
    if sequence.flow and one.line != two.line:
        return None
    if not sequence.flow and (two.line != one.line + 1 or "#" in source.line(one.line)):
        return None
    return Edit(Span(source, one.line, one.column, two.end_line, two.end_column), text + (name.group() if name else ""))
