"""PRM303."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.attention import Attention
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("PRM303", "attention-key-bias")
class AttentionKeyBias(Rule):
    """The softmax cancels the bias of the keys in attention.

    The bias adds the same number to all scores of a query, and softmax does not change if all its
    inputs grow by the same number: the bias has no effect and no gradient. It does have one
    with rotary positions, a norm of the keys, a soft cap, or keys that are not projected (`bias_kv`,
    `zero_attn`).

    Example:
        model: example
        dims: {seq: 16}
        input: [seq, 64]
        layers:
          - linear 64
          - attention 4

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq, 64]
        layers:
          - linear 64
          - attention 4 bias=qvo

    Reference:
        Radford et al. 2022, arXiv:2212.04356: Whisper's keys have no bias.
    """

    about = (Attention,)
    severity = "info"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every attention with a bias on its keys and nothing between them and the softmax."""
        idle = [placed.node for placed in model.layers if _keys_biased(placed.node) and not model.shares(placed.node)]
        affected = model.everywhere(idle)
        for nodes in model.together(idle):
            node, layers = nodes[0], sum(model.stored(one) for one in nodes)
            count = sum(model.stored(one) * _bias_size(one) for one in nodes)
            plain = isinstance(node.layer, Attention) and node.layer.bias is True
            edit = with_argument(node, "bias", "qvo") if plain else None
            yield self.finding(
                model.placed(node),
                f"{count:,} key biases{f' of {layers} layers' if layers > 1 else ''} are cancelled by the softmax",
                "bias=qvo leaves them out; the parameters are then named as separate projections",
                (),
                mend(model, node, affected, "write bias=qvo", edit, safe=False),
                also=map(model.placed, nodes),
                parameters=count,
            )


def _keys_biased(node: Node) -> bool:
    layer = node.layer
    if not isinstance(layer, Attention) or layer.rope is not None or layer.qknorm or layer.softcap is not None:
        return False
    if layer.more or layer.sinks:  # keys without a projection, and the scores of sinks, have no such bias
        return False
    return "k" in layer.bias if isinstance(layer.bias, str) else bool(layer.bias)


def _bias_size(node: Node) -> int:
    layer = node.layer
    assert isinstance(layer, Attention)
    width = int(node.inputs[0].shape[-1])
    head = int(layer.head_dim or width // layer.heads)
    return head * int(layer.kv_heads or layer.heads)
