"""HWE804."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

_SHARE = 0.5
# At most this many kinds of layers are named, if their share is at least this large.
_NAMED, _SMALLEST = 3, 0.01


@rule("HWE804", "memory-bound-layers")
class MemoryBoundLayers(Rule):
    """A forward pass that mostly waits for memory, however fast the device computes.

    A layer that does few operations for each byte it reads and writes is bound by memory. The finding
    is about the time that `archcalc predict` gives for a forward pass, without the time to launch
    kernels: which part of it is spent in layers that wait for memory, and which layers those are.
    Compilers fuse layers, so take it as a hint where to look. Larger batches help layers with weights;
    fusing element-wise layers with their neighbours helps the others.

    Example:
        model: example
        input: [64, 224, 224]
        layers: [conv 64 kernel=3 padding=1 bias=false, batchnorm, relu, conv 64 kernel=1, relu]

    Use instead:
        model: example
        dims: {seq: 4096}
        input: [seq, 8192]
        layers: [linear 8192 bias=false]

    Reference:
        Williams, Waterman and Patterson 2009, Roofline, Communications of the ACM 52(4).
    """

    severity = "info"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the name of a model that waits for more than half of the time, in the type that `predict` uses."""
        if model.device is None:
            return
        from archcalc.memory.how import how  # most runs have no device
        from archcalc.prediction.estimate import COMPUTE, MEMORY
        from archcalc.prediction.predict import predict
        from archcalc.running import Running
        from archcalc.running.declaration import INFERENCE

        running = how(model.graph, model.said or Running(), INFERENCE, model.device)
        found = predict(model.graph, running)
        whole = found.forward
        busy = sum(whole.bounds.get(bound, 0.0) for bound in (COMPUTE, MEMORY))
        share = whole.bounds.get(MEMORY, 0.0) / busy if busy else 0.0
        if share > _SHARE:
            waiting: Counter[str] = Counter()
            for layer in found.layers:
                waiting[layer.node.op] += layer.forward.bounds.get(MEMORY, 0.0)  # type: ignore[assignment]
            parts = [(op, seconds / busy) for op, seconds in waiting.most_common(_NAMED)]
            named = ", ".join(f"{op} {100 * part:.0f} %" for op, part in parts if part >= _SMALLEST)
            yield self.finding(
                model.graph.document.model,
                f"{model.device.name} spends {100 * share:.0f} % of its busy time in {running.types.computes} waiting for memory: {named}",
                "use larger batches, fewer element-wise layers, or a compiler that fuses them",
                share=share,
                seconds=whole.seconds,
            )
