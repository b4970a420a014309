"""What each number about memory means, and how certain it is."""

from __future__ import annotations

from dataclasses import dataclass

EXACT, RULE, ESTIMATE = "exact", "rule", "estimate"
SURE = {
    EXACT: "follows from the network alone and equals what PyTorch allocates",
    RULE: "follows from how PyTorch computes, by rules that measured runs confirm to within a few percent",
    ESTIMATE: "depends on what the program cannot see, e.g. the driver and the order of all allocations",
}


@dataclass(frozen=True)
class Definition:
    """A number: its key in JSON without `_bytes`, its name for people, its class, and what it counts."""

    key: str
    name: str
    certainty: str
    text: str


_ALL = (
    Definition("parameters", "parameters", EXACT, "Every learned parameter in the type of the run; tied ones once."),
    Definition(
        "buffers", "buffers", EXACT, "What is stored with layers but not learned, e.g. the averages of batchnorm."
    ),
    Definition("gradients", "gradients", EXACT, "One number for each parameter whose gradient has been computed."),
    Definition(
        "optimizer", "optimizer states", EXACT,
        "What the optimizer keeps from step to step: nothing for sgd, one average for momentum, two for adam and "
        "adamw; with mixed precision the fp32 copy of the parameters as well.",
    ),
    Definition("inputs", "input", EXACT, "The batch and, in training, its targets."),
    Definition(
        "saved", "saved for backward", EXACT,
        "Tensors that autograd keeps at the moment of the peak, each storage once, without parameters, buffers and the "
        "batch. A rule on GPUs and in types other than fp32, whose kernels keep other tensors.",
    ),
    Definition(
        "temporaries", "temporaries", RULE,
        "Whatever else is alive at the moment of the peak: tensors between layers, gradients of activations, and "
        "workspaces of kernels.",
    ),
    Definition(
        "cache", "cache", EXACT,
        "Keys and values of all positions that attention may still see, states of recurrent layers, and for causal "
        "convolutions the kernel - 1 earlier positions that the next window reads.",
    ),
    Definition(
        "step", "one step", RULE,
        "The most that computing one position reads, returns and holds at once, including the logits.",
    ),
    Definition("token", "each position", EXACT, "How much the cache grows with each further position, for the whole batch."),
    Definition("logits", "logits", EXACT, "The output of one step, for the whole batch."),
    Definition(
        "forward_end", "after forward", RULE, "Everything that is alive when the forward pass and the loss are done."
    ),
    Definition(
        "peak", "peak", RULE,
        "The most bytes in tensors at any moment of a step in the steady state: the second or a later one, with "
        "gradients set to None between steps.",
    ),
    Definition(
        "allocated", "allocated", RULE,
        "The peak as the CUDA allocator counts it (torch.cuda.max_memory_allocated): every tensor rounded up to 512 bytes.",
    ),
    Definition(
        "reserved", "reserved", ESTIMATE,
        "What the allocator takes from the driver (torch.cuda.max_memory_reserved): segments of 2 MiB for tensors up to "
        "1 MiB, of 20 MiB for those up to 10 MiB, and multiples of 2 MiB for larger ones; fragmentation comes on top.",
    ),
    Definition(
        "nvidia_smi", "nvidia-smi", ESTIMATE,
        "Reserved memory and what the process takes before its first tensor: the context of the driver and libraries.",
    ),
)  # fmt: skip
# What a peak depends on beside the network, and is taken to be so.
ASSUMPTIONS = (
    "The CPU has two threads and PyTorch uses both: with one thread, other kernels run convolutions and recurrent "
    "layers and need other amounts of memory. On a GPU, CUDA kernels run.",
    "The network's output lives until the next step: the loss, the backward pass and the optimizer's step run beside it. A "
    "tensor between layers lives as long as a variable of the module that `build` writes holds it.",
    "Attention is computed by one kernel that keeps no scores, where PyTorch has one for it; with dropout on the CPU, a "
    "soft cap or a learned bias, it is computed step by step. --attention flash or math forces one of them.",
    "Gradients, activations and optimizer states have the type that --precision says; with mixed precision the states "
    "and a copy of the parameters are fp32. Adam goes through the parameters one by one.",
)
DEFINITIONS = {definition.key: definition for definition in _ALL}
