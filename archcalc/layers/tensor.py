"""What flows between layers: a shape without its batch axis, a layout, and a kind of content."""

from __future__ import annotations

from math import prod
from typing import Any

from archcalc.layers.layout import Group, Layout, axis_of
from archcalc.quantity import plain, settled

Shape = tuple[int, ...]


class Tensor:
    """A tensor in the graph.

    Attributes:
        shape: sizes without the batch axis.
        group: the tensors that share its layout, whatever that is. A vector has a single axis that is both channels and
            features, and belongs to no group.
        integer: True for token ids, False for numbers, None for an input nothing has read yet.
        outputs: further outputs of the layer, e.g. `h` and `c` of an lstm.
        state: what two recurrent states must have in common, for `state=`.
        parts: True for a layer with several outputs of equal standing, such as split.
        batched: False if it depends only on parameters and constants: it then has no batch axis, is computed once for a
            whole batch, and is the same for every sample.
        table: for a table of biases, and for tensors computed only from one: its layer and the table itself.
        bounds: the smallest and largest of the whole numbers that it holds; None if unknown.
        places: the sizes of the axes that its whole numbers index, row by row; None if unknown.
        cached: whether generation keeps it, or everything that it is computed from, for each position.
        entries: samples per sample of the batch: the entries of a tensor that `each` iterates over.
    """

    __slots__ = (
        "_group",
        "batched",
        "bounds",
        "cached",
        "entries",
        "integer",
        "outputs",
        "parts",
        "places",
        "shape",
        "state",
        "table",
    )

    def __init__(
        self,
        shape: Shape,
        layout: Layout = None,
        integer: bool | None = False,
        outputs: dict[str, Tensor] | None = None,
        state: Any = None,
        parts: bool = False,
        batched: bool = True,
    ) -> None:
        self.shape = shape
        self._group = Group(layout) if layout is not None and len(shape) > 1 else None
        self.integer = integer
        self.outputs = outputs
        self.state = state
        self.parts = parts
        self.batched = batched
        self.table: tuple[Any, Tensor] | None = None
        self.bounds: tuple[int, int] | None = None
        self.places: Shape | None = None
        self.entries = 1
        self.cached = False

    def __repr__(self) -> str:
        return f"Tensor({list(self.shape)}, layout={self.layout!r})"

    def __str__(self) -> str:
        return str([int(size) for size in self.shape])

    @property
    def rank(self) -> int:
        """The number of axes, not counting the batch."""
        return len(self.shape)

    @property
    def elements(self) -> int:
        """The number of elements of one sample."""
        count = 1
        for size in self.shape:
            count = count * size
        return count

    @property
    def numel(self) -> int:
        """The number of elements of one sample, without a derivation."""
        return prod(map(plain, self.shape))

    def samples(self, batch: int) -> int:
        """How many samples it holds of a batch of so many."""
        return batch * plain(self.entries) if self.batched else 1

    @property
    def group(self) -> Group | None:
        """The tensors of its layout; None for a vector."""
        if self._group is None and len(self.shape) > 1:
            self._group = Group()
        return self._group

    @group.setter
    def group(self, group: Group | None) -> None:
        self._group = group if len(self.shape) > 1 else None

    @property
    def layout(self) -> Layout:
        """`CHANNELS_FIRST`, `FEATURES_LAST`, or None while no layer has decided it."""
        group = self._group
        return None if group is None else group.layout

    def matches(self, other: Tensor) -> bool:
        """Whether a layer that reads `other` would give the same result as one that reads this tensor."""
        return (
            set(self.outputs or ()) <= set(other.outputs or ())
            and self.state in (None, other.state)
            and self.parts == other.parts
            and self.batched == other.batched
            and self.entries == other.entries
            and self.cached == other.cached
            and self.places == other.places
            and self.bounds == other.bounds
            and self.shape == other.shape
            and self.layout == other.layout
            and self.integer == other.integer
            and [type(size) for size in self.shape] == [type(size) for size in other.shape]
        )

    def copy(self) -> Tensor:
        """The same content as a separate tensor of the graph."""
        if self.integer is None:
            other: Tensor = Moved(self, self.shape)
        else:
            other = Tensor(self.shape, None, self.integer, self.outputs, self.state, self.parts, self.batched)
        other.group = self.group
        other.entries = self.entries
        other.cached = self.cached
        other.places = self.places
        other.bounds = self.bounds
        return other

    @property
    def itself(self) -> Tensor:
        """The tensor that an alias stands for."""
        return self

    def axis(self, index: int) -> int:
        """`index` as a position from the start. Raises `IndexError` outside the rank."""
        if not -self.rank <= index < self.rank:
            raise IndexError(index)
        return settled(index) % self.rank

    @property
    def feature_axis(self) -> int:
        """The axis of channels or features: the first if channels come first, else the last."""
        return axis_of(self.layout, self.rank)

    @property
    def positions(self) -> tuple[int, ...]:
        """The axes of positions: all but that of channels or features; for token ids, all."""
        return tuple(axis for axis in range(self.rank) if self.integer or axis != self.feature_axis)


class Moved(Tensor):
    """The moved elements of an input that nothing has read yet: what they are is decided for both."""

    __slots__ = ("source",)

    def __init__(self, source: Tensor, shape: Shape) -> None:
        self.source = source
        while isinstance(self.source, (Moved, Alias)):  # in a chain of these, each refers to the first
            self.source = self.source.source if isinstance(self.source, Moved) else self.source.origin
        super().__init__(shape, None, None, source.outputs, source.state, source.parts, source.batched)

    @property
    def integer(self) -> bool | None:
        """True for token ids, False for numbers, None while open."""
        return self.source.integer

    @integer.setter
    def integer(self, value: bool | None) -> None:
        self.source.integer = value


class Alias(Tensor):
    """The input of the first of several copies: `origin` under an identity of its own.

    This distinguishes `prev`, which is a different tensor in each copy, from the name of that tensor, which is the same
    in all copies. What is decided about one is decided about both.
    """

    __slots__ = ("origin", "outputs")

    def __init__(self, origin: Tensor) -> None:
        object.__setattr__(self, "origin", origin)
        outputs = {name: Alias(extra) for name, extra in (origin.outputs or {}).items()}
        object.__setattr__(self, "outputs", outputs or None)

    @property
    def itself(self) -> Tensor:
        """The tensor that it stands for."""
        origin: Tensor = self.origin
        return origin.itself

    def __getattr__(self, name: str) -> Any:
        return getattr(self.origin, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.origin, name, value)


class Started(Alias):
    """A state of a loop in one copy: a single tensor, without the further outputs of the one that it stands for."""

    __slots__ = ("state",)

    def __init__(self, origin: Tensor) -> None:
        super().__init__(origin)
        object.__setattr__(self, "outputs", None)
        object.__setattr__(self, "state", None)


# A tensor that a layer reads in one layout, that layout, and the key or operand to blame if it has another.
Want = tuple[Tensor, str, "str | int | None"]
