"""Memory as the simulation sees it: blocks of bytes, who holds them, and what they are for."""

from __future__ import annotations

from archcalc.layers.strides import Strides


class Storage:
    """A block of memory, alive while anything holds it.

    Attributes:
        holders: how many variables and gradients hold it; keepers: how many layers save it for backward.
        is_view: whether the gradient in it is a view of what a kernel returned, to which nothing is added in place.
        made_of: what a compiled backward pass recomputes it from, element by element.
        held: the bytes that exist if nothing keeps it: of the same tensor in each of several experts, one exists at a time.
    """

    __slots__ = ("bytes", "held", "holders", "is_view", "keepers", "made_of")

    def __init__(self, size: int, experts: int = 1) -> None:
        self.bytes = size
        self.held = size if experts == 1 else -(-size // experts)
        self.holders = 0
        self.keepers = 0
        self.is_view = False
        self.made_of: tuple[Storage, ...] = ()


class Value:
    """A tensor at run time; views share a storage.

    Attributes:
        bytes: the size of its gradient, over `parts` experts, whose backward passes run one after the other.
        width: bytes per element.
        strides: its layout in memory.
        states: the storages of a recurrent layer's final states.
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
        """Bytes of its gradient that exist at a time."""
        return -(-self.bytes // self.parts)


class Heap:
    """How many bytes are alive: saved for backward, and other activations."""

    def __init__(self) -> None:
        self.kept = 0
        self.other = 0

    @property
    def live(self) -> int:
        """All bytes that are alive."""
        return self.kept + self.other

    def hold(self, storage: Storage) -> Storage:
        """Add a variable that holds it."""
        if not storage.holders and not storage.keepers:
            self.other += storage.held
        storage.holders += 1
        return storage

    def drop(self, storage: Storage) -> None:
        """Remove a variable that holds it."""
        storage.holders -= 1
        if not storage.holders and not storage.keepers:
            self.other -= storage.held

    def keep(self, storage: Storage) -> bool:
        """Add a layer that saves it for backward; whether it is the first."""
        storage.keepers += 1
        if storage.keepers > 1:
            return False
        if storage.holders:
            self.other -= storage.held
        self.kept += storage.bytes
        return True

    def release(self, storage: Storage) -> None:
        """Remove a layer that saved it, as backward has used it."""
        storage.keepers -= 1
        if not storage.keepers:
            self.kept -= storage.bytes
            if storage.holders:
                self.other += storage.held
