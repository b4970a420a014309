"""Which axis of a tensor holds its channels or features: one rule, no guess.

Tensors connected by layers that only pass elements on form a group, which has one layout. A layer that allows only one
layout decides it for the whole group, wherever it is; two that disagree are an error, and so is a layer that needs the
layout if nothing in the group decides it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CHANNELS_FIRST = "channels first"
FEATURES_LAST = "features last"
LAYOUTS = (CHANNELS_FIRST, FEATURES_LAST)
# The layer that iterates over the entries of a tensor, each with its own layout.
EACH = "each"
# The layer that iterates over them in order.
SCAN = "scan"
# The layout of a tensor; None while nothing has decided it. The letters of a pattern may also put channels on an axis
# in between, a layout that no layer reads.
Layout = str | None

# What a layer that wants neither of these two does to the layout of its input:
# the output is in the input's group;
KEEPS = "keeps"
# likewise, but without `axis=` the layer works along the channels or features and has to know which these are;
ASKS = "asks"
# the output starts a new group, unless the axis of channels or features stays where it was.
ENDS = "ends"


# The message if a layer needs the layout of a tensor and nothing decides it.
UNDECIDED = "nothing that reads or makes this tensor decides its layout"
_BETWEEN = "channels on axis "


def stated(word: str) -> str:
    """The layout that a spec calls `channels-first` or `features-last`."""
    return word.replace("-", " ")


def between(axis: int) -> str:
    """The layout of a tensor whose channels are neither on its first axis nor on its last."""
    return f"{_BETWEEN}{axis}"


def axis_of(layout: Layout, rank: int) -> int:
    """The axis of channels or features: the first if channels come first, the last if nothing is decided."""
    if layout == CHANNELS_FIRST:
        return 0
    return int(layout.removeprefix(_BETWEEN)) if layout and layout.startswith(_BETWEEN) else rank - 1


def told(layout: str) -> str:
    """The layout in a message: `is channels first`."""
    return f"has its {layout}" if layout.startswith(_BETWEEN) else f"is {layout}"


class DisagreementError(Exception):
    """Two layers need one group of tensors in different layouts.

    Attributes:
        group: the tensors.
        first, second: for each of the two, its layout and what decided it.
    """

    def __init__(self, group: Group, first: tuple[str, Any], second: tuple[str, Any]) -> None:
        super().__init__(f"{first[0]} and {second[0]}")
        self.group = group
        self.first = first
        self.second = second


class Group:
    """Tensors that have one layout, whatever it is.

    Args:
        layout: the layout; None while undecided.
        by: the place in the spec that decided it.
    """

    __slots__ = ("_by", "_into", "_layout", "_waiting")

    def __init__(self, layout: Layout = None, by: Any = None) -> None:
        self._layout = layout
        self._by = by
        self._into: Group | None = None
        # Groups that take over this layout if their function accepts it.
        self._waiting: list[tuple[Group, Callable[[str], bool]]] | None = None

    @property
    def root(self) -> Group:
        """The group that represents all that were joined with this one."""
        root = self
        while root._into is not None:
            root = root._into
        group = self
        while group._into is not None:  # so that later calls find it at once
            group._into, group = root, group._into
        return root

    @property
    def layout(self) -> Layout:
        """The layout of all tensors in the group."""
        return self._layout if self._into is None else self.root._layout

    @property
    def by(self) -> Any:
        """What decided the layout."""
        return self.root._by

    def decide(self, layout: str, by: Any) -> None:
        """Give the whole group a layout. Raises `DisagreementError` if it has the other one."""
        root = self.root
        if root._layout is None:
            root._layout, root._by = layout, by
            root._wake()
        elif root._layout != layout:
            raise DisagreementError(root, (root._layout, root._by), (layout, by))

    def join(self, other: Group) -> None:
        """Merge two groups. Raises `DisagreementError` if they have different layouts."""
        self._joined(other)._wake()

    def kept_where(self, survives: Callable[[str], bool]) -> Group:
        """A group that takes over this one's layout if `survives` accepts it."""
        layout = self.layout
        if layout is not None:
            return self if survives(layout) else Group()
        kept = survives(CHANNELS_FIRST), survives(FEATURES_LAST)
        if all(kept):
            return self
        group = Group()
        if any(kept):
            root = self.root
            root._waiting = root._waiting or []
            root._waiting.append((group, survives))
        return group

    def _joined(self, other: Group) -> Group:
        """The one group of two; who waits for its layout may have to be told."""
        one, two = self.root, other.root
        if one is two:
            return one
        if one._layout is None:
            one, two = two, one
        if one._layout is not None and two._layout not in (None, one._layout):
            raise DisagreementError(one, (one._layout, one._by), (str(two._layout), two._by))
        two._into = one
        if two._waiting:
            one._waiting = [*two._waiting, *one._waiting] if one._waiting else two._waiting
            two._waiting = None
        return one

    def _wake(self) -> None:
        """Pass the layout on to the groups that wait for it, to all of them even if one disagrees."""
        layout, waiting = self._layout, self._waiting
        if layout is None or not waiting:
            return
        self._waiting = None
        disagrees: DisagreementError | None = None
        while waiting:
            group, survives = waiting.pop()
            if survives(layout):
                try:
                    root = group._joined(self)
                except DisagreementError as error:
                    disagrees = disagrees or error
                else:
                    waiting += root._waiting or []
                    root._waiting = None
        if disagrees is not None:
            raise disagrees
