"""Keras layers and operations with several inputs, and attention."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.file import Json
from archcalc.sources.keras.layer import Layer
from archcalc.sources.writing import Item

# A function of the layer, the names and ranks of its inputs, and its plain number arguments.
Merge = Callable[[Layer, list[str], list[int], list[Json]], tuple[list[Item], int]]


def _merge(op: str, number: str | None = None) -> Merge:
    def make(layer: Layer, names: list[str], ranks: list[int], plain: list[Json]) -> tuple[list[Item], int]:
        values = [one for one in plain if isinstance(one, (int, float)) and not isinstance(one, bool)]
        if len(names) == 1 and len(values) == len(plain) == 1 and number is not None:
            return [_read(names[0], f"{number} {-values[0] if op == 'sub' else values[0]:g}")], ranks[0]
        if plain or len(names) < 2:
            layer.refuse(f"`{layer.kind}` {layer.name!r}: its arguments are not supported")
        if len(set(ranks)) > 1:
            layer.refuse(
                f"`{layer.kind}` {layer.name!r} reads tensors with {' and '.join(map(str, sorted(set(ranks))))} axes"
            )
        return [{op: list(names)}], max(ranks)

    return make


def _read(name: str, line: str) -> str:
    return line if name == "prev" else f"{line} from={name}"


def _average(layer: Layer, names: list[str], ranks: list[int], plain: list[Json]) -> tuple[list[Item], int]:
    return [{"add": list(names)}, f"scale 1/{len(names)}"], max(ranks)


def _folded(op: str) -> Merge:
    def make(layer: Layer, names: list[str], ranks: list[int], plain: list[Json]) -> tuple[list[Item], int]:
        items: list[Item] = [{op: names[:2]}]
        return items + [{op: ["prev", name]} for name in names[2:]], max(ranks)

    return make


def _concat(layer: Layer, names: list[str], ranks: list[int], plain: list[Json]) -> tuple[list[Item], int]:
    rank = ranks[0]
    given = layer.get("axis")
    axis = -1 if given is None else given
    if (
        isinstance(axis, bool)
        or not isinstance(axis, int)
        or not (-rank <= axis <= -1 or 1 <= axis <= rank)
        or len(set(ranks)) > 1
    ):
        layer.wrong("axis", f"must be one of the {rank} axes, not the batch")
    at = axis - 1 if axis > 0 else rank + axis
    if rank >= 3:
        at = 0 if at == rank - 1 else at + 1
    return [{"concat": {"operands": list(names), "axis": at}}], rank


def attention(layer: Layer, reads: list[tuple[str, int]], words: dict[str, Json], mark: str) -> tuple[list[Item], int]:
    """MultiHeadAttention: queries, values, and keys if they differ from the values."""
    heads, size = layer.whole("num_heads"), layer.whole("key_dim")
    if layer.whole("value_dim", size) != size:
        layer.wrong("value_dim", "values of a different size than keys are not supported yet")
    layer.only("attention_axes", [1], None)
    layer.only("use_gate", False)
    layer.only("sliding_window", None)
    for key in ("query_shape", "value_shape", "key_shape"):
        layer.get(key)
    out = layer.get("output_shape")
    wide = out[0] if isinstance(out, list) and len(out) == 1 else out
    if len(reads) < 2 or any(rank != 2 for _, rank in reads):
        layer.refuse(f"`MultiHeadAttention` {layer.name!r} needs queries and values with steps and features")
    query, value = reads[0][0], reads[1][0]
    key = reads[2][0] if len(reads) > 2 else value
    line = f"attention heads={heads} head_dim={size}"
    line += "" if layer.flag("use_bias", True) else " bias=false"
    line += " causal=true" if words.get("use_causal_mask") is True else ""
    if (value, key) != (query, query):
        line += f" kv={value}" if value == key else f" k={key} v={value}"
    if wide is not None:
        if isinstance(wide, bool) or not isinstance(wide, int) or wide < 1:
            layer.wrong("output_shape", "only a single size is supported")
        line += f" out={wide}"
    share = layer.number("dropout", 0.0)
    line += f" dropout={share:g}" if share else ""
    return [f"{line}{mark}{layer.frozen_mark}"], 2


MERGES: dict[str, Merge] = {
    "Add": _merge("add", "offset"),
    "Subtract": _merge("sub", "offset"),
    "Multiply": _merge("mul", "scale"),
    "Average": _average,
    "Maximum": _folded("maximum"),
    "Minimum": _folded("minimum"),
    "Concatenate": _concat,
}
