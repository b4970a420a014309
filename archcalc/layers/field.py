"""What an output sees of an input along one axis: its receptive field.

Output `o` reads the inputs from `first(o)` to `last(o)`. The pattern repeats: `outputs` further on, the same is read
`inputs` further on. A window of 3 with stride 2 and a border of 1 is `Field(1, 2, (-1,), (1,))`; nearest-neighbour
upsampling by 2 is `Field(2, 1, (0, 0), (0, 0))`. What a border holds, and that it ends, is ignored.

>>> conv = windows(3, 2, -1)
>>> (conv.after(conv).size, conv.after(conv).step, conv.after(conv).start)
(7, Fraction(4, 1), -3)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from archcalc.records import NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction

# Above this number, positions are not visited one by one.
_MOST = 4096


class Field(NamedTuple):
    """What the outputs along one axis see.

    Attributes:
        outputs, inputs: the pattern repeats after this many outputs, shifted by this many inputs.
        first, last: what each of these outputs reads; None for one that reads nothing.
    """

    outputs: int
    inputs: int
    first: tuple[int | None, ...]
    last: tuple[int | None, ...]

    @property
    def sizes(self) -> list[int]:
        """How many inputs each output spans, for those that see any."""
        return [b - a + 1 for a, b in zip(self.first, self.last) if a is not None and b is not None]

    @property
    def size(self) -> int:
        """The most that an output spans."""
        return max(self.sizes, default=0)

    @property
    def step(self) -> Fraction:
        """How far two outputs lie apart, in inputs."""
        from fractions import Fraction  # imported on demand: only printing needs it

        return Fraction(self.inputs, self.outputs)

    def covers(self, size: int) -> bool:
        """Whether every output sees all of an axis."""
        return self.is_constant and self.start <= 0 and (self.last[0] or 0) >= size - 1

    @property
    def is_constant(self) -> bool:
        """Whether all outputs see the same."""
        return self.inputs == 0

    @property
    def start(self) -> int:
        """The first input read by the first output that sees anything; negative if it lies in the border."""
        return next((one for one in self.first if one is not None), 0)

    def keeps_step(self, other: Field) -> bool:
        """Whether both have the same step between outputs."""
        return self.inputs * other.outputs == other.inputs * self.outputs

    def at(self, output: int) -> tuple[int, int] | None:
        """The first and the last input that an output reads."""
        turn, place = divmod(output, self.outputs)
        first, last = self.first[place], self.last[place]
        return None if first is None or last is None else (first + turn * self.inputs, last + turn * self.inputs)

    def after(self, before: Field) -> Field | None:
        """The field of this after `before`; None if the combined pattern has no short period."""
        turns = before.outputs // math.gcd(before.outputs, self.inputs)
        outputs = self.outputs * turns
        if outputs > _MOST:
            return None
        inputs = before.inputs * self.inputs * turns // before.outputs

        def seen(output: int) -> tuple[int, int] | None:
            between = self.at(output)
            return None if between is None else _span(before, *between)

        return made(outputs, inputs, seen)

    def beside(self, other: Field) -> Field | None:
        """The field of outputs that see what either sees; None if their steps differ."""
        if not self.keeps_step(other):
            return None
        outputs = math.lcm(self.outputs, other.outputs)
        if outputs > _MOST:
            return None

        def seen(output: int) -> tuple[int, int] | None:
            both = [one for one in (self.at(output), other.at(output)) if one is not None]
            return (min(first for first, _ in both), max(last for _, last in both)) if both else None

        return made(outputs, outputs * self.inputs // self.outputs, seen)

    def moved(self, before: int, after: int) -> Field:
        """What outputs see if each reads from `before` positions before its own to `after` positions after it."""
        return made(self.outputs, self.inputs, lambda output: _span(self, output + before, output + after))


def _span(field: Field, first: int, last: int) -> tuple[int, int] | None:
    """What outputs from `first` to `last` see: since both ends grow, what the outermost ones that see anything see."""
    ends = range(first, last + 1)
    begin = next((seen for seen in map(field.at, ends) if seen is not None), None)
    end = next((seen for seen in map(field.at, reversed(ends)) if seen is not None), None)
    return None if begin is None or end is None else (begin[0], end[1])


def made(outputs: int, inputs: int, seen: Callable[[int], tuple[int, int] | None]) -> Field:
    """The field with the shortest period, where `seen` gives what each output reads."""
    found = [seen(output) for output in range(outputs)]
    for period in range(1, outputs + 1):
        if outputs % period or inputs * period % outputs:
            continue
        further = inputs * period // outputs
        if all(_alike(found[index], found[index - period], further) for index in range(period, outputs)):
            found = found[:period]
            inputs = further
            break
    return Field(len(found), inputs, tuple(one and one[0] for one in found), tuple(one and one[1] for one in found))


def _alike(one: tuple[int, int] | None, before: tuple[int, int] | None, further: int) -> bool:
    if one is None or before is None:
        return one is before
    return one == (before[0] + further, before[1] + further)


def windows(size: int, step: int = 1, start: int = 0) -> Field:
    """Windows of `size` inputs, the first at `start`, each `step` after the one before."""
    return Field(1, int(step), (int(start),), (int(start) + int(size) - 1,))


ITSELF = windows(1)


def whole(size: int) -> Field:
    """All outputs see all `size` inputs."""
    return windows(size, 0)


def copied(once: Field, twice: Field, copies: int) -> Field | None:
    """The field after all copies, from those after one and two. None if these imply no rule."""
    if once.outputs == twice.outputs == 1:
        return _grown(once, twice, copies)
    if not once.keeps_step(twice) or None in once.first or None in twice.first:
        return None
    before, after = (_shift(a, b, once) for a, b in ((once.first, twice.first), (once.last, twice.last)))
    if before is None or after is None:
        return None
    return once.moved(before * (copies - 1), after * (copies - 1)) if before <= after else None


def _shift(once: tuple[int | None, ...], twice: tuple[int | None, ...], field: Field) -> int | None:
    """How far one end moves with another copy, if by the same for all outputs."""
    ends = Field(field.outputs, field.inputs, once, once)
    near = (twice[0] - once[0]) * field.outputs // field.inputs  # type: ignore[operator]
    outputs = range(max(field.outputs, len(twice)))
    other = Field(len(twice), field.inputs * len(twice) // field.outputs, twice, twice)
    for shift in range(near - field.outputs, near + field.outputs + 1):
        if all(ends.at(output + shift) == other.at(output) for output in outputs):
            return shift
    return None


def _grown(once: Field, twice: Field, copies: int) -> Field | None:
    """Windows after all copies. A stride that leaves the size at 1 makes each copy's reach larger."""
    one, two = once.at(0), twice.at(0)
    if one is None or two is None:
        return None
    if once.is_constant:
        return once
    stride = twice.inputs // once.inputs
    copies = min(copies, 64) if stride > 1 else copies  # larger than any input by then
    times = copies - 1 if stride == 1 else (stride ** (copies - 1) - 1) // (stride - 1)
    begin, end = (a + (b - a) * times for a, b in zip(one, two))
    return Field(1, once.inputs * stride ** (copies - 1), (begin,), (end,))
