"""A block: what several bodies have in common, and what differs."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.expressions import Argument, Expression
from archcalc.tracing.items import Body


class Block:
    """What several bodies have in common.

    Attributes:
        name: its own; bodies: its instances; arguments, numbers: what differs, and every number in terms of it;
        tensors: the names of its inputs after the first.
        calls: how many places call it; is_repeated: whether one calls it several times in a row.
        is_kept: whether it is needed even if only one place calls it; written: whether it stands under `blocks:`.
    """

    def __init__(self, bodies: list[Body]) -> None:
        self.bodies = bodies
        self.name = ""
        self.arguments: list[Argument] = []
        self.numbers: list[Expression] = []
        self.tensors: list[str] = []
        self.calls = 0
        self.is_repeated = False
        self.is_kept = False
        self.written = True

    def given(self, body: Body) -> list[Any]:
        """The values of its arguments in one call."""
        at = self.bodies.index(body)
        return [argument.values[at] for argument in self.arguments]

    def signature(self) -> str:
        """As it stands under `blocks:`."""
        parts = [one.name for one in self.arguments if one.default is None] + self.tensors
        parts += [f"{one.name}={Expression(one.default).text()}" for one in self.arguments if one.default is not None]
        return f"{self.name}({', '.join(parts)})" if parts else self.name
