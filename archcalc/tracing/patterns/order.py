"""Letters of patterns that say which axis has the channels, where the layers around decide it."""

from __future__ import annotations

from archcalc.layers import CHANNELS_FIRST, REGISTRY
from archcalc.tracing.graph import Graph, Node, Out

# The orders that people write with letters of their own: channels to the end, and back.
_TO_LAST = {"a b d -> b d a": "c h w -> h w c", "a b d e -> b d e a": "c d h w -> d h w c"}
_TO_FIRST = {"a b d -> d a b": "h w c -> c h w", "a b d e -> e a b d": "d h w c -> c d h w"}
_PASSES = frozenset(("relu", "gelu", "silu", "add", "mul", "layerscale", "dropout", "droppath", "identity", "scale"))


def apply(graph: Graph) -> None:
    """`c h w -> h w c` after a convolution, and back before one or beside what is channels first."""
    for node in graph.nodes:
        if node.op != "rearrange":
            continue
        pattern = node.keys["pattern"]
        if pattern in _TO_LAST and _is_first(node.inputs[0]):
            node.keys["pattern"] = _TO_LAST[pattern]
        elif pattern in _TO_FIRST and _is_last(node.inputs[0]):
            node.keys["pattern"] = _TO_FIRST[pattern]


def _is_first(out: Out) -> bool:
    """Whether a tensor comes from what gives channels first."""
    node = _maker(out)
    return node is not None and (
        REGISTRY[node.op].layout == CHANNELS_FIRST or node.keys.get("pattern", "").endswith("-> c h w")
    )


def _is_last(out: Out) -> bool:
    node = _maker(out)
    return node is not None and (
        node.op in ("linear", "layernorm", "attention") or node.keys.get("pattern", "").endswith("-> h w c")
    )


def _maker(out: Out) -> Node | None:
    """What made a tensor, before what leaves its axes as they are."""
    seen = 0
    while out.node.op in _PASSES and out.node.inputs and seen < 50:
        wide = [one for one in out.node.inputs if len(one.sizes) == len(out.sizes)]
        if not wide:
            return None
        out = wide[0]
        seen += 1
    return None if out.node.op == "input" else out.node
