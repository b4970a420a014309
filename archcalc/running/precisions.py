"""Precisions: the types in which a network is stored and computed."""

from __future__ import annotations

from archcalc.records import NamedTuple

# Bytes per number.
BYTES = {"fp64": 8, "fp32": 4, "tf32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1}


class Precision(NamedTuple):
    """The types of a run.

    Attributes:
        computes: the type of matrix products.
        weights: the type of parameters, gradients and optimizer states.
        autocast: whether each operation chooses its own type, as `torch.autocast` does.
        has_copy: whether the optimizer works on an fp32 copy of the parameters, with states in fp32.
    """

    computes: str
    weights: str
    autocast: bool = False
    has_copy: bool = False

    @property
    def width(self) -> int:
        """Bytes of a parameter, and of an activation without autocast."""
        return BYTES[self.weights]

    @property
    def stores(self) -> str:
        """The storage type of activations of matrix products; tf32 computes on fp32 storage."""
        return "fp32" if self.computes == "tf32" else self.computes

    @property
    def state_width(self) -> int:
        """Bytes per number of optimizer states."""
        return 4 if self.has_copy else self.width


PRECISIONS = {
    "fp32": Precision("fp32", "fp32"),
    "tf32": Precision("tf32", "fp32"),
    "bf16": Precision("bf16", "bf16"),
    "fp16": Precision("fp16", "fp16"),
    "autocast-bf16": Precision("bf16", "fp32", autocast=True),
    "autocast-fp16": Precision("fp16", "fp32", autocast=True),
    "mixed-bf16": Precision("bf16", "bf16", has_copy=True),
    "mixed-fp16": Precision("fp16", "fp16", has_copy=True),
    "fp64": Precision("fp64", "fp64"),
}
