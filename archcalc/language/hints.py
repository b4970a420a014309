"""Hints for invalid lines: an expression split at a comma, or a line of Python."""

from __future__ import annotations

import re

from archcalc.advice import meant
from archcalc.diagnostics import Advice, Edit, Findings, Fix, Span
from archcalc.source import Mapping, Node, Scalar, Sequence

_PYTHON = r"[A-Za-z_][\w.]*\(|[A-Za-z_][\w.]*\s*=\s*[A-Za-z_][\w.]*\(|return\b|[a-z]\w*\s+[-+*/@]\s+\w|x\d?\s*\[|self\."
_KEY = r"([A-Za-z_]\w*)="
# What keyboards, word processors and papers put in place of a character.
_TYPED = {
    "×": "x",
    "÷": "/",
    **dict.fromkeys("·∙⋅", "*"),
    **dict.fromkeys("−–—", "-"),
    **dict.fromkeys("“”‘’«»\xa0\u2007\u202f", ""),
}
# Top-level keys as other programs name them, or as people do.
ELSEWHERE = {
    **dict.fromkeys(("inputs", "input_shape", "input_size", "input_dim", "in_shape", "shape"), "input"),
    **dict.fromkeys(("name", "title", "model_name"), "model"),
    **dict.fromkeys(("network", "net", "modules", "architecture", "sequential"), "layers"),
    **dict.fromkeys(("hyperparameters", "hyperparams", "hyper_parameters", "config"), "hparams"),
    "includes": "include",
    "outputs": "output",
}


def two_layers(op: Scalar, value: Node, other: Scalar) -> tuple[str, str]:
    """Message and help for an entry with two keys that could each be its layer; `value` is that of the first."""
    help = f"`{other.text}` belongs under `{op.text}:` (indent it), or a `- ` is missing before it"
    if other.text == "layers" and isinstance(value, Sequence) and all(_is_number(one) for one in value.items):
        told = ", ".join(one.text for one in value.items if isinstance(one, Scalar))
        help = f"a value for each copy stands in the repeat: `repeat: {{{op.text}: [{told}]}}`"
    elif isinstance(value, Sequence):  # it can have no keys
        help = f"take `{other.text}` out, or write it as a layer of its own, with a `- ` before it"
    return f"one layer per item: found both `{op.text}` and `{other.text}`", help


