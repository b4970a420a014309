"""A network that grows: what was drawn of it so far, and what it is as a spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.tensor import Tensor
from archcalc.network.load import Graph
from tests.draw.case import Case
from tests.draw.choices import Choices
from tests.draw.items import Body, Item
from tests.draw.layers import draw_keys, single_layers

# Inputs by their sizes; the first are images, or sequences that stay channels first.
IMAGES = ["2, 7, 7", "4, 6, 5", "4, 8, 8", "2, 4, 5, 4", "4, 9"]
INPUTS = [*IMAGES, "8", "5, 8", "6, 4", "7", "1, 8", "9, 4"]


@dataclass
class Drawn:
    """What a spec consists of, and which constructs are in it."""

    inputs: dict[str, str]
    hparams: dict[str, int]
    dims: dict[str, int]
    items: Body = field(default_factory=list)
    blocks: dict[str, tuple[list[str], Body]] = field(default_factory=dict)
    declared: dict[str, list[str]] = field(default_factory=dict)  # further outputs of blocks
    outputs: list[str] = field(default_factory=list)
    variant: str = ""
    loss: str = ""
    names: int = 0
    used: Counter[str] = field(default_factory=Counter)

    def copy(self) -> Drawn:
        return replace(
            self, items=[*self.items], blocks={**self.blocks}, hparams={**self.hparams}, used=Counter(self.used)
        )

    def spec(self) -> str:
        """The whole spec."""
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
                lines.append(
                    f"  {name}" + (f"({', '.join(parameters)})" if parameters else "") + self._arrow(name) + ":"
                )
                lines += [f"    - {item}" for item in body]
        lines.append("layers:")
        lines += [f"  - {item}" for item in self.items]
        if self.outputs:
            lines.append(f"output: [{', '.join(self.outputs)}]")
        if self.loss:
            lines.append(f"loss: {self.loss}")
        return "\n".join(lines) + "\n"

    def _arrow(self, name: str) -> str:
        return f" -> {', '.join(self.declared[name])}" if name in self.declared else ""


class Network:
    """A network while it is drawn: what is not valid as a spec is taken back.

    `tried` are the layers and constructs that were part of a valid spec at some time.
    """

    def __init__(self, choices: Choices) -> None:
        self.batch = choices.pick("batch", {1: 1, 2: 2, 3: 1})
        self.images = choices.chance("images", 0.3)
        dims: dict[str, int] = {}
        self.drawn = Drawn(_inputs(choices / "inputs", self.images, dims), {"h1": 4, "h2": 2}, dims)
        self.drawn.used["several inputs"] += len(self.drawn.inputs) > 1
        self.graph: Graph | None = None
        self.depth = 0
        self.tried: set[str] = set()

    @property
    def items(self) -> Body:
        return self.drawn.items

    def build(self, variant: str | None = None) -> Graph | None:
        """The graph; None where the spec is not valid or too large to be run often."""
        try:
            graph = Case(self.drawn.spec(), self.batch, variant).graph()
        except (SpecError, RequestError):
            return None
        totals = Costs(graph).totals
        large = totals.params > 60_000 or totals.macs > 3_000_000 or totals.activation_bytes > 3_000_000
        return None if large else graph

    # -- growing ----------------------------------------------------------------------------

    def attempt(self, change: Callable[[], bool]) -> bool:
        """Make a change, and take it back where it returns that it did not work out."""
        drawn, graph, depth = self.drawn.copy(), self.graph, self.depth
        done = change()
        self.depth = depth
        if not done:
            self.drawn, self.graph = drawn, graph
        return done

    def add(self, *items: Item) -> bool:
        """Add items if the spec stays valid."""
        mark = len(self.items)
        self.items.extend(items)
        graph = self.build()
        if graph is None:
            del self.items[mark:]
            return False
        self.graph = graph
        self.tried |= {one.op for item in items for one in item.walk()}
        return True

    def new_name(self) -> str:
        self.drawn.names += 1
        return f"n{self.drawn.names}"

    def new_block(self, parameters: list[str], body: Body, outputs: Sequence[str] = ()) -> str:
        name = f"block{len(self.drawn.blocks) + 1}"
        if outputs:
            self.drawn.declared = {**self.drawn.declared, name: [*outputs]}
        self.drawn.blocks[name] = (parameters, body)
        return name

    # -- what there is ----------------------------------------------------------------------

    def input(self, name: str) -> Tensor:
        """An input that nothing has read."""
        sizes = (self.drawn.dims.get(size, size) for size in self.drawn.inputs[name].split(", "))
        return Tensor(tuple(int(size) for size in sizes), None, None)

    @property
    def tensor(self) -> Tensor | None:
        """What the next layer starts from; None at the start of a model with several inputs."""
        if self.graph is None or not self.items:
            return self.input("input") if "input" in self.drawn.inputs else None
        if not self.graph.nodes:
            return next(iter(self.graph.inputs.values()))
        return self.graph.nodes[-1].output

    def named(self) -> dict[str, Tensor]:
        """Every tensor that has a name here, further outputs too."""
        found = dict(self.graph.inputs) if self.graph else {}
        for node in self.graph.nodes if self.graph else []:
            if node.name:
                further = {**(node.output.outputs or {}), **node.further}
                found |= {f"{node.name}.{key}": extra for key, extra in further.items() if not extra.parts}
                if not node.output.parts:
                    found[node.name] = node.output
        return found

    # -- single layers ----------------------------------------------------------------------

    def layer(self, at: Choices, x: Tensor, ops: list[str] | None = None) -> Item | None:
        """A layer that probably fits `x`."""
        pool = single_layers() if ops is None else dict.fromkeys(ops, 1.0)
        if ops is None and self.images:
            pool = {op: weight for op, weight in pool.items() if _keeps_images(op)}
        if ops is None and x.integer is None and x.rank < 3 and at.chance("embed", 0.3):
            pool = {"embedding": 1}
        for op in at.ranked("layer", pool):
            keys = draw_keys(op, x, at / op)
            if keys is not None:
                return Item(op, self.written(at / op / "written", keys, x), mapping=at.chance("mapping", 0.2))
        return None

    def written(self, at: Choices, keys: dict[str, object], x: Tensor | None = None) -> dict[str, object]:
        """Some numbers as expressions of hparams, and of the sizes of the input `x` where it is known."""
        found = {}
        for name, value in keys.items():
            found[name] = value
            if isinstance(value, int) and not isinstance(value, bool) and at.chance(name, 0.25):
                found[name] = at.pick(f"{name}/form", self._forms(value, x))
                self.drawn.used["expression"] += 1
        return found

    def _forms(self, value: int, x: Tensor | None) -> list[str]:
        """Expressions of this value."""
        same = [hparam for hparam, number in self.drawn.hparams.items() if number == value]
        forms = [*same, f"h1*{value}//4", f"{value - 1}+h2-1", f"(h2+{value})-2", f"ceil({value}-h2/4)"]
        if x is not None and (x.layout is not None or x.rank == 1):
            channels = int(x.shape[x.feature_axis])
            forms += [f"cin*{value}//{channels}", f"c(prev)*{value}//{channels}"] if channels else []
        if x is not None:
            forms += [f"{value}*size(prev, {axis})//{int(size)}" for axis, size in enumerate(x.shape) if size]
        return forms + [f"{dim}-{number}+{value}" for dim, number in self.drawn.dims.items()]


def _inputs(at: Choices, images: bool, dims: dict[str, int]) -> dict[str, str]:
    """The sizes of each input; some as a dim."""
    names = at.pick("names", {("input",): 4, ("x", "y"): 1, ("src", "tgt", "extra"): 1})
    kinds = IMAGES if images else INPUTS
    same = at.pick("sizes", kinds)
    found = {}
    for name in names:
        found[name] = same if at.chance(f"{name}/same", 0.6) else at.pick(f"{name}/sizes", kinds)
        if found[name] == "5, 8" and at.chance(f"{name}/dim", 0.5):
            dims["seq"] = 5
            found[name] = "seq, 8"
    return found


def _keeps_images(op: str) -> bool:
    """Whether a layer leaves an image an image."""
    cls = REGISTRY[op]
    return cls.layout == CHANNELS_FIRST or (cls.layout != FEATURES_LAST and (cls.elementwise or op == "dropout"))
