"""BUD904."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.devices import Device
from archcalc.network.load import Graph
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

_DTYPES = ("bf16", "fp16", "fp32")


@rule("BUD904", "does-not-fit-device")
class DoesNotFitDevice(Rule):
    """A forward pass that takes more memory than the device has.

    What is compared is the least there is: a forward pass without gradients, in the narrowest type
    that the device computes in. It is what `archcalc memory` says that the device will show as used:
    weights and activations at the peak, what the allocator takes beside them, and the context of the
    driver. Training takes several times as much. Silent without `--device`.

    Example:
        model: example
        input: [200000]
        layers: [linear 250000]

    Use instead:
        model: example
        input: [200000]
        layers: [linear 1000, linear 250000]

    Reference:
        The memory of the device's data sheet; `archcalc memory --definitions` for what is counted.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """At the name of a model that does not fit."""
        device = model.device
        dtype = next((one for one in _DTYPES if device and one in device.peaks), None)
        if device is None or dtype is None:
            return
        from archcalc.memory.limits import largest_size  # most runs are about no device

        def needed(graph: Graph) -> int:
            return _shown(graph, device, dtype)

        graph, room = model.graph, device.memory_bytes
        bytes = needed(graph)
        if bytes <= room:
            return
        batch = largest_size(graph, "batch", needed, room).value if graph.batch > 1 else 0
        weights = model.costs.totals.params * (4 if dtype == "fp32" else 2)
        yield self.finding(
            graph.document.model,
            f"a forward pass of batch {graph.batch:,} takes {bytes:,} bytes in {dtype}, {bytes - room:,} more than "
            f"{device.name} has",
            f"the largest batch that fits is {batch:,}"
            if batch
            else f"the weights alone take {weights:,} bytes: share them between {-(-weights // room)} devices or more"
            if weights > room
            else "`archcalc memory` says what takes most, and what fits",
            bytes=bytes,
            limit=room,
            batch=batch,
        )


def _shown(graph: Graph, device: Device, dtype: str) -> int:
    """Bytes of the device that a forward pass takes, its process included."""
    from archcalc.memory.allocator import taken
    from archcalc.memory.footprint import INFERENCE, footprint
    from archcalc.memory.plan import Plan

    return taken(footprint(graph, Plan(dtype=dtype, gpu=device.kind == "gpu"), INFERENCE), device).shown