def _is_number(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text[:1].isdigit()


def in_one_line(op: Scalar) -> Advice | None:
    """A line with keys under it: `linear 4: {bias: false}` is `linear 4 bias=false`."""
    from archcalc.language.edits import entry  # for a message

    at = entry(op)
    whole = at[0].items[at[1]] if at else None
    if " " not in op.text or not isinstance(whole, Mapping):
        return None
    values: list[tuple[Scalar, Node]] = []
    for key, value in whole.pairs:
        if key.text == op.text:
            values[:0] = value.pairs if isinstance(value, Mapping) else []
        else:
            values.append((key, value))
    if not all(isinstance(value, Scalar) and value.text and " " not in value.text for _, value in values):
        return Advice(f"`{op.text}` is a line: its keys go into it, as key=value")
    text = " ".join((op.text, *(f"{key.text}={getattr(value, 'text', '')}" for key, value in values)))
    place = Span(op.source, whole.line, whole.column, whole.end_line, whole.end_column)
    return Advice(
        f"write `{text}`", Fix(f"write `{text}`", (Edit(place, text),)) if whole.line == whole.end_line else None
    )


def beside_a_loop(op: Scalar, stray: Scalar, known: list[str], findings: Findings) -> None:
    """Report a key that stands beside a loop and is none of its `known` ones."""
    otherwise = f"take it out, or write it as a layer of its own; {', '.join(known)} may stand there"
    message = f"`{stray.text}` is not a key next to `{op.text}:`"
    findings.error("SPC003", message, stray, meant(stray, stray.text, known, otherwise))


def open_brackets(node: Node) -> int:
    """The number of unclosed parentheses in a value that may have been split at a comma."""
    if not isinstance(node, Scalar) or node.quoted:
        return 0
    return node.text.count("(") - node.text.count(")")


def cut_line(entries: list[Scalar], findings: Findings) -> None:
    """Report a line that a comma inside parentheses split into several entries of a flow list."""
    entry = entries[0]
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
    """The pairs of a mapping without those split at a comma: `{channels: max(8, 16)}`."""
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


def is_python(line: str) -> bool:
    """Whether a line is a call, an assignment, a sum or a slice in Python, or returns something."""
    return re.match(_PYTHON, line) is not None


def joined(entries: list[Scalar]) -> Scalar:
    """The entries of a flow list rejoined into one line."""
    first, last = entries[0], entries[-1]
    text = first.source.line(first.line)[first.column - 1 : last.end_column - 1]
    if first.line != last.line:
        text = ", ".join(entry.text for entry in entries)
    return Scalar(text, first.source, first.line, first.column, last.end_line, last.end_column)


def is_row(entry: Sequence) -> bool:
    """Whether an entry is a row of an Ultralytics file: from, repeats, module, arguments."""
    if not entry.flow or len(entry.items) != 4:
        return False
    _, repeats, module, arguments = entry.items
    return (
        isinstance(repeats, Scalar)
        and repeats.text.isdigit()
        and isinstance(module, Scalar)
        and isinstance(arguments, Sequence)
        and not any(isinstance(argument, Mapping) for argument in arguments.items)
    )


def indented(help: str, pairs: list[tuple[Scalar, Node]]) -> str | Advice:
    """Keys that belong under the one before, with more indentation."""
    edits = []
    for key, value in pairs:
        indent = key.source.line(key.line)[: key.column - 1]
        if indent.strip() or value.line != key.line or value.end_line != key.line:
            return help
        edits.append(Edit(Span(key.source, key.line, 1, key.line, 1), "  "))
    return Advice(help, Fix(help, tuple(edits)))


def named_by_key(op: Scalar, value: Scalar, pairs: list[tuple[Scalar, Node]]) -> str | Advice:
    """`{type: conv, channels: 8}` as `{conv: {channels: 8}}`, if the name comes first."""
    name = value.text.split(".")[-1] or "conv"
    help = f"its name `{name}` is the key, and the other keys go inside it"
    if not pairs or value.line != op.line or (pairs[0][0].line, pairs[0][0].column) < (op.line, op.column):
        return help
    if pairs[0][0].line > op.line:
        under = indented(help, pairs)
        named = Edit(Span(op.source, op.line, op.column, value.line, value.end_column), f"{name}:")
        return Advice(help, Fix(help, (named, *under.fix.edits))) if isinstance(under, Advice) and under.fix else help
    last = pairs[-1][1]
    if last.end_line != op.line:
        return help
    opened = Edit(Span(op.source, op.line, op.column, op.line, pairs[0][0].column), f"{name}: {{")
    closed = Edit(Span(op.source, op.line, last.end_column, op.line, last.end_column), "}")
    return Advice(help, Fix(help, (opened, closed)))


def spaced(before: Node, key: Scalar) -> str | Advice:
    """A key after a line that a comma separated from it."""
    help = "separate the keys of a line by spaces, e.g. `conv 64 kernel=3`"
    if not isinstance(before, Scalar) or before.quoted or before.end_line != key.line:
        return help
    gap = Span(key.source, before.end_line, before.end_column, key.line, key.column)
    return Advice(help, Fix("write a space", (Edit(gap, " "),)))


def one_word(key: str) -> str:
    """What a common key takes."""
    if key == "from":
        return "one layer is read; `concat: [a, b]` joins several"
    return f"e.g. `{key}: {({'repeat': '3', 'frozen': 'true'}).get(key, 'encoder')}`"


def typed(text: str) -> str | None:
    """A value as a keyboard has it: `3x3` for `3×3` and for full-width digits, `10` for `“10”`; None if nothing changes."""
    plain = "".join(str(int(one)) if one.isdecimal() else _TYPED.get(one, one) for one in text)
    return plain if plain != text and plain and plain.isascii() else None
