"""Draws valid random networks over the whole language, as the text of a spec.

A network grows step by step: each step is added, the spec is built by archcalc itself, and what is
not valid is taken back. Whatever is drawn depends on the seed alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.language.document import LOSSES
from archcalc.layers import REGISTRY
from archcalc.layers.tensor import Tensor
from archcalc.network.load import Graph, build_graph
from tests.pytorch.layer_draws import DRAWS, Keys

Body = list["Item"]

# Drawn more often: what fits few tensors, and what others build on.
COMMON = 3 * ["conv", "linear", "attention", "batchnorm", "maxpool", "embedding", "lstm", "gru", "rnn"] + [
    "convtranspose", "avgpool", "groupnorm", "layernorm", "rearrange", "upsample", "pad", "posembed", "rope",
    "clstoken", "glu", "mean", "pixelunshuffle", "rope", "select", "slice",
]  # fmt: skip
# Layers of networks that stay channels first.
IMAGES = 3 * ["conv", "batchnorm", "relu"] + [
    "convtranspose", "maxpool", "avgpool", "adaptiveavgpool", "adaptivemaxpool", "upsample", "pad", "pixelshuffle",
    "pixelunshuffle", "channelshuffle", "groupnorm", "instancenorm", "localresponsenorm", "prelu", "silu", "dropout", "layerscale", "roll",
]  # fmt: skip
# How often a layer is drawn until one fits.
_TRIES = 12


@dataclass
class Item:
    """A layer of a spec. A value of `keys` is a text, or a list of operands or layers."""

    op: str
    keys: dict[str, object]
    common: dict[str, object] = field(default_factory=dict)

    def lists(self) -> list[Body]:
        """The layers inside it, list by list."""
        found: list[Body] = []
        for value in self.keys.values():
            if isinstance(value, list):
                found += [one for one in value if isinstance(one, list)]
                if value and isinstance(value[0], Item):
                    found.append(value)
        return found

    def walk(self) -> list[Item]:
        """It and all layers inside it."""
        return [self, *(inner for body in self.lists() for item in body for inner in item.walk())]


def text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(one if isinstance(one, str) else text(one) for one in value) + "]"
    return flow(value) if isinstance(value, Item) else str(value)


def flow(item: Item, rng: Random | None = None) -> str:
    """An item in a line where it can be one, else as a mapping between braces."""
    listed = any(isinstance(value, list) for value in item.keys.values())
    if listed or item.op == "repeat" or (rng is not None and item.keys and rng.random() < 0.25):
        if item.op == "repeat":
            pairs = [f"repeat: {item.keys['count']}", f"layers: {text(item.keys['layers'])}"]
        else:
            inner = ", ".join(f"{name}: {text(value)}" for name, value in item.keys.items())
            only = len(item.keys) == 1 and next(iter(item.keys)) in ("operands", "layers")
            pairs = [f"{item.op}: " + (text(next(iter(item.keys.values()))) if only else f"{{{inner}}}")]
        return "{" + ", ".join([*pairs, *(f"{name}: {text(value)}" for name, value in item.common.items())]) + "}"
    first = REGISTRY[item.op].first if item.op in REGISTRY else None
    words = [item.op]
    if first in item.keys:
        words.append(text(item.keys[first]))
    words += [f"{name}={text(value)}" for name, value in item.keys.items() if name != first]
    return " ".join([*words, *(f"{name}={text(value)}" for name, value in item.common.items())])


class Network:
    """A spec while it grows. `used` counts the constructs in it."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.used: Counter[str] = Counter()
        self.items: Body = []
        self.blocks: dict[str, tuple[list[str], Body]] = {}
        self.hparams: dict[str, int] = {"h1": 4, "h2": 2}
        self.dims: dict[str, int] = {}
        self.images = self.rng.random() < 0.3
        self.inputs = self._inputs()
        self.outputs: list[str] = []
        self.variant = ""
        self.loss = ""
        self.batch = self.rng.choice([1, 2, 2, 3])
        self.count = 0
        self.depth = 0
        self.graph: Graph | None = None

    # -- text -------------------------------------------------------------------------------

    def _inputs(self) -> dict[str, str]:
        rng = self.rng
        names = rng.choice([["input"]] * 4 + [["x", "y"], ["src", "tgt", "extra"]])
        found: dict[str, str] = {}
        kinds = ["8", "5, 8", "6, 4", "4, 9", "2, 7, 7", "4, 6, 5", "2, 4, 5, 4", "7", "1, 8"]
        kinds = ["2, 7, 7", "4, 6, 5", "4, 8, 8", "2, 4, 5, 4", "4, 9"] if self.images else kinds
        same = rng.choice(kinds)
        for name in names:
            found[name] = same if rng.random() < 0.6 else rng.choice(kinds)
            if found[name] == "5, 8" and rng.random() < 0.5:
                self.dims["seq"] = 5
                found[name] = "seq, 8"
        if len(names) > 1:
            self.used["several inputs"] += 1
        return found

    def spec(self, items: Body | None = None) -> str:
        """The whole spec."""
        rng = Random(len(self.items))
        inputs = ", ".join(f"{name}: [{sizes}]" for name, sizes in self.inputs.items())
        lines = ["model: drawn", "hparams: {" + ", ".join(f"{n}: {v}" for n, v in self.hparams.items()) + "}"]
        if self.dims:
            lines.append("dims: {" + ", ".join(f"{n}: {v}" for n, v in self.dims.items()) + "}")
        if self.variant:
            lines.append(f"variants: {{other: {{{self.variant}}}}}")
        lines.append(f"input: [{self.inputs['input']}]" if "input" in self.inputs else f"input: {{{inputs}}}")
        if self.blocks:
            lines.append("blocks:")
            for name, (parameters, body) in self.blocks.items():
                lines.append(f"  {name}" + (f"({', '.join(parameters)})" if parameters else "") + ":")
                lines += [f"    - {flow(item, rng)}" for item in body]
        lines.append("layers:")
        lines += [f"  - {flow(item, rng)}" for item in (self.items if items is None else items)]
        if self.outputs:
            lines.append(f"output: [{', '.join(self.outputs)}]")
        if self.loss:
            lines.append(f"loss: {self.loss}")
        return "\n".join(lines) + "\n"

    def build(self, variant: str | None = None) -> Graph | None:
        """The graph; None where the spec is not valid or too large."""
        try:
            graph = build_graph(Source("drawn.yaml", self.spec()), variant, batch=self.batch)
        except (SpecError, RequestError):
            return None
        totals = Costs(graph).totals
        large = totals.params > 60_000 or totals.macs > 3_000_000 or totals.activation_bytes > 3_000_000
        return None if large else graph

    # -- growing ----------------------------------------------------------------------------

    def add(self, *items: Item) -> bool:
        """Add items if the spec stays valid."""
        mark = len(self.items)
        self.items += items
        graph = self.build()
        if graph is None:
            del self.items[mark:]
            return False
        self.graph = graph
        return True

    @property
    def tensor(self) -> Tensor | None:
        """What the next layer starts from; None at the start of a model with several inputs."""
        if self.graph is None or not self.items:
            sizes = [self.dims.get(one, one) for one in self.inputs.get("input", "").split(", ") if one]
            return Tensor(tuple(int(one) for one in sizes), None, None) if sizes else None
        if not self.graph.nodes:
            return next(iter(self.graph.inputs.values()))
        return self.graph.nodes[-1].output

    def named(self) -> dict[str, Tensor]:
        """Every tensor that has a name here, further outputs too."""
        found = dict(self.graph.inputs) if self.graph else {}
        for node in self.graph.nodes if self.graph else []:
            if node.name:
                outputs = {f"{node.name}.{key}": extra for key, extra in (node.output.outputs or {}).items()}
                found.update(outputs)
                if not node.output.parts:
                    found[node.name] = node.output
        return found

    def new_name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def layer(self, x: Tensor, ops: list[str] | None = None) -> Item | None:
        """A layer that probably fits `x`."""
        pool = ops or (IMAGES if self.images else [*DRAWS, *COMMON])
        if x.integer is None and x.rank < 3 and self.rng.random() < 0.3:
            pool = ["embedding"]
        for _ in range(_TRIES):
            op = self.rng.choice(pool)
            keys = DRAWS[op](self.rng, x)
            if keys is not None:
                return Item(op, self.written(dict(keys), x))
        return None

    def written(self, keys: Keys, x: Tensor | None = None) -> Keys:
        """Some numbers as expressions of hparams, and of `cin` where the input `x` is known."""
        for name, value in keys.items():
            if not isinstance(value, int) or isinstance(value, bool) or self.rng.random() > 0.25:
                continue
            same = [hparam for hparam, number in self.hparams.items() if number == value]
            forms = [*same, f"h1*{value}//4", f"{value - 1}+h2-1", f"(h2+{value})-2", f"ceil({value}-h2/4)"]
            if x is not None and (x.layout is not None or x.rank == 1):
                channels = int(x.shape[x.feature_axis])
                forms += [f"cin*{value}//{channels}"] if channels else []
            forms += [f"{dim}-{number}+{value}" for dim, number in self.dims.items() if number <= 5]
            keys[name] = self.rng.choice(forms)
            self.used["expression"] += 1
        return keys

    def segment(self, length: int) -> Body:
        """Some layers that fit here one after the other; they are taken off again."""
        mark, graph = len(self.items), self.graph
        for _ in range(length):
            self.step()
        items, self.items[mark:] = self.items[mark:], []
        self.graph = graph
        return items

    def step(self) -> None:
        """Add one thing of any kind."""
        from tests.pytorch.structures import MOVES

        if self.tensor is None:
            name = self.rng.choice(list(self.inputs))
            x = Tensor(tuple(int(self.dims.get(one, one)) for one in self.inputs[name].split(", ")), None, None)
            item = self.layer(x)
            if item is not None:
                item.common["from"] = name
                self.add(item)
            return
        moves = list(MOVES) if self.depth < 3 else ["layer"]
        if self.images and self.depth < 3:
            moves = ["layer", "merge", "residual", "repeat", "block", "again", "tie", "hparam"]
        weights = [6 if move == "layer" else 1 for move in moves]
        (move,) = self.rng.choices(moves, weights)
        self.depth += move != "layer"
        if MOVES[move](self):
            self.used[move] += 1
        self.depth -= move != "layer"

    def finish(self) -> None:
        """Outputs, a variant and a loss, where they are valid."""
        names = [name for name in self.named() if name not in self.inputs]
        if names and self.rng.random() < 0.25:
            self.outputs = self.rng.sample(names, min(len(names), self.rng.randint(1, 3)))
            if self.build() is None:
                self.outputs = []
            else:
                self.used["several outputs"] += len(self.outputs) > 1
        if self.rng.random() < 0.2:
            self.variant = f"{self.rng.choice(list(self.hparams))}: {self.rng.randint(2, 6)}"
            if self.build("other") is None:
                self.variant = ""
            else:
                self.used["variant"] += 1
        if self.rng.random() < 0.2:
            self.loss = self.rng.choice([*LOSSES])
            self.used["loss"] += 1


def draw(seed: int) -> Network:
    """A network of a few to a few dozen layers."""
    network = Network(seed)
    wanted = network.rng.randint(3, 10)
    for _ in range(3 * wanted):
        if len(network.items) < wanted:
            network.step()
    while network.graph is None or not network.items:
        network.step()
    network.finish()
    network.graph = network.build()
    assert network.graph is not None
    for body in (network.items, *(inner for _, inner in network.blocks.values())):
        for item in (one for top in body for one in top.walk()):
            network.used.update(constructs(item, network, inside=body is not network.items))
    return network


def constructs(item: Item, network: Network, inside: bool) -> list[str]:
    """What an item shows of the language; `inside` a block or not."""
    found = [*item.common, f"op {item.op}"] if item.op in REGISTRY else [*item.common]
    found += ["further output"] * ("." in str(item.common.get("from")))
    found += ["named copies"] * (item.op == "repeat" and "name" in item.common)
    found += ["block in a block"] * (inside and item.op in network.blocks)
    found += ["tensor argument"] * (item.op in network.blocks and any(key[0] == "t" for key in item.keys))
    operands = item.keys.get("operands", [])
    found += ["list as operand"] * (isinstance(operands, list) and any(isinstance(one, list) for one in operands))
    return found
