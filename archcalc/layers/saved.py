"""What autograd keeps for a layer until the backward pass has used it.

The rules are those of PyTorch 2.13; a test compares them with `torch.autograd.graph.saved_tensors_hooks`
for every layer. Parameters and buffers exist anyway and are never counted.
"""

from __future__ import annotations

from archcalc.layers.strides import Strides
from archcalc.records import NamedTuple


class Saving(NamedTuple):
    """How a layer runs when it saves.

    Attributes:
        needs: for each input, whether a gradient flows to it.
        batch: samples that run at once; for a layer inside experts, the positions that reach them.
        width: bytes of an element.
        gpu: whether PyTorch's CUDA kernels run, which keep masks as bytes and attention fused.
        attention: "flash" or "math" to force one, else PyTorch's choice.
        threads: threads of the CPU; a single one has kernels of its own.
        keeps: whether the layer runs in training; if not, what it would keep is freed at once.
        strides: how each input lies in memory.
        training: whether dropout is active.
        learns: whether the layer's parameters are trained, or an adapter of what it makes inside.
        adapts: whether only such an adapter is trained.
        beside: whether a gradient arrives only at its further outputs.
        given: for each input, the bytes of an element before autocast copies it.
        casts: whether autocast chose the layer's type, so that it reads copies of its parameters.
        objects: for each input, the position of the first input that is the same object; empty if all differ.
        channels_last: whether the filters of images are stored channels last.
    """

    needs: tuple[bool, ...]
    batch: int = 1
    width: int = 4
    gpu: bool = False
    attention: str | None = None
    threads: int = 2
    keeps: bool = True
    strides: tuple[Strides, ...] = ()
    training: bool = True
    learns: bool = True
    adapts: bool = False
    beside: bool = False
    given: tuple[int, ...] = ()
    casts: bool = False
    objects: tuple[int, ...] = ()
    channels_last: bool = False

    def same(self, one: int, other: int) -> bool:
        """Whether two inputs, by position, are the same object."""
        return one == other or (bool(self.objects) and self.objects[one] == self.objects[other])

    def first(self, saved: Saved) -> Saved:
        """`saved`, if the gradient of the first input is needed."""
        return saved if self.needs[0] else NOTHING

    @property
    def mask(self) -> int:
        """Bytes of an element of a dropout's mask: the CPU keeps the factor itself."""
        return 1 if self.gpu else self.width


class Saved:
    """What a layer keeps, for the whole batch.

    Attributes:
        inputs: positions of the inputs that are kept as they are; others may keep the same memory.
        output: whether the output is kept as it is.
        extra: bytes of anything else that is kept, by name.
        further: which further outputs are kept, by name.
        alone: names in `extra` that depend only on parameters, which every expert keeps for itself.
        states: which states of the second input, a recurrent layer, are kept.
        spread: names in `extra` of which every expert of a mixture has a part.
    """

    __slots__ = ("alone", "extra", "further", "inputs", "output", "spread", "states")

    def __init__(
        self,
        inputs: tuple[int, ...] = (),
        output: bool = False,
        extra: dict[str, int] | None = None,
        states: tuple[str, ...] = (),
        further: tuple[str, ...] = (),
        alone: tuple[str, ...] = (),
        spread: tuple[str, ...] = (),
    ) -> None:
        self.inputs = inputs
        self.output = output
        self.extra = extra or {}
        self.states = states
        self.further = further
        self.alone = alone
        self.spread = spread


NOTHING = Saved()
INPUT = Saved((0,))
OUTPUT = Saved(output=True)
