"""BUD904."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

if TYPE_CHECKING:
    from archcalc.memory.footprint import Footprint


@rule("BUD904", "does-not-fit-device")
class DoesNotFitDevice(Rule):
    """The run takes more memory than the device given by `--device` has.

    It compares what `archcalc memory --device` compares: all memory that the process takes for a
    forward pass, or for what `--mode` or the spec's `run:` asks for, in the precision of the run. The
    examples are for a GPU with 80 GiB.

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
        The memory size in the device's data sheet.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the name of a model that does not fit."""
        device = model.device
        if device is None:
            return
        from archcalc.memory.allocator import taken  # most runs have no device
        from archcalc.memory.footprint import footprint
        from archcalc.memory.how import how
        from archcalc.running import Running
        from archcalc.running.declaration import INFERENCE, TRAIN

        graph, said = model.graph, model.said or Running()
        mode = said.over(graph.document.run(graph.variant)).mode or INFERENCE
        found = footprint(graph, how(graph, said, mode, device))
        bytes = taken(found, device).shown
        if bytes <= device.memory_bytes:
            return
        weights = sum(found.parts.get(part, 0) for part in ("parameters", "buffers"))
        what = {TRAIN: "a training step", INFERENCE: "a forward pass"}.get(mode, "generating")
        yield self.finding(
            graph.document.model,
            f"{what} takes {bytes:,} bytes: {device.title} has {device.memory_bytes:,}",
            f"{self._help(found, weights)}; {found.running}",
            bytes=bytes,
            parameters=found.parts.get("parameters", 0),
            limit=device.memory_bytes,
        )

    def _help(self, found: Footprint, weights: int) -> str:
        device = found.running.chip
        assert device is not None
        if weights > device.memory_bytes:
            return f"the parameters alone take {weights:,} bytes: use several devices, or fewer parameters"
        from archcalc.memory.limits import largest_size
        from archcalc.memory.needs import Needs
        from archcalc.memory.structure import Structure

        needs = Needs(found, Structure(found.graph))
        limit = largest_size(found.graph, "batch", needs, device.memory_bytes, needs.first)
        if limit.value:
            return f"the largest batch that fits is {limit.value:,}"
        return "not even a batch of 1 fits: use smaller inputs, or fewer channels in the first layers"
