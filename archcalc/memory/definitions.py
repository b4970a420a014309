"""What each number about memory means, and how certain it is."""

from __future__ import annotations

from dataclasses import dataclass

EXACT, RULE, ESTIMATE = "exact", "rule", "estimate"
SURE = {
    EXACT: "follows from the network alone and equals what PyTorch allocates",
    RULE: "follows from how PyTorch computes, by rules that measured runs confirm to within a few percent",
    ESTIMATE: "depends on what archcalc cannot know, e.g. the driver and the order of all allocations",
}


@dataclass(frozen=True)
class Definition:
    """A number: its JSON key without `_bytes`, its display name, its certainty, and what it counts."""

    key: str
    name: str
    certainty: str
    text: str


_ALL = (
    Definition("parameters", "parameters", EXACT, "All learned parameters, in the type of the run; tied ones once."),
    Definition(
        "buffers", "buffers", EXACT, "Stored with layers but not learned, e.g. batchnorm's running statistics."
    ),
    Definition("gradients", "gradients", EXACT, "One number for each parameter whose gradient has been computed."),
    Definition(
        "optimizer", "optimizer states", EXACT,
        "What the optimizer keeps from step to step: nothing for sgd, one average for momentum, two for adam and "
        "adamw; with mixed precision also the fp32 copy of the parameters.",
    ),
    Definition("inputs", "input", EXACT, "The batch and, in training, its targets."),
    Definition(
        "saved", "saved for backward", EXACT,
        "Tensors that autograd has saved at the peak, each storage once, without parameters, buffers and the "
        "batch. A rule on GPUs and in types other than fp32, where kernels save other tensors.",
    ),
    Definition(
        "temporaries", "temporaries", RULE,
        "Everything else alive at the peak: tensors between layers, gradients of activations, and "
        "workspaces of kernels.",
    ),
    Definition(
        "cache", "cache", EXACT,
        "Keys and values of all positions that attention can still see, states of recurrent layers, and for causal "
        "convolutions the kernel - 1 earlier positions that the next window reads.",
    ),
    Definition(
        "step", "one step", RULE,
        "The peak while computing one position, including inputs, outputs and the logits.",
    ),
    Definition(
        "prompt", "prompt", RULE,
        "The peak while computing the whole prompt at once, besides weights and caches; of the logits only the last "
        "position's. An engine that computes prompts in parts takes less: `archcalc serve`.",
    ),
    Definition("token", "each position", EXACT, "Growth of the cache per position, for the whole batch."),
    Definition("logits", "logits", EXACT, "The output of one step, for the whole batch."),
    Definition(
        "forward_end", "after forward", RULE, "Everything alive after the forward pass and the loss."
    ),
    Definition(
        "peak", "peak", RULE,
        "The maximum bytes in tensors at any moment of a steady-state step: the second or a later one, with "
        "gradients set to None between steps.",
    ),
    Definition(
        "allocated", "allocated", RULE,
        "The peak as the CUDA allocator counts it (torch.cuda.max_memory_allocated): every tensor rounded up to 512 bytes.",
    ),
    Definition(
        "reserved", "reserved", ESTIMATE,
        "What the allocator reserves from the driver (torch.cuda.max_memory_reserved): segments of 2 MiB for tensors up to "
        "1 MiB, of 20 MiB for those up to 10 MiB, and multiples of 2 MiB for larger ones; fragmentation comes on top.",
    ),
    Definition(
        "nvidia_smi", "nvidia-smi", ESTIMATE,
        "Reserved memory plus the process's memory before its first tensor: the context of the driver and libraries.",
    ),
)  # fmt: skip
# Assumptions about what a peak depends on besides the network.
ASSUMPTIONS = (
    "PyTorch uses two CPU threads: with one thread, convolutions and recurrent layers use other kernels, "
    "which need different amounts of memory. The processor is an x86 one with AVX-512, a second-level cache of "
    "1 MiB per core, and for 16-bit numbers its instructions for bf16; with AMX, products of 16-bit matrices need other amounts, and "
    "with another cache, convolutions with wide windows. On a GPU, CUDA kernels run.",
    "The network's output lives until the next step, through the loss, the backward pass and the optimizer's step; "
    "with --accumulate, until the output of the next batch takes its place. A tensor between layers lives as long as "
    "a variable of the module that `build` writes holds it. What no gradient reaches is not trained, and has no states.",
    "Attention runs as one fused kernel that keeps no scores, if PyTorch has one for it; with dropout on the CPU, a "
    "soft cap or a learned bias, it runs as separate operations. --attention flash or math forces one of them.",
    "Gradients, activations and optimizer states have the type of --precision; with mixed precision the states "
    "and a copy of the parameters are fp32. Adam updates the parameters one by one.",
)
DEFINITIONS = {definition.key: definition for definition in _ALL}
