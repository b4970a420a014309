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
        group: the tensors that have its layout, whatever it is. A vector has one axis that is both
            channels and features, and belongs to no group.
        integer: True for token ids, False for numbers, None for an input nothing has read yet.
        outputs: further outputs of the layer, e.g. `h` and `c` of an lstm.
        state: what makes two recurrent states the same, for `state=`.
        parts: True for a layer that has several outputs and no single one, as split.
        batched: False for what depends on parameters and constants alone: it has no batch axis, whatever
            makes it runs once for a whole batch, and beside a tensor that has one it is the same for every sample.
        table: of a table of biases, and of all that is computed from one alone, its layer and the table itself.
        bounds: the least and the largest of the whole numbers that it holds; None where they are not known.
        places: sizes of what whole numbers are places in, row by row; None where that is not known.
        cached: whether generation keeps it for each position, or all that it is computed from.
        entries: how many samples there are for each of the batch, as the entries of a tensor that `each` goes through.
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
        """The same as a number without a derivation."""
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
        """Whether a layer that reads `other` would come out as one that reads this tensor."""
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
        """The same content as a node of its own in the graph."""
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
        """The axis of channels or features: the first when channels come first, else the last."""
        return axis_of(self.layout, self.rank)

    @property
    def positions(self) -> tuple[int, ...]:
        """The axes along which places lie: all but that of channels or features; all axes of token ids."""
        return tuple(axis for axis in range(self.rank) if self.integer or axis != self.feature_axis)


class Moved(Tensor):
    """The elements of an input, moved, while nothing has read them: what they are is decided for both."""

    __slots__ = ("source",)

    def __init__(self, source: Tensor, shape: Shape) -> None:
        self.source = source
        while isinstance(self.source, (Moved, Alias)):  # of however many in a row each knows the first
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
    """What goes into the first of several copies: `origin` under an identity of its own.

    It tells `prev`, which is another tensor in each copy, from the name of that tensor, which is
    the same in all. What is decided about one is decided about both.
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
    """A state of a loop in one copy: one tensor, whatever comes with the one that it stands for."""

    __slots__ = ("state",)

    def __init__(self, origin: Tensor) -> None:
        super().__init__(origin)
        object.__setattr__(self, "outputs", None)
        object.__setattr__(self, "state", None)


# A tensor that a layer reads in one layout, that layout, and the key or the operand to blame where it has another.
Want = tuple[Tensor, str, "str | int | None"]
