"""Calls of layers in a functional Keras 3 model."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.keras.layer import Layer

# A tensor: the layer, the index of its call, and the index of the output.
Key = tuple[str, int, int]
# Masks and the training flag.
_MASKS = ("mask", "training", "attention_mask", "query_mask", "value_mask", "key_mask")


class Call:
    """A call of a layer with the tensors that it reads; `words` are other arguments, `plain` numbers among them."""

    def __init__(
        self, layer: Layer, node: int, reads: list[Key], words: dict[str, Json], plain: list[Json] | None = None
    ) -> None:
        self.layer = layer
        self.node = node
        self.reads = reads
        self.words = words
        self.plain = plain or []


def called(layer: Layer, index: int, node: Json) -> Call:
    """A call with `args` and `kwargs` that include tensors. Raises `SpecError` for anything else."""
    args = node.get("args") if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(args, list):
        layer.refuse(f"`{layer.kind}` {layer.name!r}: a call must have `args`; Keras 2 models are not supported")
    reads: list[Key] = []
    plain: list[Json] = []
    for one in args:
        _gather(one, reads, plain)
    words: dict[str, Json] = {}
    given = node.get("kwargs")
    for key, value in given.items() if isinstance(given, dict) else ():
        found: list[Key] = []
        _gather(value, found, [])
        if key in _MASKS:
            continue
        if found:
            words[key] = list(range(len(reads), len(reads) + len(found)))
            reads += found
        elif value is not None:
            words[key] = value
    return Call(layer, index, reads, words, plain)


def _gather(value: Json, reads: list[Key], plain: list[Json], deep: int = 0) -> None:
    """The tensors in an argument, in order, and the other values."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        inner = value.get("config")
        key = _key(inner.get("keras_history") if isinstance(inner, dict) else None)
        reads += [key] if key is not None else []
    elif isinstance(value, list) and deep < 8:
        for one in value:
            _gather(one, reads, plain, deep + 1)
    elif value is not None:
        plain.append(value)


def _key(value: Json) -> Key | None:
    """`["dense", 0, 0]`."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    name, node, output = value
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (node, output))
    return (name, node, output) if isinstance(name, str) and whole else None  # type: ignore[return-value]


def ends(model: Layer, key: str) -> list[Key]:
    """The outputs of a model: `["dense", 0, 0]`, or a list or mapping of these."""
    value = model.get(key)
    model.get("input_layers")
    if isinstance(value, dict):
        value = list(value.values())
    one = _key(value)
    found = [one] if one is not None else [_key(entry) for entry in value] if isinstance(value, list) else []
    keys = [entry for entry in found if entry is not None]
    if not keys or len(keys) < len(found):
        model.wrong(key, "must be a list of [layer, call, output]")
    return keys


def ordered(model: Layer, calls: list[Call]) -> list[Call]:
    """Calls in topological order. Raises `SpecError` for a cycle."""
    waiting: dict[tuple[str, int], list[Call]] = {}
    lacks: dict[int, int] = {}
    ready = []
    for call in calls:
        needs = {key[:2] for key in call.reads}
        lacks[id(call)] = len(needs)
        for need in needs:
            waiting.setdefault(need, []).append(call)
        if not needs:
            ready.append(call)
    found: list[Call] = []
    ready.reverse()
    while ready:  # calls that this one unblocks come next, so that chains stay together
        call = ready.pop()
        found.append(call)
        for other in reversed(waiting.get((call.layer.name, call.node), [])):
            lacks[id(other)] -= 1
            if not lacks[id(other)]:
                ready.append(other)
    if len(found) < len(calls):
        left = next(call for call in calls if lacks[id(call)])
        model.wrong("layers", f"{left.layer.name!r} reads a layer that does not exist, or is part of a cycle")
    return found
