"""Merges specs of one family into one spec with variants: numbers that differ become hparams.

The first spec gives the defaults. Texts that differ in more than numbers are not variants.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from archcalc.diagnostics import RequestError

# A number, or numbers joined by `x`, not inside a word.
_NUMBER = re.compile(r"(?<![\w.@-])-?\d+(?:\.\d+)?(?:e-?\d+)?(?:x\d+)*(?![\w.])")
_KEY = re.compile(r"([A-Za-z_]\w*)\s*[=:]\s*\(?$")
_WORD = re.compile(r"[A-Za-z_]\w*")
_BASES = {"repeat": "copies", "cbs": "width", "conv": "width", "linear": "width"}
# Names that a new hparam must not take.
_TAKEN = ("input", "prev", "cin", "model", "output", "loss", "run")
_FORBIDDEN = ("params", "macs", "output", "depth", "run")


class _Numbers:
    """The hparams so far: values by name, one per text."""

    def __init__(self, words: set[str], own: dict[str, list[str]]) -> None:
        self.words = words
        self.own = own
        self.values: dict[str, list[str]] = {}

    def told(self, base: str, values: list[str]) -> str:
        """An expression for these values: a multiple or fraction of an existing hparam, or a new name."""
        for name, others in (*self.own.items(), *self.values.items()):
            ratio = _ratio(values, others)
            if ratio is not None:
                return ratio.replace("x", name)
        return self.named(base, values)

    def named(self, base: str, values: list[str]) -> str:
        """A name for these values, reused for the same values of the same kind."""
        count = 1
        while True:
            name = base if count == 1 else f"{base}{count}"
            if self.values.get(name) == values:
                return name
            if name not in self.values and name not in self.words and name not in _TAKEN:
                self.values[name] = values
                return name
            count += 1


def _ratio(values: list[str], others: list[str]) -> str | None:
    """`4*x`, `x//2` or `x` if the values are a multiple or fraction of others that differ."""
    if len(set(others)) < 2 or not all(re.fullmatch(r"[1-9]\d*", value) for value in (*values, *others)):
        return None
    pairs = [(int(value), int(other)) for value, other in zip(values, others)]
    first, second = pairs[0]
    if first % second == 0 and all(value == first // second * other for value, other in pairs):
        return "x" if first == second else f"{first // second}*x"
    if second % first == 0 and all(other == second // first * value for value, other in pairs):
        return f"x//{second // first}"
    return None


def joined(texts: Sequence[tuple[str, str]]) -> str:
    """The merged text; each entry is a name and a text, the first without its own name.

    Raises `RequestError` for texts that differ in more than numbers.
    """
    names = [name for name, _ in texts]
    for name in names[1:]:
        if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name) or name in _FORBIDDEN or names.count(name) > 1:
            raise RequestError(f"a variant cannot be called {name!r}: give the files, or their folders, other names")
    lines = [[line for line in text.splitlines() if not line.startswith("#")] for _, text in texts]
    head = [line for line in texts[0][1].splitlines() if line.startswith("#")]
    own: dict[str, list[str]] = {}
    numbers = _Numbers({word for one in lines for line in one for word in _WORD.findall(line)}, own)
    made: list[str] = []
    at = _hparams(lines[0])
    for index, line in enumerate(lines[0]):
        row = [one[index] if index < len(one) else "" for one in lines]
        if index in at or line.startswith("model:"):
            found = [_pairs(one) for one in row] if index in at else [{} for _ in row]
            if any(list(one) != list(found[0]) for one in found):
                raise _differ(names, row)
            own |= {key: [one[key] for one in found] for key in found[0]}
            made.append("" if index in at else line)
        elif line.startswith("dims:"):
            made.append(_smallest(names, row))
        else:
            made.append(_merged(names, row, numbers))
    if any(len(one) != len(lines[0]) for one in lines):
        longest = max(lines, key=len)
        raise _differ(
            names, [one[len(lines[0])] if len(one) > len(lines[0]) else "nothing" for one in (lines[0], longest)]
        )
    own |= numbers.values
    variants = {
        name: {key: values[index] for key, values in own.items() if values[index] != values[0]}
        for index, name in enumerate(names)
    }
    block = [f"hparams: {{{', '.join(f'{key}: {values[0]}' for key, values in own.items())}}}"] if own else []
    if block and len(block[0]) > 120:
        block = ["hparams:", *(f"  {key}: {values[0]}" for key, values in own.items())]
    block.append("variants:")
    block += [
        f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in variants[name].items())}}}" for name in names[1:]
    ]
    body = [line for index, line in enumerate(made) if index not in at]
    start = next(index for index, line in enumerate(body) if line.startswith("model:")) + 1
    return "\n".join([*head, *body[:start], *block, *body[start:]]) + "\n"


def _hparams(lines: list[str]) -> set[int]:
    """The lines of `hparams:`."""
    start = next((index for index, line in enumerate(lines) if line.startswith("hparams:")), None)
    if start is None:
        return set()
    end = start + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    return set(range(start, end))


def _pairs(line: str) -> dict[str, str]:
    """The names and values in a line of `hparams:`."""
    return dict(re.findall(r"(\w+): ([\w.-]+)", line.removeprefix("hparams:")))


def _smallest(names: list[str], row: list[str]) -> str:
    """Run-time sizes that fit all variants."""
    parts = [_NUMBER.split(line) for line in row]
    if any(part != parts[0] for part in parts):
        raise _differ(names, row)
    values = iter(min(column, key=float) for column in zip(*(_NUMBER.findall(line) for line in row)))
    return _NUMBER.sub(lambda _: next(values), row[0])


def _merged(names: list[str], row: list[str], numbers: _Numbers) -> str:
    """A line with names in place of the numbers that differ."""
    if all(line == row[0] for line in row):
        return row[0]
    parts = [_NUMBER.split(line) for line in row]
    if any(part != parts[0] for part in parts):
        raise _differ(names, row)
    columns = list(zip(*(_NUMBER.findall(line) for line in row)))
    text = parts[0][0]
    for column, after in zip(columns, parts[0][1:]):
        text += _written(text, column, numbers) if len(set(column)) > 1 else column[0]
        text += after
    return text


def _written(before: str, column: tuple[str, ...], numbers: _Numbers) -> str:
    """The replacement of numbers that differ: a name, or names joined by `x`."""
    match = _KEY.search(before)
    words = _WORD.findall(before)
    base = (
        _BASES.get(match.group(1), match.group(1))
        if match
        else _BASES.get(words[-1], f"{words[-1]}_size")
        if words
        else "size"
    )
    sizes = [value.split("x") for value in column]
    if len(sizes[0]) == 1:
        return numbers.told(base, list(column))
    found = []
    for axis in zip(*sizes):
        found.append(f"({numbers.told(base, list(axis))})" if len(set(axis)) > 1 else axis[0])
    return "x".join(found)


def _differ(names: list[str], row: list[str]) -> RequestError:
    other = next((index for index, line in enumerate(row) if line != row[0]), 1)
    first, second = (row[index].strip()[:60] or "nothing" for index in (0, min(other, len(row) - 1)))
    return RequestError(
        f"{names[0]} and {names[other] if other < len(names) else names[-1]} are not variants of one spec: they differ"
        f" in more than numbers, `{first}` and `{second}`; import each by itself"
    )
