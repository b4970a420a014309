"""The error for a layer that cannot take its input or arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.layers.change import Change


class ShapeError(Exception):
    """Input or arguments a layer cannot take.

    Args:
        code: the diagnostic's code.
        message: the fact, with its numbers.
        argument: the key to blame, None for the layer itself.
        operand: the operand to blame, by position.
        help: what to do, apart from the changes.
        changes: what may have been meant; the help shows them if `told`.
        notes: further facts, each with its place in the spec.
    """

    def __init__(
        self,
        code: str,
        message: str,
        argument: str | None = None,
        help: str | None = None,
        operand: int | None = None,
        changes: Iterable[Change] = (),
        notes: tuple[tuple[str, Any], ...] = (),
        told: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.argument = argument
        self.operand = operand
        self.help = help
        self.changes = tuple(changes)
        self.notes = notes
        self.told = told
