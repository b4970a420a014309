"""Python that makes or calls a layer, as the lines of a spec: `nn.Conv2d(3, 64, 7)` is `conv 64 kernel=7`.

What a call means depends on its library: PyTorch states the input channels, Keras and Flax do not. The spelling tells
which it is, such as the prefix and `2d` or `2D`; if it does not, every reading that the layer accepts is given. Code is
read, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from archcalc.diagnostics import Source, SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.base import Layer
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.source import Scalar
from archcalc.spelling import keras, pytorch
from archcalc.spelling.bound import Bound, Writer, activation, padding
from archcalc.spelling.names import meaning, plain
from archcalc.spelling.signatures import (
    DEFAULTS,
    FLAX,
    FLAX_KEYS,
    INFERRED,
    KERAS,
    LEFT_OUT,
    NNX,
    REDUCING,
    TORCH,
    TORCH_FUNCTIONS,
)
from archcalc.spelling.values import UnwritableError, axis, dotted, expression, is_none, target, word

_KERAS_ROOTS = ("tf", "keras", "layers", "tfkl", "kl", "hk", "haiku")
_JAX = ("nn", "jax", "jnp", "nnx", "flax", "linen")
_FUNCTION_ROOTS = ("F", "functional", "torch", "np")
# Flax layers have no number of axes in their names; PyTorch lacks these names.
_FLAX_ONLY = (
    "Conv",
    "ConvTranspose",
    "Dense",
    "DenseGeneral",
    "Embed",
    "SelfAttention",
    "MultiHeadDotProductAttention",
)
_DATA = re.compile(
    r"(x|y|z|h|out|output|outputs|inp|inputs?|img|image|feat|features?|hidden|res|identity|src|tgt)\d*\Z"
)
# Keys whose number means something else in PyTorch, which counts the batch axis.
_COUNTED = ("axis", "start")
# Calls that change where a tensor is stored, not what it holds.
_WITHOUT_EFFECT = ("contiguous", "clone", "to", "float", "half", "cuda", "cpu", "type", "double", "bfloat16")
# Methods of a list of layers or of a Keras model, which take the next layer.
_COLLECTING = ("add", "append", "add_module")
_TENSOR = "a tensor that has a name is read with from=NAME, or as `identity from=NAME`"
_LINE = "write each layer as `conv 64 kernel=3`: its name, then key=value"


class Written:
    """What to write instead of a call: the lines of each reading, or a sentence if there is none."""

    __slots__ = ("readings", "sentence")

    def __init__(self, readings: list[str], sentence: str | None = None) -> None:
        self.readings = readings
        self.sentence = sentence


def from_python(text: str) -> Written:
    """The spec's equivalent of a line of Python."""
    node = expression(text)
    if node is None:
        known = meaning(text.partition("(")[0])
        here = f"it is `{known.layer}` here; {_LINE}" if known and known.layer else known.sentence if known else _LINE
        return Written([], here)
    if text.lstrip().startswith("return ") and not isinstance(node, ast.Call):
        return Written([], "the output is the last layer, or what `output:` names beside `layers:`")
    try:
        found = _readings(node)
    except UnwritableError as error:
        return Written([], str(error))
    if not any(found):
        return Written([], "it changes how a tensor is kept, not what it holds: leave it out")
    return Written(list(dict.fromkeys(_joined(lines, target(text)) for lines in found)))


def _joined(lines: list[str], name: str | None) -> str:
    """Layers as one entry of a list."""
    if name and lines and not re.search(r"[\[{: ](name|repeat)[=:]", lines[-1]) and ":" not in lines[-1]:
        lines = [*lines[:-1], f"{lines[-1]} name={name}"]
    return lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"


