"""What a peer is: a tool that counts, with a rule for each layer type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archcalc.layers.base import Layer
from archcalc.peers.call import Call

# What a tool counts in addition to us (negative: what it leaves out), by reason.
Deltas = dict[str, int]
# None if it is unknown what the tool counts.
Rule = Callable[[Call], "Deltas | None"]

# Reasons that several tools share.
BIAS = "it counts biases as products"
SCORES = "it does not count scores and weighted values of attention"


@dataclass
class Peer:
    """A tool, called with its defaults on the CPU, in evaluation mode.

    Attributes:
        name: its name; version: the one that was read and tested.
        call: the call that gives the number.
        unit: its name for what it counts; factor: how many of these are one of our MACs.
        remark: what the unit really means, if not what it says.
        counts_params: whether it counts parameters too.
        one_sample: whether it always runs a batch of one.
        places: which of "macs" and "params" depend on how many modules contain a module that is called twice.
        modules: whether it recognises modules by their exact types, so that modified ones are unknown.
        traces: whether it sees only what an output depends on.
        macs, params: for each layer type, what it counts in addition to us.
        read: the layer types whose parameters it reads, if it reads only those of some.
    """

    name: str
    version: str
    call: str
    unit: str
    factor: int = 1
    remark: str = ""
    counts_params: bool = True
    one_sample: bool = False
    places: tuple[str, ...] = ()
    modules: bool = False
    traces: bool = False
    macs: dict[str, Rule] = field(default_factory=dict)
    params: Rule = field(default=lambda call: {})
    read: set[str] = field(default_factory=set)

    def rule_of(self, layer: Layer) -> Rule | None:
        """What the tool counts in a layer in addition to our count; None if unknown."""
        if self.modules and getattr(layer, "is_altered", False):
            return lambda call: None
        return self.macs.get(layer.op, (lambda call: {}) if layer.bare else None)

    def rule(self, *ops: str) -> Callable[[Rule], Rule]:
        """Register what it counts in addition to us in layers of these types."""

        def register(rule: Rule) -> Rule:
            for op in ops:
                if op in self.macs:
                    raise ValueError(f"two rules for {op} of {self.name}")
                self.macs[op] = rule
            return rule

        return register

    def reads(self, *ops: str) -> None:
        """Register layers whose parameters it counts."""
        self.read.update(ops)

    def same(self, *ops: str) -> None:
        """Register layers that it counts as we do."""
        self.rule(*ops)(lambda call: {})

    def without(self, why: str, *ops: str) -> None:
        """Register layers for which it counts nothing."""
        self.rule(*ops)(lambda call: {why: -call.macs})

    def beyond(self, why: str, count: Callable[[Call], int], *ops: str) -> None:
        """Register layers for which it counts `count` more than we do."""
        self.rule(*ops)(lambda call: {why: count(call)})
