"""What a peer is: a tool that counts, with a rule for each layer type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from archcalc.layers.base import Layer
from archcalc.peers.call import Call

# What a tool counts beyond ours (negative: what it leaves out), by the reason for it.
Deltas = dict[str, int]
# None where it is not known what the tool counts.
Rule = Callable[[Call], "Deltas | None"]

# Reasons that several tools have.
BIAS = "it counts biases as products"
SCORES = "it does not count scores and weighted values of attention"


@dataclass
class Peer:
    """A tool, as it is called with its defaults on the CPU, in evaluation mode.

    Attributes:
        name: what it is called; version: the one that was read and tested.
        call: how it is called to give the number.
        unit: what it calls what it counts; factor: how many of it are one of our MACs.
        remark: how the unit is to be read, if not as it says.
        counts_params: whether it gives a number of parameters too.
        one_sample: whether it always runs a batch of one.
        places: which of "macs" and "params" depend on how many modules keep a module that is called twice.
        modules: whether it knows modules by their types, of which altered ones are none.
        traces: whether it sees only what an output depends on.
        macs, params: for each layer type, what it counts beyond us.
        read: the layer types whose parameters it reads, for tools that read those of some.
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
        """What the tool counts in a layer beyond our count; None if that is not known."""
        if self.modules and getattr(layer, "is_altered", False):
            return lambda call: None
        return self.macs.get(layer.op, (lambda call: {}) if layer.bare else None)

    def rule(self, *ops: str) -> Callable[[Rule], Rule]:
        """Register what it counts beyond us in layers of these types."""

        def register(rule: Rule) -> Rule:
            for op in ops:
                if op in self.macs:
                    raise ValueError(f"two rules for {op} of {self.name}")
                self.macs[op] = rule
            return rule

        return register

    def reads(self, *ops: str) -> None:
        """Layers whose parameters it counts."""
        self.read.update(ops)

    def same(self, *ops: str) -> None:
        """Layers that it counts as we do."""
        self.rule(*ops)(lambda call: {})

    def without(self, why: str, *ops: str) -> None:
        """Layers of which it counts nothing."""
        self.rule(*ops)(lambda call: {why: -call.macs})

    def beyond(self, why: str, count: Callable[[Call], int], *ops: str) -> None:
        """Layers of which it counts `count` more than we do."""
        self.rule(*ops)(lambda call: {why: count(call)})
