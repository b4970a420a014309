"""How a network is run, as far as its memory depends on it."""

from __future__ import annotations

from dataclasses import dataclass

# Copies of the parameters that an optimizer keeps as its state.
OPTIMIZERS = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}
WIDTHS = {"fp32": 4, "tf32": 4, "bf16": 2, "fp16": 2}
MODES = ("inference", "training")
ATTENTION = ("flash", "math")


@dataclass(frozen=True)
class Plan:
    """What is run, and how.

    Attributes:
        training: a whole step: forward, loss, backward, optimizer; else a forward pass without gradients.
        dtype: the type of parameters and activations.
        optimizer: "sgd", "momentum", "adam" or "adamw".
        mixed: parameters of `dtype` have an fp32 copy that the optimizer works on, with states in fp32.
        checkpoint: blocks or groups, by name or id, that keep only their input and run again in backward.
        attention: "flash" or "math"; None for what PyTorch picks.
        gpu: PyTorch's CUDA kernels run, not those of the CPU.
        threads: of the CPU; kernels of one thread differ from those of several.
    """

    training: bool = False
    dtype: str = "fp32"
    optimizer: str = "adam"
    mixed: bool = False
    checkpoint: tuple[str, ...] = ()
    attention: str | None = None
    gpu: bool = False
    threads: int = 2

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return WIDTHS[self.dtype]

    @property
    def state_width(self) -> int:
        """Bytes of an element of the optimizer's state."""
        return 4 if self.mixed else self.width
