"""Labels of layers for narrow columns: kind and name are kept, arguments are cut first."""

from __future__ import annotations

import re

from archcalc.reports.blocks import columns_of


def fitted(label: str, name: str | None, copies: int, width: int) -> str:
    """`inception 64 …  (inception3a)`: the label with its number of copies and its name, in `width` columns if it can be.

    The kind of layer, the number of copies and the name are never cut.
    """
    whole = label + (f"  ×{copies:,}" if copies > 1 else "") + (f"  ({name})" if name else "")
    return shortened(whole, width) or _least(whole)


def shortened(text: str, width: int) -> str | None:
    """A label in at most `width` columns, without its last words; None if even the first is too long.

    Anything after two spaces, such as the number of copies and the name, is kept.
    """
    if columns_of(text) <= width:
        return text
    start, words, end = _parts(text)
    for count in range(len(words) - 1, 0, -1):
        shorter = f"{start}{' '.join(words[:count])} …{end}"
        if columns_of(shorter) <= width:
            return shorter
    return None


def _parts(text: str) -> tuple[str, list[str], str]:
    """The indentation, the words of a label, and what is kept after them."""
    core = text.lstrip(" ")
    words, space, rest = core.partition("  ")
    return text[: len(text) - len(core)], words.split(" "), space + rest


def _least(text: str) -> str:
    start, words, end = _parts(text)
    return f"{start}{words[0]}{' …' if len(words) > 1 else ''}{end}"


# Where a name may be broken.
_PLACES = re.compile(r" +|(?<=[._/-])(?=[^ ._/-])")


def lines_of(text: str, width: int) -> list[str]:
    """A label in lines of at most `width` columns, broken at spaces and after dots if possible."""
    indent = " " * (len(text) - len(text.lstrip(" ")) + 2)
    lines, left = [], text
    while columns_of(left) > width:
        least = len(left) - len(left.lstrip(" "))
        places = [found for found in _PLACES.finditer(left, least) if columns_of(left[: found.start()]) <= width]
        places = [found for found in places if found.start() > least]
        if places:
            lines.append(left[: places[-1].start()])
            left = indent + left[places[-1].end() :]
        else:
            cut = max(least + 1, _longest(left, width))
            lines.append(left[:cut])
            left = indent + left[cut:]
        if len(indent) + 1 >= width:
            break
    return [*lines, left]


def _longest(text: str, width: int) -> int:
    """How many characters of a text fit into `width` columns."""
    count = min(len(text), width)
    while columns_of(text[:count]) > width:
        count -= 1
    return count
