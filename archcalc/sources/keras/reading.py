"""From a Keras model to a spec: calls of layers in order, nested models as blocks, shared layers tied."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from archcalc.diagnostics import RequestError
from archcalc.sources.file import File, Json
from archcalc.sources.keras.archive import config_of
from archcalc.sources.keras.calls import Call, Key, called, ends, ordered
from archcalc.sources.keras.layer import Layer
from archcalc.sources.keras.layers import LAYERS
from archcalc.sources.keras.merging import MERGES, attention
from archcalc.sources.keras.norms import APPLICATIONS
from archcalc.sources.writing import Item, Spec, is_short

_MODELS = ("Functional", "Sequential", "Model")
_MOST_LAYERS, _MOST_DEEP = 20_000, 16
_STEPS, _SIDE = 128, 224


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for an unsupported layer or setting, `RequestError` for a bad archive."""
    if file.data.startswith(b"PK"):
        file = File(file.path, config_of(file.path, file.data))
        if not file.keys:
            file.check_form()
            raise RequestError(f"cannot read {file.path!r}: its config.json contains no model")
    file.check_form()
    model = Layer(file, dict(file.keys), [])
    if model.kind not in _MODELS:
        model.refuse(
            f"`{model.kind}` is a custom class, i.e. Python code, which is never run",
            "save a functional or sequential model, or write its layers as a spec",
        )
    made = Spec(_word(model.name), f"{model.name}: imported from a Keras model; channels first here.")
    scope = _Scope(made, [])
    scope.model(model)
    made.layers = scope.items
    made.inputs = scope.declared
    made.dims = scope.dims
    if len(scope.outputs) > 1:
        made.output = scope.outputs
    return made.text()


def _of_applications(layer: Layer) -> bool:
    return str(layer.value.get("module", "")).startswith("keras.src.applications.")


