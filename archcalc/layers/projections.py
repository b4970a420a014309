"""The matrices of a layer, each with its input and output vectors."""

from __future__ import annotations

from archcalc.records import NamedTuple


class Projection(NamedTuple):
    """A matrix of a layer that vectors are multiplied with.

    Attributes:
        name: its name among several, e.g. `q`; empty for the only one.
        place: which input it reads; -1 for a tensor made inside the layer.
        columns, rows: sizes of its input and output vectors.
        positions: how many vectors there are in a sample.
    """

    name: str
    place: int
    columns: int
    rows: int
    positions: int
