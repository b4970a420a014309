"""What to write instead of a layer that the language does not have."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.advice import instead, meant, written
from archcalc.diagnostics import Advice, Edit, Fix
from archcalc.language.edits import with_values
from archcalc.language.hints import in_one_line
from archcalc.language.items import COMMON
from archcalc.layers import REGISTRY
from archcalc.source import Scalar
from archcalc.spelling.lines import in_one_word, line_of
from archcalc.spelling.names import Meaning, meaning


def advice_on_name(op: Scalar, blocks: Sequence[str]) -> str | Advice | None:
    """What a name that is not a layer stands for, or which layer it is a misspelling of."""
    found = meaning(op.text)
    if help := in_one_word(op) or in_one_line(op):
        return help
    if found is None:
        otherwise = "`archcalc layers` lists them; your own go under `blocks:`"
        return meant(op, op.text, [*REGISTRY, *blocks], otherwise)
    if found.layer and found.keys:
        return _with_keys(op, found.layer, found)
    if found.layer:
        return instead(op, found.layer)
    return _one_by_one(op, found.several) if found.several else found.sentence


def _with_keys(op: Scalar, layer: str, found: Meaning) -> str | Advice:
    """A layer whose name elsewhere implies one of its keys: `ReflectionPad2d 1` is `pad 1 mode=reflect`."""
    values: dict[str, str | None] = {}
    for pair in found.keys.split():
        key, _, values[key] = pair.partition("=")
    edits = with_values(op, None, values, r"[\w.]+")
    if edits is None:
        return found.sentence
    return Advice(found.sentence, Fix(found.sentence, (Edit(op, layer), *edits)))


def _one_by_one(op: Scalar, ops: Sequence[str]) -> str | Advice:
    """`conv_bn_relu 64 kernel=3` is `[conv 64 kernel=3, batchnorm, relu]`: the values go to the one that needs some."""
    line = line_of(op)
    if not isinstance(line, Scalar):
        return f"use its layers one by one: {', '.join(f'`{one}`' for one in ops)}"
    said: dict[str, str] = {}
    rest = []
    for word in line.text.split()[1:]:
        key, equals, value = word.partition("=")
        if equals and key in COMMON:
            said[key] = value
        else:
            rest.append(word)
    if "tie" in said or "frozen" in said:
        return f"use its layers one by one: {', '.join(f'`{one}`' for one in ops)}"
    needs = next(
        (one for one in ops if any(argument.required for argument in REGISTRY[one].arguments.values())), ops[0]
    )
    lines = [" ".join((one, *rest)) if one == needs else one for one in ops]
    for key, index in (("from", 0), ("name", -1)):
        if key in said:
            lines[index] += f" {key}={said[key]}"
    text = f"[{', '.join(lines)}]"
    if "repeat" in said:
        text = f"{{repeat: {said['repeat']}, layers: {text}}}"
    return Advice(f"write `{text}`", written(line, text))
