"""What a spec says besides its layers: input, hparams, variants, loss, bounds."""

from __future__ import annotations

from collections.abc import Mapping

from archcalc.diagnostics import Findings, SpecError
from archcalc.language.amounts import parse_amount, parse_percent
from archcalc.language.document import Document
from archcalc.language.expressions import describe
from archcalc.language.settings import settle
from archcalc.network.load import Graph
from archcalc.source import Node, Scalar, Sequence

# By key of the spec, then by name; "" if the key has a single value.
Facts = dict[str, dict[str, str]]
KEYS = ("input", "output", "dims", "hparams", "variants", "loss", "budget", "growth", "expect")


class Setting:
    """A changed setting: `name` under the spec's `key`, or all of it if ""; None on the side without it."""

    __slots__ = ("after", "before", "key", "name")

    def __init__(self, key: str, name: str, before: str | None, after: str | None) -> None:
        self.key = key
        self.name = name
        self.before = before
        self.after = after

    def __repr__(self) -> str:
        return f"Setting({self.key!r}, {self.name!r}, {self.before!r}, {self.after!r})"


def facts(graph: Graph) -> Facts:
    """What the spec of `graph` says, by value: `2*32` is 64."""
    document, values = graph.document, graph.settings.values
    return {
        "input": _inputs(graph),
        "output": _outputs(graph),
        "dims": {key.text: describe(values[key.text]) for key, _ in document.dims},
        "hparams": {key.text: describe(values[key.text]) for key, _ in document.hparams},
        # each is compared as a network; here only which ones exist counts
        "variants": {name: _variant(document, name) for name in document.variants if graph.variant is None},
        "loss": {"": document.loss.text} if document.loss else {},
        "budget": {key.text: str(parse_amount(value.text)) for key, value in document.budget},
        "growth": {key.text: f"{100 * (parse_percent(value.text) or 0):g}%" for key, value in document.growth},
        "expect": {key.text: _written(value) for key, value in document.expect.get(graph.variant or "", [])},
    }


def changed(before: Facts, after: Facts, rewired: Mapping[str, tuple[str, str]]) -> list[Setting]:
    """What differs, in the order of `KEYS`; `rewired` are outputs whose name now belongs to another layer."""
    found = []
    for key in KEYS:
        old, new = before.get(key, {}), after.get(key, {})
        gone, came = [name for name in old if name not in new], [name for name in new if name not in old]
        renamed = key in ("input", "output") and len(gone) == len(came)
        if renamed:
            found += [Setting(key, "", _full(one, old), _full(other, new)) for one, other in zip(gone, came)]
        for name in {**old, **new}:
            if name in old and name in new and key == "variants":
                continue
            if old.get(name) != new.get(name) and not (renamed and (name in gone or name in came)):
                found.append(Setting(key, name, old.get(name), new.get(name)))
        if key == "output":
            found += [Setting(key, name, *layers) for name, layers in rewired.items() if name in new]
    return found


def _full(name: str, shapes: Mapping[str, str]) -> str:
    return f"{name} {shapes[name]}".lstrip()


def _name(name: str, only: str) -> str:
    return "" if name == only else name


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(int(size)) for size in shape)


def _inputs(graph: Graph) -> dict[str, str]:
    """The shape of each input, and its layout if stated."""
    stated = {
        input.name.text: f" {input.layout.text}" for input in graph.document.inputs if input.name and input.layout
    }
    return {_name(name, "input"): _shape(x.shape) + stated.get(name, "") for name, x in graph.inputs.items()}


def _outputs(graph: Graph) -> dict[str, str]:
    """The shape of each output in `output:`, else that of the last layer, without a name."""
    named = bool(graph.document.outputs)
    return {name if named else "": _shape(tensor.shape) for name, tensor in graph.outputs.items()}


def _variant(document: Document, name: str) -> str:
    """The values that a variant sets, as `width=128 depth=3`."""
    names = [key.text for key, _ in document.variants[name]]
    try:
        values = settle(document, name, {}, Findings()).values
    except SpecError:
        values = {}
    return " ".join(f"{one}={describe(values[one])}" for one in names if one in values)


def _written(node: Node) -> str:
    if isinstance(node, Sequence):
        return f"[{', '.join(map(_written, node.items))}]"
    return node.text if isinstance(node, Scalar) else ""
