"""What a line that is none was probably meant to be: an expression cut by a comma, a call in Python."""

from __future__ import annotations

import re

from archcalc.diagnostics import Findings
from archcalc.source import Node, Scalar

_CALL = r"([A-Za-z_][\w.]*)\("
_KEY = r"([A-Za-z_]\w*)="


def open_brackets(node: Node) -> int:
    """How many parentheses stay open in a value that a comma may have cut."""
    if not isinstance(node, Scalar) or node.quoted:
        return 0
    return node.text.count("(") - node.text.count(")")


def cut_line(entries: list[Scalar], findings: Findings) -> None:
    """Report the entries of a flow list that a comma inside parentheses has made of one line."""
    entry = entries[0]
    if re.match(_CALL, entry.text):
        not_a_layer(entry, entry.part(0, len(entry.text)), ", ".join(part.text for part in entries), findings)
        return
    start = next((m.start() for m in re.finditer(r"\S+", entry.text) if "(" in m.group()), 0)
    word = entry.part(start, len(entry.text))
    key = re.match(_KEY, word.text)
    if key:
        word = word.part(key.end(), len(word.text))
    findings.error(
        "SPC005",
        f"not a number or an expression: `{word.text}`",
        word,
        "inside [ ] a comma ends the layer: give this layer its own `- ` line, or compute the value under `hparams:`",
    )


def whole_pairs(pairs: list[tuple[Scalar, Node]], findings: Findings) -> list[tuple[Scalar, Node]]:
    """The pairs of a mapping without those that a comma has cut: `{channels: max(8, 16)}`."""
    whole = []
    depth = 0
    for index, (key, value) in enumerate(pairs):
        if depth:
            depth = max(0, depth + open_brackets(key))
            continue
        following = pairs[index + 1][1] if index + 1 < len(pairs) else None
        if open_brackets(value) > 0 and isinstance(following, Scalar) and not following.text and not following.quoted:
            depth = open_brackets(value)
            assert isinstance(value, Scalar)
            findings.error(
                "SPC005",
                f"not a number or an expression: `{value.text}`",
                value,
                "inside { } a comma ends the value: give each key its own line, without { }",
            )
            continue
        whole.append((key, value))
    return whole


def not_a_layer(line: Scalar, op: Scalar, text: str, findings: Findings) -> None:
    """Report a line whose first word `op` is no name; `text` is all of it."""
    call = re.match(_CALL, op.text)
    if call:
        from archcalc.language.pytorch import from_python

        findings.error(
            "SPC007", f"`{call.group(1)}(...)` is Python, not a layer", op.part(0, call.end() - 1), from_python(text)
        )
    else:
        findings.error("SPC010", f"a layer starts with its name, not `{op.text}`", op, "as `conv 64 kernel=3`")
