"""Dynamic sizes as dims of the spec: compares specs read at two sizes and expresses the numbers that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.network.load import build_graph

_NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])|(?<=\dx)(\d+)|(\d+)(?=x\d)")
_DIVISORS = (2, 4, 8, 16, 32)


class Size:
    """A dynamic size: its name in the spec, and the two values that the file was read with."""

    def __init__(self, name: str, small: int, large: int) -> None:
        self.name = name
        self.small = small
        self.large = large

    def written(self, few: int, many: int) -> str | None:
        """An expression of the size that gives both numbers; None if none is found."""
        name, small, large = self.name, self.small, self.large
        if (few, many) == (small, large):
            return name
        if many - few == large - small:
            return f"{name} {'+' if few > small else '-'} {abs(few - small)}"
        for divisor in (1, *_DIVISORS):
            part = name if divisor == 1 else f"{name} // {divisor}"
            one, other = small // divisor, large // divisor
            if one and other and few % one == 0 and many % other == 0 and few // one == many // other:
                times = few // one
                return part if times == 1 else f"{times} * ({part})" if divisor > 1 else f"{times} * {part}"
            if (few, many) == (one * one, other * other):
                return f"{name} * {name}" if divisor == 1 else f"({part}) * ({part})"
        return None


def joined(first: str, variants: Sequence[tuple[Size, str]]) -> str | None:
    """Merges the spec with all sizes small and one spec per large size, without `dims:`.

    None if they differ in anything that does not follow from a single size.
    """
    columns = [text.splitlines() for text in (first, *(text for _, text in variants))]
    if len({len(lines) for lines in columns}) > 1:
        return None
    found = []
    for line, *others in zip(*columns):
        made = line if line.startswith("#") else _line(line, others, [size for size, _ in variants])
        if made is None:
            return None
        found.append(made)
    return "\n".join(found) + "\n"


def _line(line: str, others: Sequence[str], sizes: Sequence[Size]) -> str | None:
    parts = list(_parts(line))
    rest = [list(_parts(other)) for other in others]
    if any(len(other) != len(parts) for other in rest):
        return None
    made = ""
    for index, one in enumerate(parts):
        changed = [(size, other[index]) for size, other in zip(sizes, rest) if other[index] != one]
        if not changed:
            made += one
            continue
        size, two = changed[0]
        text = size.written(int(one), int(two)) if one.isdigit() and two.isdigit() and len(changed) == 1 else None
        if text is None:
            return None
        after = parts[index + 1] if index + 1 < len(parts) else ""
        within = made.endswith("x") or after.startswith("x")
        listed = line.lstrip().startswith("input:")
        made += text if listed or (text == size.name and not within) else f"({text})"
    return made


def _parts(line: str) -> Iterator[str]:
    """The numbers in a text, and the strings between them."""
    at = 0
    for match in _NUMBER.finditer(line):
        if match.start() > at:
            yield line[at : match.start()]
        yield match.group()
        at = match.end()
    if at < len(line):
        yield line[at:]


def with_dims(text: str, sizes: Sequence[Size], large: Size | None = None) -> str:
    """The text with `dims:`, all of them small except `large`."""
    entries = ", ".join(f"{one.name}: {one.large if one is large else one.small}" for one in sizes)
    return text.replace("\ninput:", f"\ndims: {{{entries}}}\ninput:", 1)


def agree(text: str, other: str) -> bool:
    """Whether two specs have the same counts and output sizes."""
    try:
        one, two = (Costs(build_graph(Source("spec", each))) for each in (text, other))
    except (SpecError, RecursionError):
        return False
    shapes = [[output.shape for output in costs.graph.outputs.values()] for costs in (one, two)]
    return (one.totals.params, one.totals.macs, shapes[0]) == (two.totals.params, two.totals.macs, shapes[1])
