"""Letters of patterns that say which axis holds the channels, where the surrounding layers decide it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archcalc.layers import CHANNELS_FIRST, REGISTRY
from archcalc.tracing.graph import Graph, Node, Out

# Patterns with their usual letters: windows of a map and back; heads of queries, keys and values and back.
_LETTERS = (
    "(y h) (x w) c -> (y x) (h w) c",
    "(y h x w) c -> (y x) (h w) c",
    "n (h d) -> h n d",
    "h n d -> n (h d)",
    "n (k h d) -> k h n d",
    "n k h d -> k h n d",
    "w n (h d) -> w h n d",
    "w h n d -> w n (h d)",
    "w n (k h d) -> k w h n d",
    "n m h -> h n m",
    "(n m) h -> h n m",
)
_WINDOWS, _BACK = _LETTERS[0], "(y x) (h w) c -> (y h) (x w) c"
# Orders with usual letters: channels to the end, and back.
_TO_LAST = {"a b d -> b d a": "c h w -> h w c", "a b d e -> b d e a": "c d h w -> d h w c"}
_TO_FIRST = {"a b d -> d a b": "h w c -> c h w", "a b d e -> e a b d": "d h w c -> c d h w"}
_PASSES = frozenset(("relu", "gelu", "silu", "add", "mul", "layerscale", "dropout", "droppath", "identity", "scale"))


def apply(graph: Graph) -> None:
    """Write `c h w -> h w c` after a convolution, and the reverse before one or beside something channels-first."""
    cut: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    for node in graph.nodes:
        if node.op != "rearrange":
            continue
        pattern = node.keys["pattern"]
        if pattern in _TO_LAST and _is_first(node.inputs[0]):
            node.keys["pattern"] = _TO_LAST[pattern]
        elif pattern in _TO_FIRST and _is_last(node.inputs[0]):
            node.keys["pattern"] = _TO_FIRST[pattern]
        else:
            sides = node.inputs[0].sizes, node.sizes
            _lettered(node, (_BACK, *_LETTERS) if sides[::-1] in cut else _LETTERS)
            if node.keys["pattern"] == _WINDOWS:
                cut.add(sides)


def _lettered(node: Node, patterns: Sequence[str]) -> None:
    """A pattern in the letters of the known ones, with `c` for the channels."""
    pattern = node.keys["pattern"]
    for known in patterns:
        old, new = re.findall(r"\w", pattern), re.findall(r"\w", known)
        names = dict(zip(old, new))
        same = "".join(names.get(one, one) for one in pattern) == known
        if same and len({*names.values()}) == len(names) and all((a == "c") == (b == "c") for a, b in names.items()):
            node.keys = {"pattern": known, **{names[key]: node.keys[key] for key in node.keys if key != "pattern"}}
            return


def _is_first(out: Out) -> bool:
    """Whether a tensor comes from a layer whose output is channels-first."""
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
    """The node that made a tensor, skipping those that keep its axes."""
    seen = 0
    while out.node.op in _PASSES and out.node.inputs and seen < 50:
        wide = [one for one in out.node.inputs if len(one.sizes) == len(out.sizes)]
        if not wide:
            return None
        out = wide[0]
        seen += 1
    return None if out.node.op == "input" else out.node
