"""The patterns of rearrange: `c h w -> (h w) c`.

Source of the notation: einops (Rogozhnikov 2022). Only what rearrange needs: names, groups in
parentheses, `1` and `...`, which may stand in parentheses on the right only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import chain

from archcalc.layers.strides import Strides
from archcalc.layers.strides import joined as flat
from archcalc.quantity import product

Group = list[str]

# The letter for channels or features.
CHANNELS = "c"

_TOKEN = r"\.\.\.|[A-Za-z_]\w*|1(?!\w)|[()]"


class PatternError(Exception):
    """An invalid pattern, or one that does not fit a shape; `help` says what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


class Pattern:
    """Two lists of axes; an axis is a group of names, and `...` stands for any number of axes."""

    def __init__(self, text: str) -> None:
        self.text = text
        left, arrow, right = text.partition("->")
        if not arrow or "->" in right:
            raise PatternError("a pattern has one `->` between input and output", "e.g. 'c h w -> (h w) c'")
        self.left, self.right = _side(left), _side(right)
        if any("..." in group and group != ["..."] for group in self.left):
            raise PatternError("`...` is in parentheses on the left", "only the output can join those axes")
        before, after = _names(self.left), _names(self.right)
        for name in before:
            if before.count(name) > 1:
                raise PatternError(f"`{name}` appears twice on the left")
        for name in after:
            if after.count(name) > 1:
                raise PatternError(f"`{name}` appears twice on the right")
            if name not in before and name != "1":
                raise PatternError(
                    f"`{name}` appears only on the right", "every axis of the output comes from the input"
                )
        for name in before:
            if name not in after:
                raise PatternError(
                    f"`{name}` appears only on the left",
                    "rearrange keeps every element; use `mean` or `select` to lose an axis",
                )

    def axes(self, side: str, rank: int) -> list[list[str]]:
        """The names in each axis of the `left` or the `right` side, for an input of `rank` axes."""
        return _axes(self.left if side == "left" else self.right, rank - (len(self.left) - 1))

    @property
    def names(self) -> list[str]:
        """The names whose sizes may be given."""
        return [name for name in _names(self.left) if name != "..."]

    def apply(self, shape: tuple[int, ...], given: Mapping[str, int]) -> tuple[int, ...]:
        """The output's shape. Raises `PatternError` if the shape does not fit."""
        for name in given:
            if name not in self.names:
                raise PatternError(f"the pattern has no axis `{name}`", f"it has {', '.join(self.names)}")
        sizes = self.sizes(shape, given)
        rest = len(shape) - (len(self.left) - 1)
        return tuple(product(sizes[name] for name in group) for group in _axes(self.right, rest))

    def sizes(self, shape: tuple[int, ...], given: Mapping[str, int]) -> dict[str, int]:
        """The size of each axis, by name. Raises `PatternError` if the shape does not fit."""
        rest = [[name] for name in _spread(len(shape) - (len(self.left) - 1))]
        groups = [one for group in self.left for one in (rest if group == ["..."] else [group])]
        if len(groups) != len(shape):
            raise self._rank(shape)
        sizes = dict(given)
        for group, size in zip(groups, shape):
            self._match(group, size, sizes)
        return sizes

    def laid(self, x: Strides, given: Mapping[str, int]) -> tuple[Strides, bool]:
        """How the output lies in memory, and whether that is the memory of the input `x`, whose first axis is the batch.

        The steps are those of `source`.
        """
        rest = x.rank - 1 - (len(self.left) - 1)
        split, joined = _axes(self.left, rest), _axes(self.right, rest)
        names, order = list(chain(*split)), list(chain(*joined))
        sizes, shared = self.sizes(x.sizes[1:], given), True
        if split == joined and all(len(group) == 1 for group in split):
            return x.like(), False
        for axis, group in reversed(list(enumerate(split, 1))):
            if len(group) != 1:
                x = x.split(axis, [sizes[name] for name in group]) if group else x.squeezed(axis)
        if order != names:
            x = x.permuted((0, *(names.index(name) + 1 for name in order)))
        end = len(order)
        for group in reversed(joined):
            start = end - len(group)
            if not group:
                x = x.with_axis(end + 1)
            elif len(group) > 1:
                shared = shared and x.viewed(flat(x.sizes, start + 1, end)) is not None
                x = x.flattened(start + 1, end)
            end = start
        return x, shared

    def source(self, rank: int, given: Collection[str]) -> str:
        """Method calls that do the same to a PyTorch tensor of `rank` axes with a batch axis in front.

        Sizes that are `given` are written as `{NAME_size}`; all others follow from the tensor, so the calls work for
        every input that fits the pattern.
        """
        rest = rank - (len(self.left) - 1)
        split, joined = _axes(self.left, rest), _axes(self.right, rest)
        names, order = list(chain(*split)), list(chain(*joined))
        code = ""
        for axis, group in reversed(list(enumerate(split, 1))):
            if not group:
                code += f".squeeze({axis})"
            elif len(group) > 1:
                sizes = ", ".join(f"{{{name}_size}}" if name in given else "-1" for name in group)
                code += f".unflatten({axis}, ({sizes}))"
        if order != names:
            code += f".permute(0, {', '.join(str(names.index(name) + 1) for name in order)})"
        end = len(order)
        for group in reversed(joined):
            start = end - len(group)
            if not group:
                code += f".unsqueeze({end + 1})"
            elif len(group) > 1:
                code += f".flatten({start + 1}, {end})"
            end = start
        return code or ".clone()"

    def _rank(self, shape: tuple[int, ...]) -> PatternError:
        wanted = sum(group != ["..."] for group in self.left)
        return PatternError(
            f"the pattern has {wanted} axes on the left, the input {list(map(int, shape))} has {len(shape)}"
        )

    def _match(self, group: Group, size: int, sizes: dict[str, int]) -> None:
        open_ = [name for name in group if name not in sizes and name != "1"]
        known = product(sizes[name] for name in group if name in sizes)
        text = group[0] if len(group) == 1 else f"({' '.join(group)})"
        if len(open_) > 1:
            raise PatternError(
                f"{text} splits an axis of {size}, but only one of {', '.join(open_)} can be found",
                f"give a size, e.g. {open_[0]}=7",
            )
        if open_:
            if known < 1 or size % known:
                raise PatternError(f"{text}: {known} does not divide the axis of {size}")
            sizes[open_[0]] = size if known == 1 else size // known
        elif known != size:
            raise PatternError(f"{text} is {known}, the axis has {size}")


