"""BUD904."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

if TYPE_CHECKING:
    from archcalc.memory.plan import Plan

_NARROWEST = ("bf16", "fp16", "fp32")


@rule("BUD904", "does-not-fit-device")
class DoesNotFitDevice(Rule):
    """A forward pass that takes more memory than the device of `--device` has.

    Counted are the parameters and what lives at the peak of a forward pass without gradients, for
    the batch of `--batch`, in the narrowest type the device computes in; driver and fragments come
    on top. It is a lower bound: wider types and training take more, as `archcalc memory --device`
    says. Quantised weights take less. The examples are for a GPU with 80 GiB.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq, 65536]
        layers: [{repeat: 12, layers: [linear 65536 bias=false, relu]}]

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq, 32768]
        layers: [{repeat: 12, layers: [linear 32768 bias=false, relu]}]

    Reference:
        The memory that the device's data sheet names.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """At the name of a model that does not fit."""
        device = model.device
        dtype = next((one for one in _NARROWEST if device and one in device.peaks), None)
        if device is None or dtype is None:
            return
        from archcalc.memory.plan import Plan  # most runs are about no device
        from archcalc.memory.simulation import simulate

        plan = Plan(dtype=dtype, gpu=device.kind == "gpu")
        run = simulate(model.graph, plan)
        if run.peak <= device.memory_bytes:
            return
        batch = model.graph.batch
        yield self.finding(
            model.graph.document.model,
            f"a forward pass takes {run.peak:,} bytes in {dtype} with a batch of {batch:,}: "
            f"{device.title} has {device.memory_bytes:,}",
            self._help(model, plan, run.parameters + run.buffers, device.memory_bytes),
            bytes=run.peak,
            parameters=run.parameters,
            limit=device.memory_bytes,
        )

    def _help(self, model: Model, plan: Plan, weights: int, room: int) -> str:
        if weights > room:
            return f"the parameters alone take {weights:,} bytes: use several devices, or fewer parameters"
        from archcalc.memory.limits import largest_size
        from archcalc.memory.needs import RunNeed
        from archcalc.memory.simulation import simulate

        limit = largest_size(model.graph, "batch", lambda graph: RunNeed(simulate(graph, plan)), room)
        if limit.value:
            return f"the largest batch that fits is {limit.value:,}"
        return "not even a batch of 1 fits: use smaller inputs, or fewer channels in the first layers"
