"""What the parts of a number count, stated where the number is computed.

A formula of a layer is ordinary arithmetic. These functions are arithmetic too; on quantities they also
keep the words, so that `archcalc explain` has them from the declaration that gave the number.

>>> units = Quantity.named("hidden", 32)
>>> macs = part("scores", times(units, heads=8), "q kᵀ") + part("output", units * units)
>>> [(term.label, term.value.spoken(), int(term.value)) for term in terms(macs)]
[('scores', '8 heads · 32', 256), ('output', '32·32', 1024)]
"""

from __future__ import annotations

from archcalc.quantity import Quantity, product
from archcalc.records import NamedTuple

# Operations by what they do, each with its number.
Pieces = tuple[tuple[str, int], ...]


class Term(NamedTuple):
    """A part of a number.

    Attributes:
        value: the number, with its derivation.
        label: the name of the part, such as `scores`; empty for a number in one part.
        note: a few words about it, such as `q kᵀ`.
    """

    value: int
    label: str = ""
    note: str = ""


class Work(NamedTuple):
    """Operations that are done `times` times: for each `per`, so many of each piece.

    Attributes:
        times: how often.
        per: of what, such as `hidden unit and step`.
        pieces: what is done, each with its number of operations.
    """

    times: int
    per: str
    pieces: Pieces

    @property
    def each(self) -> int:
        """The operations of all pieces together."""
        return sum(int(count) for _, count in self.pieces)


def called(value: int, name: str, beside: int) -> int:
    """`value` under the `name` of what it counts, in a derivation; `beside` is a size that is a quantity there.

    Of none there is nothing to say: they are a plain 0.
    """
    if not isinstance(beside, Quantity):
        return value
    return Quantity.named(name, int(value), counts=True) if int(value) else 0


def repeated(value: int, count: int, name: str) -> int:
    """`value` times `count`, which counts things of that name."""
    if not isinstance(value, Quantity):
        return count * value
    return value if int(count) == 1 else Quantity.named(name, int(count), counts=True) * value


def leaf(value: int, name: str) -> int:
    """`value` under a name instead of what it was computed from."""
    return Quantity.named(name, int(value)) if isinstance(value, Quantity) else value


def times(value: int, **counts: int) -> int:
    """`value` times the sum of all `counts`: `times(hidden, gates=3, candidate=1)` is (3 + 1)·hidden."""
    number = sum(counts.values())
    if number == 1 or not isinstance(value, Quantity):
        return number * value
    first, *others = (Quantity.named(name, count, counts=True) for name, count in counts.items() if count)
    total: int = sum(others, first) * value
    return total


def factored(value: int, *factors: int) -> int:
    """`value`, in a derivation as the product of `factors`."""
    return product(factors) if isinstance(value, Quantity) else value


def part(label: str, value: int, note: str = "") -> int:
    """`value` as a named part of a sum."""
    return Quantity(int(value), "term", (value, Term(value, label, note))) if isinstance(value, Quantity) else value


def work(times: int, per: str, *pieces: tuple[str, int]) -> int:
    """The operations of all `pieces`, done `times` times: for each `per`."""
    each = sum(count for _, count in pieces if not isinstance(count, Quantity))
    for _, count in pieces:
        if isinstance(count, Quantity):
            each = count + each
    result = times * each
    if not isinstance(times, Quantity):
        return result
    return Quantity(int(result), "term", (result, Work(times, per, tuple(piece for piece in pieces if piece[1]))))


def terms(value: int) -> list[Term]:
    """The parts of a number: the named parts of a sum, or the whole as one."""
    if isinstance(value, Quantity):
        if value.op == "+" and any(isinstance(side, Quantity) and _has_parts(side) for side in value.operands):
            return [term for side in value.operands for term in terms(side)]
        if value.op == "term" and isinstance(value.operands[1], Term):
            return [value.operands[1]]
    return [Term(value)] if int(value) else []


def _has_parts(value: Quantity) -> bool:
    if value.op == "+":
        return any(isinstance(side, Quantity) and _has_parts(side) for side in value.operands)
    return value.op == "term" and isinstance(value.operands[1], Term)


def works(value: int) -> list[Work]:
    """What the operations of a part consist of, if that is stated."""
    if not isinstance(value, Quantity):
        return []
    if value.op == "term" and isinstance(value.operands[1], Work):
        return [value.operands[1]]
    return [one for side in value.operands if isinstance(side, Quantity) for one in works(side)]
