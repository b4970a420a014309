"""Writes the text of a spec as a person would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

from archcalc.quoting import visible

# An entry of a list of layers: a line, a list of lines, or a mapping, e.g. {"residual": [...]}; its key `#` is a comment.
Item = Union[str, int, Sequence["Item"], Mapping[str, "Item"]]
# Maximum length of a bracketed line, for readability.
_WIDE = 100
# What a bracketed line cannot contain.
_SEPARATORS = (",", "[", "]", "{", "}", ": ", " #")


class Spec:
    """The parts of a spec; `text` joins them.

    Attributes:
        comments: lines at the top.
        hparams, dims: names and numbers; inputs: the sizes of the input, or of several by name.
        blocks: bodies by signature; layers: the layers; output, loss: as in a spec.
    """

    def __init__(self, model: str, *comments: str) -> None:
        self.model = model
        self.comments = list(comments)
        self.hparams: dict[str, int] = {}
        self.dims: dict[str, int] = {}
        self.inputs: list[str | int] | dict[str, list[str | int]] = []
        self.blocks: dict[str, Sequence[Item]] = {}
        self.layers: list[Item] = []
        self.output: str | list[str] | None = None
        self.loss: str | None = None

    def text(self) -> str:
        """The text of the file."""
        lines = [f"# {visible(' '.join(comment.split()))[:400]}" for comment in self.comments]
        lines.append(f"model: {self.model}")
        if self.hparams:
            lines += _wrapped("hparams", self.hparams)
        if self.dims:
            lines += _wrapped("dims", self.dims)
        lines.append(f"input: {_flow(self.inputs)}")
        if self.blocks:
            lines += ["", "blocks:"]
            for signature, body in self.blocks.items():
                lines += [f"  {signature}:", *_block(body, 4)]
        lines += ["", "layers:", *_block(self.layers, 2)]
        if self.output is not None:
            lines.append(f"output: {_flow(self.output)}")
        if self.loss is not None:
            lines.append(f"loss: {self.loss}")
        return "\n".join(lines) + "\n"


def _wrapped(key: str, values: Mapping[str, int]) -> list[str]:
    """`key: {a: 1, b: 2}` on one line, or one entry per line if it is long."""
    line = f"{key}: {_flow(values)}"
    if len(line) <= 120:
        return [line]
    return [f"{key}:", *(f"  {name}: {_flow(value)}" for name, value in values.items())]


def _flow(item: object) -> str:
    """An item in brackets, quoted if necessary."""
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in item.items()) + "}"
    if isinstance(item, Sequence) and not isinstance(item, str):
        return "[" + ", ".join(_flow(one)[1:-1] if _is_join(one) else _flow(one) for one in item) + "]"
    return str(item)


def _fits(item: Item, room: int) -> bool:
    """Whether an item fits in brackets on one line of `room` characters."""
    return _is_flat(item) and len(_flow(item)) <= room


def _is_flat(item: Item) -> bool:
    if isinstance(item, str):
        return not any(mark in item for mark in _SEPARATORS)
    if isinstance(item, Mapping):
        return "#" not in item and len(item) == 1 and all(map(_is_flat, item.values()))
    return isinstance(item, int) or all(map(_is_flat, item))


def _block(items: Sequence[Item], indent: int) -> list[str]:
    """Items as entries of a list, each on its own lines."""
    lines: list[str] = []
    for item in items:
        lines += _entry(item, indent)
    return lines


def _entry(item: Item, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(item, (str, int)):
        return [f"{pad}- {item}"]
    if isinstance(item, Mapping):
        return _mapping(item, indent)
    if len(item) == 1:
        return _entry(item[0], indent)
    if _is_chain(item) and _fits(item, _WIDE - indent):
        return [f"{pad}- {_flow(item)}"]
    return _block(_rows(item, _WIDE - indent), indent)


def _rows(items: Sequence[Item], room: int) -> list[Item]:
    """Splits a chain into shorter ones that fit in `room` characters; items other than lines stay separate."""
    rows: list[Item] = []
    row: list[Item] = []
    for item in items:
        if _is_chain([*row, item]) and _fits([*row, item], room):
            row.append(item)
            continue
        rows += [row[0] if len(row) == 1 else row] if row else []
        row = []
        if _is_chain([item]) and _fits([item], room):
            row = [item]
        else:
            rows.append(item)
    return rows + ([row[0] if len(row) == 1 else row] if row else [])


def _mapping(item: Mapping[str, Item], indent: int) -> list[str]:
    """`- residual: [...]`, with the list below it if it is long."""
    pad = " " * indent
    lines: list[str] = []
    comment = f"  # {item['#']}" if "#" in item else ""
    for key, value in item.items():
        if key == "#":
            continue
        head = f"{pad}{'  ' if lines else '- '}{key}:"
        first = not lines
        if isinstance(value, (str, int)) or (_is_plain(value) and _fits(value, _WIDE - len(head))):
            lines.append(f"{head} {_flow(value)}")
        elif isinstance(value, Mapping):
            lines += _long_mapping(head, value, indent + 4)
        else:
            lines += [head, *_operands(value, indent + (2 if first else 4), key)]
        if first:
            lines[0] += comment
    return lines


def is_short(items: Sequence[Item]) -> bool:
    """Whether items fit on one unindented line of a spec."""
    return _is_chain(items) and _fits(items, _WIDE - 4)


def _is_chain(items: Sequence[Item]) -> bool:
    """Whether they are only lines, and joins of named layers."""
    return all(isinstance(one, str) or _is_join(one) for one in items)


def _is_plain(value: Item) -> bool:
    """Whether a value is readable in brackets: lines, joins, and chains of them as operands."""
    if isinstance(value, (str, int, Mapping)):
        return True
    return all(_is_chain([one]) or (not isinstance(one, (str, int, Mapping)) and _is_chain(one)) for one in value)


def _is_join(item: Item) -> bool:
    """Whether it is one key with names, as {"concat": ["prev", "low"]}."""
    if not isinstance(item, Mapping) or len(item) != 1:
        return False
    (value,) = item.values()
    return isinstance(value, list) and all(isinstance(one, str) and " " not in one for one in value)


def _long_mapping(head: str, item: Mapping[str, Item], indent: int) -> list[str]:
    """`residual:` with `layers:` and `shortcut:` below it, or after it in braces if that fits."""
    if len(head) + len(_flow(item)) <= _WIDE:
        return [f"{head} {_flow(item)}"]
    lines = [head]
    for key, value in item.items():
        inner = f"{' ' * indent}{key}:"
        if isinstance(value, (str, int, Mapping)) or (_is_chain(value) and _fits(value, _WIDE - len(inner))):
            lines.append(f"{inner} {_flow(value)}")
        else:
            lines += [inner, *_operands(value, indent + 2, key)]
    return lines


def _operands(items: Sequence[Item], indent: int, key: str) -> list[str]:
    """The value below a key: a list of layers, or of operands, each list of which is an entry."""
    if key in ("layers", "shortcut", "residual"):
        return _block(items, indent)
    lines: list[str] = []
    for item in items:
        if (
            isinstance(item, Sequence)
            and not isinstance(item, str)
            and not (_is_chain(item) and _fits(item, _WIDE - indent))
        ):
            inner = _block(item, indent + 2)
            lines += [f"{' ' * indent}- {inner[0].lstrip()}", *inner[1:]]
        elif isinstance(item, Sequence) and not isinstance(item, str):
            lines.append(f"{' ' * indent}- {_flow(item)}")
        else:
            lines += _entry(item, indent)
    return lines
