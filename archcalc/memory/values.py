"""Memory as the simulation sees it: blocks of bytes, who holds them, and what they are for."""

from __future__ import annotations

from archcalc.layers.strides import Strides


class Storage:
    """A block of memory, alive while somebody holds it.

    Attributes:
        holders: variables and gradients that hold it; keepers: layers that keep it for backward.
        made_of: what it is made of element by element, where a compiled backward pass makes it anew.
    """

    __slots__ = ("bytes", "holders", "keepers", "made_of")

    def __init__(self, size: int) -> None:
        self.bytes = size
        self.holders = 0
        self.keepers = 0
        self.made_of: tuple[Storage, ...] = ()


class Value:
    """A tensor at run time: views have the same storage.

    Attributes:
        bytes: what its gradient takes, of `parts` experts together, which run back one after the other.
        width: bytes of an element.
        strides: how it lies in memory.
        states: of a recurrent layer, where its final states are kept.
    """

    __slots__ = ("bytes", "parts", "states", "storage", "strides", "width")

    def __init__(self, storage: Storage, size: int, strides: Strides, width: int = 4, parts: int = 1) -> None:
        self.storage = storage
        self.bytes = size
        self.parts = parts
        self.strides = strides
        self.width = width
        self.states: dict[str, Storage] = {}

    @property
    def gradient(self) -> int:
        """Bytes of its gradient at a time."""
        return -(-self.bytes // self.parts)


class Heap:
    """How many bytes are alive: kept for backward, and other activations."""

    def __init__(self) -> None:
        self.kept = 0
        self.other = 0

    @property
    def live(self) -> int:
        """All of them."""
        return self.kept + self.other

    def hold(self, storage: Storage) -> Storage:
        """One more variable holds it."""
        if not storage.holders and not storage.keepers:
            self.other += storage.bytes
        storage.holders += 1
        return storage

    def drop(self, storage: Storage) -> None:
        """A variable lets it go."""
        storage.holders -= 1
        if not storage.holders and not storage.keepers:
            self.other -= storage.bytes

    def keep(self, storage: Storage) -> bool:
        """A layer keeps it for backward; whether it is the first."""
        storage.keepers += 1
        if storage.keepers > 1:
            return False
        if storage.holders:
            self.other -= storage.bytes
        self.kept += storage.bytes
        return True

    def release(self, storage: Storage) -> None:
        """Backward has used it."""
        storage.keepers -= 1
        if not storage.keepers:
            self.kept -= storage.bytes
            if storage.holders:
                self.other += storage.bytes
