"""The work of a kernel: its FLOPs, bytes, kind and number of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Work:
    """The work of a kernel call, and the number of calls.

    Attributes:
        kind: operations of one kind share coefficients: a matrix product's form, or the layer's name.
        m, n, k: sizes of the matrix product [m, k] times [k, n]; 0 if there is none.
        flops: matrix products and element-wise work of one run.
        in_bytes, weight_bytes, out_bytes: read, read as weights, and written by one run.
        gradient_bytes: size of the weights' gradient; for an embedding the whole table, though few rows are read.
        runs: the number of consecutive runs for a whole batch.
    """

    kind: str
    m: int
    n: int
    k: int
    flops: int
    in_bytes: int
    weight_bytes: int
    out_bytes: int
    gradient_bytes: int
    runs: int

    def but(self, **changes: object) -> Self:
        """The same with other values: as `dataclasses.replace`, but several times faster."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other

    def beside(self, count: int) -> Self:
        """This many of it in one kernel."""
        sizes = ("m", "flops", "in_bytes", "weight_bytes", "out_bytes", "gradient_bytes")
        return self.but(**{name: getattr(self, name) * count for name in sizes})
