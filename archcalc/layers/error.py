"""The error of a layer that cannot take what it is given."""

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
        help: what to do; what else there is to do beside the changes.
        changes: what may have been meant; where they are `told`, the help says them.
        notes: what else to know, each with its place.
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