def _readings(node: ast.expr) -> list[list[str]]:
    """The lines of every reading of an expression. Raises `UnwritableError` if there is none."""
    if isinstance(node, ast.BinOp):
        raise UnwritableError(_OPERATORS.get(type(node.op), "write it in layers"))
    if isinstance(node, ast.Subscript):
        raise UnwritableError(
            "`slice 0 end=5` takes a part of an axis, `select 0` one position; neither counts the batch"
        )
    if isinstance(node, (ast.Tuple, ast.List)):
        raise UnwritableError("write one layer for each, or name them all in `output:`")
    if not isinstance(node, ast.Call):
        raise UnwritableError(_TENSOR if dotted(node) else _LINE)
    if isinstance(node.func, ast.Call):  # Dense(10)(x)
        return _after(node.args[:1], _readings(node.func))
    if isinstance(node.func, ast.Attribute) and node.func.attr in _COLLECTING and node.args:
        made = node.args[-1]
        if isinstance(made, ast.Call) and dotted(made.func).split(".")[-1][:1].isupper():
            return _readings(made)
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        return _method(node, node.func)
    return _called(node, dotted(node.func))


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "it is `add: [a, b]` with the names of layers, or `residual: [...]` around what is added to its input",
    ast.Sub: "it is `sub: [a, b]` with the names of layers",
    ast.Mult: "it is `mul: [a, b]` with the names of layers, or `scale 0.5` for a number",
    ast.Div: "it is `scale 1/8` for a number",
    ast.MatMult: "it is `matmul: [a, b]` with the names of layers",
}


def _is_module(node: ast.expr) -> bool:
    """Whether an expression names a library or a part of one, and not a tensor."""
    root = dotted(node).split(".")[0]
    return bool(root) and root != "self" and not _DATA.match(root)


def _after(data: list[ast.expr], readings: list[list[str]]) -> list[list[str]]:
    """Readings of what acts on `data`, preceded by the layers that made the data."""
    if not data or not isinstance(data[0], ast.Call):
        return readings
    return [[*before, *after] for before in _readings(data[0]) for after in readings]


def _method(node: ast.Call, func: ast.Attribute) -> list[list[str]]:
    """A method of a tensor, or of the module: `x.view(-1, 784)`, `self.conv1(x)`."""
    if dotted(func.value).split(".")[0] == "self":
        raise UnwritableError(f"`self.{func.attr}` is made elsewhere in the Python: write that layer here")
    if func.attr in _WITHOUT_EFFECT:
        lines: list[list[str]] = [[]]
    else:
        lines = _function(func.attr, node.args, node.keywords)
    before = _readings(func.value) if isinstance(func.value, ast.Call) else [[]]
    return [[*first, *rest] for first in before for rest in lines]


def _called(node: ast.Call, name: str) -> list[list[str]]:
    """A class that is instantiated, or a function of a library."""
    root, last = name.split(".")[0], name.split(".")[-1]
    if root in _JAX and "functional" not in name and last[:1].islower():  # nn.max_pool(x, (2, 2)) of Flax
        return _after(node.args[:1], [_lines(last, FLAX, node.args[1:], node.keywords, "flax")])
    if root in _KERAS_ROOTS and last[:1].islower():  # tf.nn.leaky_relu(x)
        return _after(node.args[:1], [_lines(last, KERAS, node.args[1:], node.keywords, "tensorflow")])
    if last[:1].islower() and (root in _FUNCTION_ROOTS or "functional" in name or _data_first(node)):
        return _after(node.args[:1], _function(last, node.args[1:], node.keywords))
    tables = list(_libraries(name, {keyword.arg for keyword in node.keywords}))
    found: list[list[str]] = []
    wrong: UnwritableError | None = None
    for table, library in tables:
        try:
            lines = _lines(last, table, node.args, node.keywords, library)
            if lines not in found:
                found.append(lines)
        except UnwritableError as error:
            wrong = wrong or error
    if not found:
        raise wrong or UnwritableError("`archcalc layers` lists what there is")
    return found


def _data_first(node: ast.Call) -> bool:
    first = node.args[0] if node.args else None
    return isinstance(first, ast.Call) or (isinstance(first, ast.Name) and bool(_DATA.match(first.id)))


def _libraries(name: str, keys: Collection[str | None]) -> Iterator[tuple[Mapping[str, str], str]]:
    """The libraries that a class may be of, by how it and the names of its arguments are written."""
    root, last = name.split(".")[0], name.split(".")[-1]
    if root == "paddle":  # it spells layers as Keras does, but orders arguments as PyTorch does
        yield TORCH, "torch"
    elif root == "nn" and re.search(r"[123]D\Z", last):
        yield from ((KERAS, "keras"), (TORCH, "torch"))
    elif root in _KERAS_ROOTS or re.search(r"[123]D(?=\Z|[A-Z])", last) or last.endswith("Normalization"):
        yield KERAS, "keras"
    elif root == "nnx":
        yield NNX, "flax"
    elif root in ("flax", "linen") or (root == "nn" and (last in _FLAX_ONLY or not FLAX_KEYS.isdisjoint(keys))):
        yield FLAX, "flax"
    elif root in ("nn", "torch", "eqx") or re.search(r"[123]d\Z", last):
        yield TORCH, "torch"
    elif last[:1].isupper():
        yield from ((KERAS, "keras"), (TORCH, "torch"))
    else:
        yield from (({}, "ours"), (TORCH, "torch"))


