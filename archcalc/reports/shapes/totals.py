"""The totals of all layers, and the counting convention."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.cost import DTYPE_BYTES, Cost, Costs
from archcalc.expectations import confirmed, used
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block
from archcalc.reports.paragraphs import Parts


def footer(costs: Costs) -> Iterator[Block]:
    """The totals, and what they count."""
    totals = costs.totals
    by_dtype = ", ".join(
        f"{numbers.size(totals.params * DTYPE_BYTES[name]) or '0 B'} in {name}" for name in ("fp32", "bf16")
    )
    facts = ["no parameters"]
    if totals.params:
        facts = [f"{totals.params:,} parameters, {declared(costs)}{trained(totals)} ({by_dtype})"]
    if totals.active_params != totals.params:
        facts.append(f"{totals.active_params:,} active for each position")
    if totals.buffers:
        facts.append(f"{totals.buffers:,} number{'' if totals.buffers == 1 else 's'} in buffers")
    least = "at least " if costs.declared.unknown else ""
    facts.append(f"{least}{numbers.with_unit(totals.macs, 'MACs')} = {numbers.with_unit(totals.flops, 'FLOPs')}")
    facts.append(f"{numbers.with_unit(totals.other_flops, 'FLOPs')} element-wise")
    facts.append(f"activations {numbers.size(totals.activation_bytes) or '0 B'} in {costs.dtype}")
    yield Parts(facts)
    checks = []
    if kept := confirmed(costs):
        checks.append(f"as the spec expects: {', '.join(kept)}")
    if budgets := used(costs):
        checks.append(f"budget used: {numbers.budgets(budgets)}")
    if checks:
        yield Parts(checks)
    yield Parts(convention(costs), DIM)


def declared(costs: Costs) -> str:
    """How many of the parameters are declared in the spec, if parts of it are opaque."""
    found = costs.declared
    if not found.layers:
        return ""
    return f"{found.params:,} of them declared ({found.layers:,} opaque layer{'' if found.layers == 1 else 's'}), "


def trained(totals: Cost) -> str:
    """How many of the parameters are trained."""
    return f"{totals.trainable:,} trainable" if totals.frozen else "all trainable"


def convention(costs: Costs) -> list[str]:
    """What is counted, in sentences; the first two apply to every network."""
    sentences = [
        "MACs: convolution, linear, attention, recurrent products",
        "FLOPs = 2 × MACs, as torch.utils.flop_counter",
    ]
    found = costs.declared
    if found.layers:
        macs = "MACs" if found.unknown else numbers.with_unit(found.macs, "MACs")
        layers = f"{found.layers:,} opaque layer{'' if found.layers == 1 else 's'}"
        sentences.append(f"declared, not computed: {macs} of {layers}" + ", some of them unknown" * found.unknown)
    if any(node.masked_macs for node in costs.layers()):
        sentences.append(
            "masked attention: only the scores a query may see (--causal half)"
            if costs.useful
            else "masked attention: all scores counted (--causal dense)"
        )
    return sentences
