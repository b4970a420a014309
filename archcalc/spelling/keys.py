"""Keys of other libraries on a layer: what each is called here, or what to do instead."""

from __future__ import annotations

import re

from archcalc.advice import instead, meant, written
from archcalc.diagnostics import Advice, Edit, Fix
from archcalc.language.edits import entry, without_key
from archcalc.language.items import COMMON, Item
from archcalc.layers.base import Layer
from archcalc.source import Node, Scalar
from archcalc.spelling.names import meaning
from archcalc.spelling.signatures import INFERRED, NEUTRAL

# Keys in the short notation of papers, as in `k=3 s=2`.
SHORT = {
    "k": "kernel",
    "s": "stride",
    "p": "padding",
    "pad": "padding",
    "d": "dilation",
    "g": "groups",
    "ks": "kernel",
    "h": "heads",
}
# Axes, which PyTorch counts including the batch.
COUNTED = ("dim", "dims", "start_dim", "end_dim")
_BATCHED = ("batch_first", "batch_size", "time_major")
_STATES = {
    "return_state": "from=NAME.h takes the final state",
    "go_backwards": "bidirectional=true runs both ways",
}


def advice_on(layer: type[Layer], item: Item, key: Scalar, value: Node) -> str | Advice | None:
    """What to do about a key that a layer does not have."""
    name = key.text
    if name in SHORT and SHORT[name] in layer.arguments:
        return Advice(f"did you mean `{SHORT[name]}`?", written(key, SHORT[name]))
    if name == "activation":
        return _activation(item.op, key, value)
    if name == "return_sequences":
        if isinstance(value, Scalar) and value.text.lower() == "true":
            return _left_out("the output holds all steps: leave it out", key, value)
        return "the output holds all steps; from=NAME.last takes the last one"
    if name in _STATES:
        return _STATES[name]
    if name in layer.refused:
        return _left_out(layer.refused[name], key, value)
    if name in _BATCHED:
        return _left_out("the batch has no axis here: leave it out", key, value)
    if name in INFERRED:
        return _left_out("inputs are inferred: leave it out", key, value)
    if name in NEUTRAL:
        return _left_out("it changes no size and no cost: leave it out", key, value)
    keys = {alias: argument.name for argument in layer.arguments.values() for alias in argument.aliases}
    given = {other.text for other, _ in item.keys} | ({layer.first} if item.first or item.body else set())
    coming_in = [one for one in INFERRED if not (one.startswith(name) and len(one) > len(name) + 2)]
    known = [one for one in (*layer.arguments, *COMMON, *keys, *coming_in) if keys.get(one, one) not in given]
    near = meant(key, name, known, None, lambda word: keys.get(word, word))
    if isinstance(near, Advice) and near.fix and near.fix.edits[0].text in INFERRED:
        return _left_out("inputs are inferred: leave it out", key, value)
    return near or (f"its keys are {', '.join(layer.arguments)}" if layer.arguments else "it has no keys")


def renamed(argument: str, key: Scalar, value: Node) -> Advice:
    """A key by its name here; an axis is renumbered, because PyTorch counts the batch."""
    if key.text not in COUNTED or not isinstance(value, Scalar) or not re.fullmatch(r"\d+(x\d+)*", value.text):
        return instead(key, argument, safe=True)
    axes = [int(axis) for axis in value.text.split("x")]
    if 0 in axes:
        return instead(key, argument, safe=True)
    without = "x".join(str(axis - 1) for axis in axes)
    texts = f"{argument}={without}", f"{argument}={value.text}"
    fixes = (
        Fix(f"write `{texts[0]}`", (Edit(key, argument), Edit(value, without))),
        Fix(f"write `{texts[1]}`", (Edit(key, argument),)),
    )
    return Advice(
        f"write `{texts[0]}` if axes count the batch as in PyTorch, or `{texts[1]}`",
        choices=fixes,
    )


def _left_out(text: str, key: Scalar, value: Node) -> Advice:
    edit = without_key(key, value)
    return Advice(text, Fix("leave it out", (edit,)) if edit else None)


def _activation(op: Scalar, key: Scalar, value: Node) -> Advice:
    """An activation, which is a key in Keras, is a layer of its own here."""
    known = meaning(value.text) if isinstance(value, Scalar) else None
    layer = f"{known.layer} {known.keys}".rstrip() if known and known.layer else "relu"
    found = entry(op)
    line = found[0].items[found[1]] if found else None
    fix = None
    if known and known.layer and isinstance(line, Scalar) and not line.quoted and isinstance(value, Scalar):
        rest = line.text.replace(f" {key.text}={value.text}", "", 1)
        name = re.search(r" name=\S+", rest)
        after = layer + (name.group() if name else "")
        rest = rest.replace(name.group(), "", 1) if name else rest
        if " repeat=" not in rest and " tie=" not in rest and rest != line.text:
            fix = Fix(f"write `[{rest}, {after}]`", (Edit(line, f"[{rest}, {after}]"),))
    return Advice(f"write the activation as a layer after it, e.g. `{layer}`", fix)