def _word(name: str) -> str:
    """A valid spec name."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII) or "x"
    return f"_{word}" if word[0].isdigit() or word in ("input", "prev", "run") else word


class _Scope:
    """A model or a nested model: the names of its tensors and their numbers of axes.

    Attributes:
        items: its layers; outputs: the names of its outputs; declared, dims: inputs of the spec.
        rank: of its one output.
    """

    def __init__(self, spec: Spec, given: Sequence[tuple[str, int]], deep: int = 0) -> None:
        self.spec = spec
        self.given = list(given)
        self.deep = deep
        self.items: list[Item] = []
        self.outputs: list[str] = []
        self.declared: list[str | int] | dict[str, list[str | int]] = []
        self.dims: dict[str, int] = {}
        self.rank = 0
        self._refs: dict[Key, tuple[str, int]] = {}
        self._last: str | None = None
        self._named: set[str] = set()
        self._blocks: dict[str, int] = {}

    def model(self, model: Layer) -> None:
        """The layers of a functional or sequential model."""
        values = model.get("layers")
        if not isinstance(values, list) or not values or len(values) > _MOST_LAYERS:
            model.wrong("layers", "must be a list of layers")
        layers = [Layer(model.file, one, [*model.path, "config", "layers", index]) for index, one in enumerate(values)]
        if model.kind == "Sequential":
            calls, given = self._chain(model, layers)
        else:
            calls, given = self._graph(model, layers)
        needed = self._needed(calls, given)
        times = Counter(call.layer.name for call in calls)
        inputs = [call for call in calls if call.layer.kind == "InputLayer"]
        self._inputs(inputs, calls)
        for call in calls:
            if call.layer.kind != "InputLayer":
                self._call(call, needed, times[call.layer.name] > 1)
        for end in given:
            if end not in self._refs:
                model.wrong("output_layers", f"no layer gives {end[0]!r}")
        self.outputs = [self._refs[end][0] for end in given]
        self.rank = self._refs[given[0]][1]

    def _chain(self, model: Layer, layers: list[Layer]) -> tuple[list[Call], list[Key]]:
        """Sequential: each layer reads the one before."""
        calls: list[Call] = []
        if layers[0].kind != "InputLayer":
            built = model.value.get("build_config")
            shape = built.get("input_shape") if isinstance(built, dict) else model.get("build_input_shape")
            first: Json = {"class_name": "InputLayer", "config": {"name": "_given", "batch_shape": shape}}
            layers = [Layer(model.file, first, model.path), *layers]
        before: list[Key] = []
        times = Counter(layer.name for layer in layers)
        for index, layer in enumerate(layers):
            layer.name += f"_{index}" if times[layer.name] > 1 else ""
            calls.append(Call(layer, 0, list(before), {}))
            before = [(layer.name, 0, 0)]
        return calls, before

    def _graph(self, model: Layer, layers: list[Layer]) -> tuple[list[Call], list[Key]]:
        """Functional: calls in topological order."""
        calls: list[Call] = []
        names = [layer.name for layer in layers]
        if len(set(names)) < len(names):
            model.wrong("layers", "two layers have the same name")
        for layer in layers:
            nodes = layer.value.get("inbound_nodes")
            if not isinstance(nodes, list):
                layer.refuse(f"`{layer.kind}` {layer.name!r} has no `inbound_nodes`")
            if layer.kind == "InputLayer":
                calls.append(Call(layer, 0, [], {}))
            for index, node in enumerate(nodes):
                calls.append(called(layer, index, node))
        return ordered(model, calls), ends(model, "output_layers")

    def _needed(self, calls: list[Call], given: list[Key]) -> set[tuple[str, int]]:
        """Tensors that need a name: read by a later call, by several, or outputs."""
        needed: set[Key] = set(given) if len(given) > 1 else set()
        order = [call for call in calls if call.layer.kind != "InputLayer"]
        position = {(call.layer.name, call.node): index for index, call in enumerate(order)}
        for index, call in enumerate(order):
            for key in call.reads:
                at = position.get((key[0], key[1]))
                if at is not None and (at != index - 1 or call.reads.count(key) > 1):
                    needed.add(key)
        if len(given) == 1 and position.get((given[0][0], given[0][1])) != len(order) - 1:
            needed.add(given[0])
        return {key[:2] for key in needed}

    def _inputs(self, inputs: list[Call], calls: list[Call]) -> None:
        """The inputs of the spec, or of a block."""
        if self.given:
            for call, (name, rank) in zip(inputs, self.given):
                self._refs[call.layer.name, 0, 0] = (name, rank)
            self._last = self.given[0][0]
            return
        found: dict[str, list[str | int]] = {}
        for call in inputs:
            layer = call.layer
            shape = layer.get("batch_shape") or layer.get("batch_input_shape")
            sizes = shape[1:] if isinstance(shape, list) else None
            if (
                not sizes
                or len(sizes) > 4
                or not all(one is None or (isinstance(one, int) and one > 0) for one in sizes)
            ):
                layer.wrong("batch_shape", "must be a list of one to four sizes after that of the batch")
            name = _word(layer.name) if len(inputs) > 1 else "input"
            entries: list[str | int] = [
                one if isinstance(one, int) else self._open(index, len(sizes)) for index, one in enumerate(sizes)
            ]
            if len(sizes) >= 3:
                entries = [entries[-1], *entries[:-1]]
            found[name] = entries
            self._refs[layer.name, 0, 0] = (name, len(sizes))
        if not found:
            raise RequestError("the model has no input")
        self.declared = found if len(found) > 1 else next(iter(found.values()))
        self._last = "input" if len(found) == 1 else None

    def _open(self, index: int, rank: int) -> str:
        """The name of a dynamic size."""
        name = "steps" if rank < 3 else ("h", "w", "d")[index % 3]
        self.dims.setdefault(name, _STEPS if rank < 3 else _SIDE)
        return name

    def _call(self, call: Call, needed: set[tuple[str, int]], shared: bool) -> None:
        layer, key = call.layer, (call.layer.name, call.node, 0)
        for one in call.reads:
            if one not in self._refs:
                layer.refuse(f"`{layer.kind}` {layer.name!r} reads {one[0]!r}, which has no output before it")
        reads = [self._refs[one] for one in call.reads]
        mark = ""
        if shared:
            mark = f" tie={self._weights(layer)}" if call.node else f" name={self._weights(layer)}"
        name = self._fresh(layer.name, call.node) if key[:2] in needed else None
        if layer.kind in _MODELS:
            items, rank = self._nested(layer, reads, mark, call.node)
        elif layer.kind == "MultiHeadAttention":
            items, rank = attention(layer, reads, call.words, mark)
            reads = reads[:1]
        elif (layer.kind in MERGES and len(reads) > 1) or layer.value.get("module") == "keras.src.ops.numpy":
            if layer.kind not in MERGES:
                self._unknown(layer)
            items, rank = MERGES[layer.kind](
                layer, [self._operand(one) for one, _ in reads], [r for _, r in reads], call.plain
            )
            reads = []
        elif layer.kind in LAYERS or (layer.kind in APPLICATIONS and _of_applications(layer)):
            if not reads:
                layer.refuse(f"`{layer.kind}` {layer.name!r} has no input")
            if len(reads) > 1 and layer.kind != "LSTM":
                layer.refuse(f"`{layer.kind}` {layer.name!r} reads {len(reads)} tensors, which is not supported yet")
            items, rank = (LAYERS | APPLICATIONS)[layer.kind](layer, reads[0][1], mark)
            reads = reads[:1]
        else:
            self._unknown(layer)
        layer.finish()
        self._place(items, reads[0][0] if reads else None, name)
        self._refs[key] = (name or "prev", rank)
        if layer.kind == "LSTM" and name is not None:
            self._refs[layer.name, call.node, 1] = self._refs[layer.name, call.node, 2] = (name, 1)
        self._last = name or "prev"

    def _unknown(self, layer: Layer) -> None:
        if layer.kind == "Lambda":
            layer.refuse("`Lambda` is Python code in the file, which is never run", "write its layers as a spec")
        layer.refuse(
            f"the layer `{layer.kind}` ({layer.name!r}) is not supported yet",
            "write it in the spec: `archcalc layers` lists what there is",
        )

    def _weights(self, layer: Layer) -> str:
        return f"{_word(layer.name)}_weights"

    def _operand(self, name: str) -> str:
        return "prev" if name == self._last or name == "prev" else name

    def _fresh(self, name: str, node: int) -> str:
        word = _word(name) + (f"_{node}" if node else "")
        while word in self._named:
            word += "_"
        self._named.add(word)
        return word

    def _nested(self, layer: Layer, reads: list[tuple[str, int]], mark: str, node: int) -> tuple[list[Item], int]:
        """A nested model: a block."""
        block = _word(layer.name)
        inner = _Scope(
            self.spec,
            [("input" if not index else f"in{index}", rank) for index, (_, rank) in enumerate(reads)],
            self.deep + 1,
        )
        if self.deep >= _MOST_DEEP:
            layer.refuse(f"models may be nested at most {_MOST_DEEP} deep")
        inner.model(layer)
        if len(inner.outputs) != 1:
            layer.refuse(f"the nested model {layer.name!r} has several outputs, which is not supported yet")
        more = [f"in{index}" for index in range(1, len(reads))]
        if not node:
            while any(sig.partition("(")[0] == block for sig in self.spec.blocks):
                block += "_"
            self.spec.blocks[f"{block}({', '.join(more)})" if more else block] = inner.items
            self._blocks[layer.name] = inner.rank
            layer.value["_block"] = block
        called = str(layer.value.get("_block", block))
        words = "".join(f" {name}={ref}" for name, (ref, _) in zip(more, reads[1:]))
        if len(reads) > 1:
            layer.get("layers")
        for key in ("layers", "input_layers", "output_layers", "build_input_shape"):
            layer.get(key)
        return [f"{called}{words}{mark}"], inner.rank

    def _place(self, items: list[Item], source: str | None, name: str | None) -> None:
        """Adds a chain that reads `source`, and names its output."""
        follows = source is None or source in ("prev", self._last)
        if not follows:
            first = items[0]
            items = (
                [f"{first} from={source}", *items[1:]]
                if isinstance(first, str)
                else [f"identity from={source}", *items]
            )
        if name is not None:
            last = items[-1]
            if isinstance(last, str) and " name=" not in last:
                items = [*items[:-1], f"{last} name={name}"]
            elif isinstance(last, dict):
                items = [*items[:-1], {**last, "name": name}]
            else:
                items = [*items, f"identity name={name}"]
        for item in items:
            self._append(item, follows)
            follows = True

    def _append(self, item: Item, follows: bool) -> None:
        before = self.items[-1] if self.items else None
        plain = isinstance(item, str) and "#" not in item
        chain = isinstance(before, list) and not str(before[-1]).count(" name=") and not str(before[-1]).count("#")
        if follows and plain and chain and isinstance(before, list) and is_short([*before, item]):
            self.items[-1] = [*before, item]
        else:
            self.items.append([item] if plain else item)
