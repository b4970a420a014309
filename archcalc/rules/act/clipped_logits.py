"""ACT407."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.losses import last_layers, loss, loss_note
from archcalc.rules.mending import mend
from archcalc.rules.model import Model

_CLIPPING = ("relu", "relu6")
_OF_LOGITS = ("softmax", "logsoftmax", "sigmoid")


@rule("ACT407", "clipped-logits")
class ClippedLogits(Rule):
    """A relu on logits: evidence against a class cannot be told.

    Every negative logit becomes 0 and gets no gradient. Behind a sigmoid no probability is below
    one half; behind a softmax all classes that the model argues against are equally likely.

    Example:
        model: example
        input: [20]
        layers: [linear 10, relu]
        loss: crossentropy

    Use instead:
        model: example
        input: [20]
        layers: [linear 10]
        loss: crossentropy

    Reference:
        Goodfellow, Bengio and Courville 2016, Deep learning, section 6.2.2.
    """

    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every relu that a softmax, a sigmoid or a loss on logits reads directly."""
        clipped: list[tuple[Node, str, tuple[Note, ...]]] = []
        for placed in model.layers:
            first = model.producer(placed.node.inputs[0]) if placed.node.op in _OF_LOGITS else None
            if first is not None and first.op in _CLIPPING:
                clipped.append((first, placed.node.op, (Note("read here", placed.node.place),)))
        last = last_layers(model)
        if loss(model) in ("crossentropy", "bcewithlogits") and all(node.op in _CLIPPING for node in last):
            clipped += [(node, loss(model), loss_note(model)) for node in last]
        for node, reader, notes in clipped:
            fix = mend(model, node, [one for one, _, _ in clipped], "delete it", without_layer(node), safe=False)
            yield self.finding(
                model.placed(node),
                f"`{node.op}` makes every negative one of the {int(node.exit.elements):,} logits 0 before `{reader}`",
                "delete it",
                notes,
                fix,
                logits=int(node.exit.elements),
            )
