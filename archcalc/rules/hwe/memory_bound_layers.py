"""HWE804."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

_DTYPES = ("bf16", "fp16", "fp32")
_SHARE = 0.5
_NAMED = 3


@rule("HWE804", "memory-bound-layers")
class MemoryBoundLayers(Rule):
    """A forward pass that would mostly wait for memory, however fast the device computes.

    A layer that does few operations for each byte it reads and writes is bound by the memory. The
    finding compares, for each layer, its FLOPs at the peak rate and its bytes at the peak bandwidth
    of the data sheet; what takes longer counts. Peak rates are never reached, and compilers join
    layers, so that it tells where to look and not how long it takes. Larger batches help layers
    with weights; joining element-wise layers with their neighbours helps the others.

    Example:
        model: example
        input: [64, 56, 56]
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
        """At the name of a model that waits for more than half of the time; in the narrowest type the device computes in."""
        device = model.device
        dtype = next((one for one in _DTYPES if device and one in device.peaks), None)
        if device is None or dtype is None:
            return
        from archcalc.prediction.model import roofline
        from archcalc.prediction.operations import operations

        total = 0.0
        waiting: Counter[str] = Counter()
        for one in operations(model.graph, dtype):
            seconds = roofline(one, device, dtype)
            total += seconds
            if seconds > one.runs * one.flops / device.peaks[dtype]:
                waiting[one.kind] += seconds  # type: ignore[assignment]
        share = sum(waiting.values()) / total if total else 0
        if share > _SHARE:
            named = ", ".join(f"{kind} {seconds / total:.0%}" for kind, seconds in waiting.most_common(_NAMED))
            yield self.finding(
                model.graph.document.model,
                f"{share:.0%} of the least time on {device.name} in {dtype} is waiting for memory: {named}",
                "use larger batches, fewer element-wise layers, or a compiler that joins them",
                share=share,
                seconds=total,
            )
