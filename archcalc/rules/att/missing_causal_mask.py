"""ATT602."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.attention import Attention
from archcalc.layers.dense import Embedding, Linear
from archcalc.layers.shape import Identity
from archcalc.layers.softmax import LogSoftmax
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.losses import last_layers
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("ATT602", "missing-causal-mask")
class MissingCausalMask(Rule):
    """An attention layer has no causal mask, although others have one.

    A model whose layers see only earlier tokens predicts the next token from the past. A single layer
    without the mask lets every position see the tokens after it, and passes that on to all later
    layers: the loss falls towards 0, and the model generates nonsense.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64 name=tokens
          - posembed length=16
          - residual: [layernorm, attention 4 bias=qvo causal=true]
          - residual: [layernorm, attention 4 bias=qvo]
          - linear 1000 tie=tokens
        loss: crossentropy

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64 name=tokens
          - posembed length=16
          - residual: [layernorm, attention 4 bias=qvo causal=true]
          - residual: [layernorm, attention 4 bias=qvo causal=true]
          - linear 1000 tie=tokens
        loss: crossentropy

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3.
    """

    about = (Attention,)
    severity = "error"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every unmasked self-attention in a model that predicts tokens from one token sequence and masks others."""
        tokens = model.only_input
        if tokens is None or tokens.rank != 1 or not tokens.integer or not _predicts_tokens(model):
            return
        attention = [placed.node for placed in model.layers if isinstance(placed.node.layer, Attention)]
        masked = [node for node in attention if isinstance(node.layer, Attention) and node.layer.causal]
        if not masked or any(_moves(placed.node) for placed in model.layers):
            return
        open_ = [
            node
            for node in attention
            if isinstance(node.layer, Attention)
            and not (node.layer.causal or node.layer.mask is not None or any(node.layer.places))
        ]
        affected = model.everywhere(open_)
        for node in open_:
            yield self.finding(
                model.placed(node),
                f"this attention also sees later tokens: {len(masked)} of the {len(attention)} attention layers mask them",
                "write causal=true",
                (Note("an attention with a mask", masked[0].place),),
                mend(model, node, affected, "write causal=true", with_argument(node, "causal", "true"), safe=False),
                masked=len(masked),
                attention=len(attention),
            )


def _moves(node: Node) -> bool:
    """Whether the positions after a layer may differ from those of the tokens."""
    return node.layer is not None and node.layer.selects and not isinstance(node.layer, Identity)


def _predicts_tokens(model: Model) -> bool:
    """Whether every output is a score for each token of the vocabulary at each position."""
    vocabularies = {int(placed.node.layer.vocab) for placed in model.layers if isinstance(placed.node.layer, Embedding)}
    tokens, last = next(iter(model.graph.inputs.values())), last_layers(model)
    return bool(last) and all(
        isinstance(node.layer, (Linear, LogSoftmax))
        and node.exit.rank == 2
        and node.exit.shape[0] == tokens.shape[0]
        and int(node.exit.shape[1]) in vocabularies
        for node in last
    )
