"""What every number about memory means, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

EXACT, RULE, ESTIMATE = "exact", "rule", "estimate"
SURE = {
    EXACT: "follows from the network alone and equals what PyTorch allocates",
    RULE: "follows from how PyTorch computes, by rules that measured runs confirm within some percent",
    ESTIMATE: "depends on what the program does not see, as a driver and the order of all allocations",
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
        "buffers", "buffers", EXACT, "What is stored with layers but not learned, as the averages of batchnorm."
    ),
    Definition("gradients", "gradients", EXACT, "One number for each parameter whose gradient has been computed."),
    Definition(
        "optimizer", "optimizer states", EXACT,
        "What the optimizer keeps from step to step: nothing for sgd, one average for momentum, two for adam and "
        "adamw; with mixed precision the fp32 copy of the parameters as well.",
    ),
    Definition("inputs", "input", EXACT, "The batch itself and, in training, its targets."),
    Definition(
        "saved", "saved for backward", EXACT,
        "Tensors that autograd keeps at the moment of the peak, each storage once; parameters, buffers and the batch "
        "not counted. A rule in other types than fp32 and on a GPU, whose kernels keep other things.",
    ),
    Definition(
        "temporaries", "temporaries", RULE,
        "What is alive at the moment of the peak beside all that: what flows between layers, gradients of "
        "activations, and the room that kernels work in.",
    ),
    Definition(
        "cache", "cache", EXACT,
        "Keys and values of all positions that attention may still see, the states of recurrent layers, and of causal "
        "convolutions the positions before the next one that its window reads: kernel - 1.",
    ),
    Definition(
        "step", "one step", RULE,
        "The most that computing one position reads, gives and holds at once, the logits included.",
    ),
    Definition("token", "each position", EXACT, "What the cache grows by with the next position, for the whole batch."),
    Definition("logits", "logits", EXACT, "What one step gives, for the whole batch."),
    Definition(
        "forward_end", "after forward", RULE, "All that is alive when the forward pass and the loss are done."
    ),
    Definition(
        "peak", "peak", RULE,
        "The most bytes in tensors at one moment of a step in the steady state: the second one or later, with "
        "gradients set to None between steps.",
    ),
    Definition(
        "allocated", "allocated", RULE,
        "The peak as the CUDA allocator counts it (torch.cuda.max_memory_allocated): every tensor rounded up to 512 bytes.",
    ),
    Definition(
        "reserved", "reserved", ESTIMATE,
        "What the allocator takes from the driver (torch.cuda.max_memory_reserved): segments of 2 MiB for tensors up to "
        "1 MiB, of 20 MiB up to 10 MiB, larger ones in steps of 2 MiB; room lost between tensors over time comes on top.",
    ),
    Definition(
        "nvidia_smi", "nvidia-smi", ESTIMATE,
        "Reserved memory and what the process takes before its first tensor: the context of the driver and libraries.",
    ),
)  # fmt: skip
# What a peak depends on beside the network, and is taken to be so.
ASSUMPTIONS = (
    "The CPU has two threads, and PyTorch uses both: with one its convolutions and recurrent layers have kernels that "
    "take other room. On a GPU its own kernels run.",
    "What the network gives lives until the next step: the loss, backward and the optimizer's step run beside it. What "
    "flows between layers lives as long as a variable of the module that `build` writes holds it.",
    "Attention is computed by one kernel that keeps no scores, where PyTorch has one for it; with dropout on the CPU, a "
    "soft cap or a bias that learns it is computed step by step. --attention flash or math says which.",
    "Gradients and activations are of the type that --dtype says, the optimizer's states as well; with --mixed they and "
    "a copy of the parameters are fp32. Adam goes through the parameters one by one.",
)
DEFINITIONS = {definition.key: definition for definition in _ALL}
