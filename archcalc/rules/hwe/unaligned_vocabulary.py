"""HWE802."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Fix
from archcalc.layers.dense import Embedding, Linear
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.losses import last_layers
from archcalc.rules.mending import if_valid, mend
from archcalc.rules.model import Model

_STEP, _SMALLEST = 64, 1024


@rule("HWE802", "unaligned-vocabulary")
class UnalignedVocabulary(Rule):
    """The logits are over a vocabulary whose size is not a multiple of 64, on a GPU.

    The product with the token table is among the largest of a small language model, and its kernel is
    chosen by the divisors of the vocabulary. Published: padding to a multiple of 64 took a model from
    1.19 to 1.24 steps a second on an RTX 3090; a compiler that padded the same product was faster on
    one device, 2.57 ms instead of 2.65, and slower on an RTX 3090. This project has measured nothing
    here: time both. The added tokens are never used. Not reported below 1,024 tokens.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=50257 dim=64 name=tokens
          - lstm 64
          - linear 50257 bias=false tie=tokens

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=50304 dim=64 name=tokens
          - lstm 64
          - linear 50304 bias=false tie=tokens

    Reference:
        github.com/RobertRiachi/nanoPALM, pull request 6; github.com/tinygrad/tinygrad, pull request 2664.
    """

    about = (Embedding,)
    severity = "info"
    evidence = "measured"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every linear layer at an output that has as many features as an embedding has tokens."""
        if model.device is None or model.device.kind != "gpu":
            return
        tables = [
            placed.node
            for placed in model.layers
            if isinstance(placed.node.layer, Embedding) and not placed.node.tied_to
        ]
        vocabularies = {int(table.layer.vocab) for table in tables if isinstance(table.layer, Embedding)}
        for node in last_layers(model):
            features = int(node.exit.shape[-1])
            if (
                not isinstance(node.layer, Linear)
                or features not in vocabularies
                or features % _STEP == 0
                or features < _SMALLEST
            ):
                continue
            near = -(-features // _STEP) * _STEP
            more = (near - features) * int(node.inputs[0].shape[-1])
            yield self.finding(
                model.placed(node),
                f"a vocabulary of {features:,} is {near - features} short of {near:,}, a multiple of {_STEP}",
                f"try {near:,} ({more:,} more parameters a table), and time both",
                (),
                self._fix(model, node, tables, near),
                vocabulary=features,
                multiple=_STEP,
            )

    def _fix(self, model: Model, node: Node, tables: list[Node], near: int) -> Fix | None:
        """The new size at the output and at every table of that size."""
        edits = [with_argument(node, "features", str(near))]
        features = int(node.exit.shape[-1])
        same = [table for table in tables if isinstance(table.layer, Embedding) and table.layer.vocab == features]
        edits += [with_argument(table, "vocab", str(near)) for table in same]
        whole = tuple(edit for edit in edits if edit is not None)
        if len(whole) < len(edits) or any(len(model.alike(one)) > 1 for one in same):
            return None
        tied = [placed.node for placed in model.layers if any(owner in same for owner in placed.node.tied.values())]
        fix = mend(model, node, model.everywhere([node]), f"write {near}", whole, safe=False, ties=tied == [node])
        return if_valid(model, fix)
