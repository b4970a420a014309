"""The signature of a block: `basic(width, stride=1)`, `half(c) -> low`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archcalc.diagnostics import Findings, fail
from archcalc.language.expressions import RESERVED, is_identifier
from archcalc.language.reserved import reserved
from archcalc.source import Scalar

Parameter = tuple[Scalar, "Scalar | None"]

_SIGNATURE = r"\s*([^\s(]+)\s*(?:\((.*)\)\s*)?\Z"
_ARROW = "->"


def parse_signature(key: Scalar, findings: Findings) -> tuple[Scalar, list[Parameter], list[Scalar]]:
    """The name, parameters with defaults, and additional outputs; invalid names go to `findings`.

    Raises `SpecError` if the form is invalid.
    """
    head, arrow, _ = key.text.partition(_ARROW)
    match = re.match(_SIGNATURE, head, re.DOTALL)
    if not match:
        raise fail("SPC010", f"not a block's signature: `{key.text}`", key, "e.g. `name(width, stride=1)`")
    name = key.part(match.start(1), match.end(1))
    check_name(name, findings)
    parameters: list[Parameter] = []
    for start, end in _commas(match.group(2) or ""):
        parameter, default = _parameter(key.part(match.start(2) + start, match.start(2) + end), findings)
        if any(other.text == parameter.text for other, _ in parameters):
            raise fail("SPC011", f"`{parameter.text}` is already an argument", parameter, "choose another name")
        if default is None and any(given is not None for _, given in parameters):
            raise fail(
                "SPC010", f"`{parameter.text}` comes after an argument with a default", parameter, "put it first"
            )
        parameters.append((parameter, default))
    outputs = _outputs(key, len(head) + len(arrow), findings) if arrow else []
    return name, parameters, outputs


def _outputs(key: Scalar, start: int, findings: Findings) -> list[Scalar]:
    """The names after the arrow. Raises `SpecError` if one is missing."""
    outputs: list[Scalar] = []
    for begin, end in _commas(key.text[start:]):
        if begin >= end:
            break
        output = key.part(start + begin, start + end)
        check_name(output, findings, taken=("input",))
        if any(other.text == output.text for other in outputs):
            findings.error("SPC011", f"`{output.text}` is already an output", output, "delete one of them")
        else:
            outputs.append(output)
    else:
        if outputs:
            return outputs
    message, what = (
        ("a name is missing beside a comma", "comma") if outputs else ("a name is missing after `->`", "arrow")
    )
    raise fail("SPC010", message, key, f"e.g. `half(c) -> low`, or delete the {what}")


def _commas(text: str) -> Iterator[tuple[int, int]]:
    """Splits at commas outside parentheses and strips spaces."""
    if not text.strip():
        return
    depth, start = 0, 0
    for index, character in enumerate(text + ","):
        depth += (character == "(") - (character == ")")
        if character == "," and (depth <= 0 or index == len(text)):
            part = text[start:index]
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())
            start = index + 1


def _parameter(word: Scalar, findings: Findings) -> Parameter:
    head, equals, tail = word.text.partition("=")
    parameter = word.part(0, len(head.rstrip()))
    check_name(parameter, findings, taken=("input",))
    if not equals:
        return parameter, None
    if not tail.strip():
        raise fail("SPC010", f"`{parameter.text}=` has no value", word, "write a default, or drop the `=`")
    return parameter, word.part(len(word.text) - len(tail.lstrip()), len(word.text))


def check_name(key: Scalar, findings: Findings, taken: tuple[str, ...] = ()) -> None:
    """Report an invalid name."""
    name = key.text
    if name in RESERVED or name in taken:
        findings.error("SPC011", f"`{name}` has a meaning of its own", key, "choose another name")
    elif not is_identifier(name):
        help = "a name is letters a to z, digits and _, not a digit first"
        findings.error("SPC010", f"`{name}` is not a name", key, help)
    elif reason := reserved(name):
        findings.error("SPC011", reason, key, f"choose another name, e.g. `{name.strip('_')}_1`")