def _function(name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> list[list[str]]:
    """A function of a tensor, or a method of one; `args` are those after the tensor."""
    known = meaning(name)
    table = TORCH_FUNCTIONS if known and known.layer in TORCH_FUNCTIONS else TORCH
    return [_lines(name, table, args, keywords, "function")]


def _lines(
    name: str, table: Mapping[str, str], args: list[ast.expr], keywords: list[ast.keyword], library: str
) -> list[str]:
    """The layers that a call makes, in one library's reading. Raises `UnwritableError`."""
    spelt = (name.split(".")[-1].lower().replace("_", ""), plain(name))
    known = meaning(name)
    if library in ("flax", "tensorflow") and name[:1].islower() and known and known.layer in REDUCING:
        raise UnwritableError(f"it is `{known.layer} 0` here, with axes counted without the batch and channels first")
    special = _special(spelt, library)
    if special is not None:
        signature, write = special
        bound = _bind(name, signature, args, keywords)
        read = {one.partition("=")[2] or one for one in signature.split()}
        unread = [one for one, node in bound.items() if one not in read and one not in LEFT_OUT and not _is_off(node)]
        if unread and signature != "*":
            raise UnwritableError(f"what `{unread[0]}=` does is written in layers of its own")
        return write(bound, _inner)
    if known is None or known.layer is None:
        raise UnwritableError(known.sentence if known else f"`{name}` is not a layer; `archcalc layers` lists them")
    layer = REGISTRY[known.layer]
    if any(isinstance(argument, (Body, Operands)) for argument in layer.arguments.values()):
        raise UnwritableError(f"it is `{layer.op}: [a, b]`, with the names of layers or lists of layers")
    if library == "ours":
        signature = " ".join(name for name in layer.arguments if name not in ("eps", "momentum", "affine"))
        if layer.first is None and next(iter(layer.arguments), "") not in _COUNTED:
            raise UnwritableError(f"`{layer.op}` takes no value without its key")
    else:
        signature = table.get(plain(name).removeprefix("lazy"), table.get(layer.op, "-"))
    if signature == "-":
        raise UnwritableError(f"it is `{layer.op}` here; `archcalc layer {layer.op}` lists its keys")
    coming_in, _, rest = signature.partition(" ")
    if coming_in in INFERRED and library != "function":
        try:
            return _checked(layer, _line(layer, _bind(name, signature, args, keywords), library, known.keys))
        except UnwritableError as error:  # the input size may have been omitted, as here and in lazy modules
            try:
                return _checked(layer, _line(layer, _bind(name, rest, args, keywords), library, known.keys))
            except UnwritableError as lazily:
                raise (lazily if len(args) == 1 else error) from None
    return _checked(layer, _line(layer, _bind(name, signature, args, keywords), library, known.keys))


def _special(words: Iterable[str], library: str) -> tuple[str, Writer] | None:
    """The signature and the writer of a call that is more than one line, under one of its names."""
    for one in words:
        if library == "keras" and one in keras.SPECIAL:
            return keras.SPECIAL[one]
        for key in (("function" if library == "tensorflow" else library, one), ("", one)):
            if key in pytorch.SPECIAL:
                return pytorch.SPECIAL[key]
    return None


def _inner(node: ast.expr) -> list[str]:
    """The layers of an argument that is a layer itself."""
    readings = _readings(node)
    if len(readings) > 1:
        raise UnwritableError("write the layers one by one")
    return readings[0]


def _is_off(node: ast.expr) -> bool:
    """Whether a flag is not set."""
    return isinstance(node, ast.Constant) and not node.value


def _bind(name: str, signature: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Bound:
    """The arguments by the library's names; each `name=key` of a signature stands for the key."""
    pairs = [one.partition("=")[::2] for one in signature.split()]
    variadic = signature.startswith("*")
    if any(isinstance(arg, ast.Starred) for arg in args) or any(keyword.arg is None for keyword in keywords):
        raise UnwritableError("a `*` does not show what it unpacks: write the layers themselves")
    if len(args) > len(pairs) and not variadic:
        most = len(pairs)
        raise UnwritableError(
            f"`{name}` takes at most {most} argument{'s' if most != 1 else ''} without a name, not {len(args)}"
        )
    keys = {theirs: ours or theirs for theirs, ours in pairs}
    bound = Bound(args if variadic else [])
    if not variadic:
        bound.update({keys[theirs]: arg for (theirs, _), arg in zip(pairs, args)})
    for keyword in keywords:
        assert keyword.arg is not None
        if keys.get(keyword.arg, keyword.arg) in bound:
            raise UnwritableError(f"`{keyword.arg}` is given twice")
        bound[keys.get(keyword.arg, keyword.arg)] = keyword.value
    return bound


def _line(layer: type[Layer], bound: Bound, library: str, keys: str = "") -> list[str]:
    """A layer as a line, and its activation as another; `keys` are those implied by its name."""
    values: dict[str, str] = {}
    after: list[str] = []
    for name, node in bound.items():
        key = _key(layer, name)
        if name == "activation" and key is None:
            after += activation(node, library)
        elif name == "inplace" and isinstance(node, ast.Constant) and isinstance(node.value, float):
            raise UnwritableError("`inplace` must be true or false")
        elif name == "-" or is_none(node) or (key is None and name in LEFT_OUT):
            continue
        elif key is None and name in layer.refused:
            if word(node) not in ("false", "0"):  # else it is not asked for
                raise UnwritableError(f"`{name}`: {layer.refused[name]}")
        elif name == "name" and isinstance(node, ast.Constant):
            values["name"] = str(node.value)
        elif key is None:
            raise UnwritableError(f"`{layer.op}` has no key for `{name}`; `archcalc layer {layer.op}` lists its keys")
        elif key == "padding":
            values.update(padding(layer, node, bound, library))
        elif key in ("axis", "axes") and library != "ours":
            axes = [axis(one) for one in (node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node])]
            values[key] = "x".join(map(str, axes))
        elif key == "mode" and word(node) == "constant":
            continue
        elif key == "approximate" and word(node) in ("true", "false"):
            values[key] = "tanh" if word(node) == "true" else "none"
        else:
            values[key] = word(node)
    for key, value in DEFAULTS.get(library, {}).get(layer.op, {}).items():
        values.setdefault(key, value)
    if (
        values.get("affine") == "false"
        and library in ("keras", "flax")
        and values.get("bias") != "false"
        and "bias" in layer.arguments
    ):
        raise UnwritableError(
            f"without a scale a shift is left: `{layer.op} affine=false`, then `add: [prev, [parameter 64]]` with its sizes"
        )
    if library == "flax" and layer.op in ("conv", "convtranspose") and "padding" not in bound:
        values.update(padding(layer, None, bound, library))
    if library == "flax" and layer.op in ("maxpool", "avgpool"):
        values.setdefault("stride", "1")
    if library == "keras" and layer.op in ("maxpool", "avgpool", "upsample"):
        values.setdefault(layer.first or "", "2")
    for pair in keys.split():
        values.setdefault(*pair.split("="))
    first = layer.first
    words = [layer.op, *([values.pop(first)] if first in values else [])]
    line = " ".join((*words, *(f"{key}={value}" for key, value in values.items() if key != "name")))
    name = f" name={values['name']}" if "name" in values else ""
    return [f"{line}{name}"] if not after else [line, *after[:-1], f"{after[-1]}{name}"]


class _Anything:
    """Names of hparams that a call may use: whether they exist is checked where they stand."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _checked(layer: type[Layer], lines: list[str]) -> list[str]:
    """The lines, checked: the layer accepts the first one. Raises `UnwritableError`."""
    pairs = [one.partition("=") for one in lines[0].split(" ")[1:]]
    given = {key: value for key, equals, value in pairs if equals and key != "name"}
    given.update((layer.first or "", first) for first, equals, _ in pairs if not equals)
    for name, argument in layer.arguments.items():
        if name not in given:
            if argument.required:
                raise UnwritableError(f"`{layer.op}` needs `{name}`, {argument.doc}: `{lines[0]} {name}=...`")
        elif not isinstance(argument, Reference):
            text = given[name]
            try:
                argument.parse(Scalar(text, Source("", text), 1, 1, 1, len(text) + 1), _Anything())
            except SpecError as error:
                raise UnwritableError(error.diagnostics[0].message) from None
    return lines


def _key(layer: type[Layer], name: str) -> str | None:
    """The key of a layer for an argument's name elsewhere."""
    if name in layer.arguments:
        return name
    return next((key for key, argument in layer.arguments.items() if name in argument.aliases), None)