@lru_cache(maxsize=256)
def parsed(text: str) -> Pattern:
    """The pattern in `text`. Raises `PatternError`."""
    return Pattern(text)


def _side(text: str) -> list[Group]:
    groups: list[Group] = []
    inner: Group | None = None
    position = 0
    for match in re.finditer(_TOKEN, text):
        if text[position : match.start()].strip():
            raise PatternError(
                f"`{text[position : match.start()].strip()}` has no meaning in a pattern",
                "names, ( ), 1 and ... are known",
            )
        position = match.end()
        token = match.group()
        if token == "(":
            if inner is not None:
                raise PatternError("parentheses do not nest in a pattern")
            inner = []
        elif token == ")":
            if inner is None:
                raise PatternError("a `)` without its `(`")
            # A 1 tells (...), which joins the axes, from the bare ... that keeps them.
            groups.append(["1", "..."] if inner == ["..."] else inner)
            inner = None
        elif inner is not None:
            inner.append(token)
        else:
            groups.append([token])
    if text[position:].strip():
        raise PatternError(
            f"`{text[position:].strip()}` has no meaning in a pattern", "names, ( ), 1 and ... are known"
        )
    if inner is not None:
        raise PatternError("a `(` is not closed")
    return groups


def _names(groups: list[Group]) -> list[str]:
    return [name for group in groups for name in group if name != "1"]


def _spread(rest: int) -> list[str]:
    """The names of the axes that `...` stands for."""
    return [f"...{number}" for number in range(rest)]


def _axes(groups: list[Group], rest: int) -> list[list[str]]:
    """The single axes of each group, where `...` stands for `rest` of them."""
    spread = _spread(rest)
    axes: list[list[str]] = []
    for group in groups:
        if group == ["..."]:
            axes += [[name] for name in spread]
        else:
            axes.append(list(chain(*(spread if name == "..." else [name] for name in group if name != "1"))))
    return axes
