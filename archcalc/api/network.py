"""The Python interface: `archcalc.load("specs/alexnet.yaml", batch=32)`."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from archcalc.advice import suggest
from archcalc.api.layer import Layer
from archcalc.cost import Cost, Costs
from archcalc.diagnostics import RequestError, Source
from archcalc.language.expressions import describe
from archcalc.memory.footprint import Footprint, footprint
from archcalc.memory.generation import Generation, generate
from archcalc.memory.how import how, mode_of
from archcalc.network.load import Graph, build_graph, graph_at, load_graph
from archcalc.network.parameters import named_parameters
from archcalc.network.paths import depth
from archcalc.reports.rows import flat, nested
from archcalc.running import Running
from archcalc.running.arguments import declared, running_of
from archcalc.running.declaration import GENERATE

if TYPE_CHECKING:
    import torch

    from archcalc.peers.comparison import Comparison
    from archcalc.prediction.answer import Answer
    from archcalc.symbolic.network import ClosedForm


def load(
    spec: str | os.PathLike[str],
    *,
    batch: int | None = None,
    causal: str = "dense",
    freeze: Sequence[str] = (),
    **settings: Any,
) -> Network:
    """The network of a spec file.

    Args:
        spec: the path of the file, or `path@variant`; or the name of a PyTorch module to run, such as `timm:resnet50`.
        batch: the batch size; by default that of the spec's `run:`, or 1.
        causal: "dense" counts all scores of masked attention, "half" those a query may see.
        freeze: names or ids of layers and groups that are not trained; `*` stands for any letters.
        settings: values of hparams and dims, such as `width=128, seq=2048`.

    Raises:
        SpecError: the spec is invalid; `diagnostics` has all findings with their places.
        RequestError: the file cannot be read, or a setting does not exist.

    >>> load("specs/alexnet.yaml").params
    61100840
    >>> load("specs/resnet50.yaml", freeze=["layer*"]).trainable_params
    2058536
    """
    if ":" in (path := os.fspath(spec)):
        import_module("archcalc.pytorch.capture.named").allow([path])
        import_module("archcalc.hub").allow([path])
    return Network(load_graph(path, _texts(settings), batch, freeze), causal)


def loads(
    text: str,
    *,
    variant: str | None = None,
    batch: int | None = None,
    causal: str = "dense",
    freeze: Sequence[str] = (),
    **settings: Any,
) -> Network:
    """As `load`, from the text of a spec.

    >>> loads("{model: m, input: [3, 32, 32], layers: [conv 2 kernel=3 stride=2 padding=1]}").params
    56
    """
    return Network(build_graph(Source("<text>", text), variant, _texts(settings), batch, freeze), causal)


def of(module: torch.nn.Module, *inputs: Any, batch: int = 1, train: bool = False) -> Network:
    """The network of a PyTorch module. Its weights stay untouched: a copy runs on the meta device.

    `inputs` are the tensors that it is called with, batch first, or their sizes without the batch; `train` runs it in
    training mode.
    """
    text = import_module("archcalc.pytorch.capture.live").read(module, inputs, train)
    return Network(build_graph(Source("<module>", text), None, {}, batch))


def _texts(settings: dict[str, Any]) -> dict[str, str]:
    return {name: describe(value) for name, value in settings.items()}


class Network:
    """A network with its shapes and costs. Terminals and notebooks show it as a table."""

    def __init__(self, graph: Graph, causal: str = "dense") -> None:
        if causal not in ("dense", "half"):
            raise ValueError(f"causal must be 'dense' or 'half', not {causal!r}")
        self._costs = Costs(graph, useful=causal == "half")
        self.model = graph.model
        self.batch = graph.batch

    def at(self, *, batch: int | None = None, **settings: Any) -> Network:
        """The same network at other settings; the spec is not read again.

        Args:
            batch: the batch size; unchanged if None.
            settings: values of hparams and dims; those given earlier still apply.

        Raises:
            SpecError: these settings give no valid network.
            RequestError: a setting does not exist.

        >>> net = load("specs/vit.yaml")
        >>> [net.at(depth=depth).params for depth in (6, 12)]
        [44040424, 86567656]
        """
        graph = self.graph
        given = {**graph.given, **_texts(settings)}
        causal = "half" if self._costs.useful else "dense"
        size = graph.batch if batch is None else batch
        return Network(graph_at(graph.document, graph.steps, graph.variant, given, size), causal)

    @property
    def graph(self) -> Graph:
        """The graph with its tensors and nested nodes."""
        return self._costs.graph

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the inputs, without the batch."""
        return {name: tuple(int(size) for size in x.shape) for name, x in self.graph.inputs.items()}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the outputs, without the batch."""
        return {name: tuple(int(size) for size in y.shape) for name, y in self.graph.outputs.items()}

    @cached_property
    def layers(self) -> list[Layer]:
        """Every layer in order of execution; equal copies are one, with their `count`."""
        return [Layer(row.node, row.own, row.count) for row in flat(self._costs) if row.node is not None]

    def __getitem__(self, name: str) -> Layer:
        """The layer of this id or name. Raises `KeyError` that says what may have been meant."""
        found = self._named(name)
        if found is None:
            known = [one for layer in self.layers for one in (layer.id, layer._node.name) if one]
            near = suggest(name, known) if isinstance(name, str) else None
            raise KeyError(
                f"no layer is named {name!r}: " + (f"did you mean {near!r}?" if near else "`layers` has all")
            )
        return found

    def __contains__(self, name: object) -> bool:
        """Whether there is a layer of this id or name, or this layer."""
        return any(layer is name for layer in self.layers) or self._named(name) is not None

    def _named(self, name: object) -> Layer | None:
        if not isinstance(name, str):
            return None
        return next((layer for layer in self.layers if name in (layer.id, layer._node.name)), None)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def totals(self) -> Cost:
        """Sums over the layers."""
        return self._costs.totals

    @property
    def params(self) -> int:
        """The number of learned parameters; tied ones count once."""
        return self.totals.params

    @property
    def active_params(self) -> int:
        """The parameters that one position uses: of a mixture's experts only the chosen ones."""
        return self.totals.active_params

    @property
    def trainable_params(self) -> int:
        """The parameters that are trained."""
        return self.totals.trainable

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole batch."""
        return self.totals.macs

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiply-accumulate."""
        return self.totals.flops

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path."""
        return depth(self.graph)

    def named_parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of every parameter, with each copy listed separately. Tied ones are listed once."""
        yield from named_parameters(self.graph.nodes)

    @declared()
    def memory(self, **run: Any) -> Footprint:
        """The memory of a run: its `peak`, what that consists of in `parts`, and every moment in `run`.

        By default it is a training step; where nothing is trained, a forward pass.

        Raises:
            RequestError: a value that a field does not accept; settings that do not go together; a name in `checkpoint`
                that is not a group of layers; nothing is trained, or nothing generates.

        >>> load("specs/alexnet.yaml").memory(optimizer="sgd").parts["parameters"]
        244403360
        >>> str(load("specs/gpt2.yaml", batch=8).memory(device="RTX 4090").running)
        'train, batch 8, autocast bf16, adamw, flash attention, on rtx4090'
        """
        net, said = self._run(run)
        return footprint(net.graph, how(net.graph, said, mode_of(net.graph, said)))

    @declared("mode")
    def generation(self, **run: Any) -> Generation:
        """What generating a sequence keeps in memory: weights, caches, and one step.

        Raises:
            RequestError: the network does not generate one position after another.

        >>> load("specs/llama3.yaml").generation(length=8192, precision="bf16").token_bytes
        131072
        """
        net, said = self._run(run)
        return generate(net.graph, how(net.graph, said, GENERATE))

    @declared()
    def predict(self, device: str, **run: Any) -> Answer:
        """How long a run takes on a device: `total` with its range, `of(node)` for each layer, `tokens_per_second`.

        By default it is a training step; where nothing is trained, a forward pass.

        Raises:
            RequestError: there is no such device; settings do not go together; the network does not generate.
            SpecError: the network cannot have that many positions.

        >>> found = load("specs/gpt2.yaml", batch=8).predict("a100", mode="inference").total
        >>> found.low < found.seconds < found.high < 0.1
        True
        """
        from archcalc.prediction.answer import answer

        net, said = self._run({**run, "device": device})
        return answer(net.graph, said)

    def _run(self, given: dict[str, Any]) -> tuple[Network, Running]:
        """The network with the batch of a run and what it trains, and the run."""
        said = running_of(given)
        net = self.at(batch=said.batch) if said.batch else self
        if said.freeze or said.lora:
            document = copy(net.graph.document)
            document.said = said
            graph = graph_at(document, net.graph.steps, net.graph.variant, net.graph.given, net.graph.batch)
            net = Network(graph, "half" if self._costs.useful else "dense")
        return net, said

    def closed_form(self, *names: str, dtype: str = "fp32") -> ClosedForm:
        """Shapes and costs as formulas of hparams, dims and `batch`; needs sympy.

        Args:
            names: the variables of the formulas; by default the batch and all dims.
            dtype: the type that bytes are counted for.

        Raises:
            RequestError: sympy is not installed, or a name cannot be a variable, and why.

        >>> form = load("specs/gpt2.yaml").closed_form("batch", "seq")
        >>> form.formula(form.costs.totals.macs), form.conditions()
        ('768·batch·seq·(24·seq + 160,849)', ['seq ≤ 1,024'])
        """
        if importlib.util.find_spec("sympy") is None:
            raise RequestError("closed forms need sympy: pip install 'archcalc[symbolic]'")
        from archcalc.symbolic.network import ALL, closed_form

        graph = self.graph
        return closed_form(
            graph.document, names or (ALL,), graph.variant, graph.given, graph.batch, self._costs.useful, dtype
        )

    def like(self, tool: str) -> Comparison:
        """What another tool counts: `macs`, `params`, and the reasons in `totals`; None where not known.

        Args:
            tool: "torchinfo", "fvcore", "ptflops", "thop", "deepspeed" or "flopcounter".

        Raises:
            ValueError: it is none of those.
            RequestError: the tool counts a single sample, and the batch is not 1.

        >>> load("specs/gpt2.yaml").like("torchinfo").params
        163037184
        """
        from archcalc.peers import NAMES, peer
        from archcalc.peers.comparison import Comparison

        if tool not in NAMES:
            raise ValueError(f"tool must be one of {', '.join(NAMES)}, not {tool!r}")
        return Comparison(self.graph, peer(tool))

    def to_torch(self, device: str = "cpu") -> torch.nn.Module:
        """The network as a PyTorch module, from the source that `archcalc build` writes."""
        from archcalc.pytorch.instance import instantiate  # only here is PyTorch needed

        return instantiate(self.graph, device)

    def to_dict(self) -> dict[str, Any]:
        """What `archcalc shapes --format json` prints."""
        from archcalc.reports.shapes import as_json

        return as_json.network(self._costs, flat(self._costs))

    def table(self, depth: int = 1, width: int = 100) -> str:
        """The table as text."""
        from archcalc.reports.blocks import Page, rendered
        from archcalc.reports.shapes import as_text

        return rendered(as_text.network(self._costs, nested(self._costs, depth)), Page(width, rules=True))

    def __repr__(self) -> str:
        return self.table().rstrip()

    def _repr_html_(self) -> str:
        from archcalc.reports.shapes import notebook

        return notebook.network(self._costs)
