"""The memory part of every layer: the strides of its output, what it reads from a copy, and what it keeps."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.facts import LayerFacts
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor

LOW, WIDE, JOINED, ROUTED = "low", "wide", "joined", "routed"


class LayerMemory(LayerFacts):
    """What a layer says about memory; tensors are of one sample, `Saving.batch` is the number of samples."""

    # True: the output is another view of the input's memory.
    view: ClassVar[bool] = False
    # True: the gradient of each input is that of the output, without memory of its own.
    hands_on: ClassVar[bool] = False
    # The first input whose gradient is not that of the output, if inputs differ in this.
    own_back: ClassVar[int] = 0
    # True: autograd keeps nothing for it, as for sums and views; any other layer says in `saved` what is kept.
    keeps_nothing: ClassVar[bool] = False
    # How torch.autocast runs it: LOW in 16 bits, WIDE in fp32 on a GPU, JOINED in a type at least as wide as its
    # parameters, ROUTED with a product in 16 bits of its first input alone; all others in the widest of the types that they read.
    autocast: ClassVar[str] = ""

    # True: an operation on the elements of its inputs, or on those and a parameter; the CPU copies what is narrower.
    joins: ClassVar[bool] = False
    # True: a product, the gradients of whose factors have the type of the result before their own.
    multiplies: ClassVar[bool] = False

    # Tensors of the input's size that are needed temporarily: forward if nothing is kept, and backward, if autograd computes
    # its formula step by step. Source: tools/autograd/derivatives.yaml and FunctionsManual.cpp of PyTorch.
    makes: ClassVar[tuple[int, int]] = (0, 0)

    # True: the gradient of its input is that of its output, expanded: a view, without memory of its own.
    stretches_gradient: ClassVar[bool] = False
    # True: its backward pass reads such a view directly; that of any other layer copies it first.
    reads_stretched: ClassVar[bool] = False

    def element_bytes(self, how: Saving) -> int:
        """Bytes of an element of the output."""
        return how.width

    def is_wide(self, gpu: bool, *inputs: Tensor) -> bool:
        """Whether torch.autocast has it give fp32 or more, whatever it reads."""
        return self.autocast == JOINED or (self.autocast == WIDE and gpu)

    def readers(self, place: int, y: Tensor, *inputs: Tensor) -> int:
        """How many products read the input `place`; autocast gives each its own copy."""
        return 1

    def reads_back(self, name: str) -> bool:
        """Whether its backward pass reads the parameter `name` even where no gradient flows to its inputs."""
        return False

    def sums_samples(self) -> bool:
        """Whether the gradient of an input that is the same for every sample is computed per sample, then summed."""
        return not self.hands_on

    def views_gradient(self, place: int, y: Tensor, *inputs: Tensor) -> bool:
        """Whether autograd sees the gradient of the input `place` as a view, to which others are added in new memory."""
        return self.view or self.stretches_gradient

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Whether the output shares the first input's memory when it runs; a view always does."""
        return self.view or self.hands_back(how, y, *inputs)

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Whether its output is its first input itself, the same Python object, and not just another view of it."""
        return False

    def stored(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """Elements of the new memory that holds the output."""
        return how.batch * y.numel

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """How the output lies in memory; by default like the input if elementwise, else contiguous."""
        return iterated(how.strides[0]) if self.elementwise else contiguous((how.batch, *y.shape))

    def further_strides(self, name: str, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """How the further output `name` lies in memory."""
        return contiguous((how.batch, *(y.outputs or {})[name].shape))

    def further_memory(self, name: str) -> str | None:
        """Whose memory the further output `name` uses: another one's, by name; the output's (""); or its own (None)."""
        return None

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """Indices of inputs that it reads from a copy, because they lie in another order; one listed twice has two."""
        return ()

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """What autograd keeps for the backward pass."""
        if not self.keeps_nothing:
            raise NotImplementedError(unsaid(type(self)))
        return NOTHING

    def around(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """Bytes of its own that are alive while the layers inside it run, for the last time if they run several times."""
        return 0

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Bytes that its kernels need temporarily, forward and backward, apart from what they read, keep and return.

        They return the output, and backward the gradients of the inputs and of the parameters.
        """
        forward, backward = self.makes
        if not inputs or not (forward or backward):
            return 0, 0
        size = inputs[0].numel * how.batch * how.width
        return 0 if how.keeps else forward * size, backward * size * how.needs[0]

    def joining(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """Bytes of the gradients of parts of its parameters, which are copied into the gradient of the whole at the end."""
        return 0


def unsaid(layer: type[LayerMemory]) -> str:
    """What to write in a layer if it is not known what autograd keeps."""
    return f"write `saved` in {layer.__name__}, or `keeps_nothing = True` where autograd keeps nothing of it"
