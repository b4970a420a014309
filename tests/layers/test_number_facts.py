"""What layers say of the numbers that they give is so, and what holds of a layer it says: by running it in PyTorch."""

from __future__ import annotations

import torch

from archcalc.diagnostics import SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.activation import Activation
from archcalc.layers.softmax import SoftmaxLike
from archcalc.network.load import Graph
from archcalc.pytorch.instance import instantiate
from tests.each import each
from tests.layers.test_layout_groups import LINES, network

# Arguments with which a layer does what it is for; those of LINES fit more shapes.
TELLING = {"tile": "tile 2x1", "unfold": "unfold 2", "glu": "glu axis=0", "upsample": "upsample 2 mode=bicubic", "pad": "pad 1 value=-1",
           "fold": "fold 4x4 kernel=2 stride=2", "pow": "pow 3", "scale": "scale -2", "offset": "offset -9", "hardtanh": "hardtanh low=-2 high=3"}  # fmt: skip
SHAPES = ("4, 6", "4, 6, 6")


def runs(op: str) -> list[tuple[Graph, torch.nn.Module, tuple[int, ...]]]:
    """Networks of this layer alone that read one tensor of numbers."""
    found = []
    for shape in SHAPES:
        try:
            graph = network(f"[{shape}]", (TELLING.get(op, LINES[op]),))
            node = graph.nodes[0]
            alone = type(node.layer) is REGISTRY[op] and len(node.inputs) == 1 and not node.layer.declared
            if alone and not any(x.integer for x in graph.inputs.values()):
                torch.manual_seed(0)
                module = instantiate(graph)
                for name, stored in module.named_buffers():
                    if stored.is_floating_point() and not name.endswith("var"):
                        stored.normal_()
                found.append((graph, module, tuple(map(int, shape.split(", ")))))
        except SpecError:
            continue
    return found


def outputs(op: str, positive: bool = False):
    """What comes out of it, in training and at inference, with what went in."""
    for graph, module, shape in runs(op):
        for training in (True, False):
            module.train(training)
            x = 3 * torch.randn(5, *shape)
            x = x.abs() if positive else x
            with torch.no_grad():
                y = module(x)
            yield graph.nodes[0].layer, x, y[0] if isinstance(y, tuple) else y


@each([op for op, layer in REGISTRY.items() if layer.takes_input])
def test_numbers_that_change_places(op):
    done = [(x, y) for _, x, y in outputs(op) if y.is_floating_point()]
    same = [x.numel() == y.numel() and torch.equal(x.flatten().sort()[0], y.flatten().sort()[0]) for x, y in done]
    if REGISTRY[op].reorders:
        assert same, "give it a line that PyTorch runs"
        assert all(same), f"`reorders` is not so of {op}"
    elif same and not REGISTRY[op].elementwise:
        assert not all(same), f"say `reorders = True` in {REGISTRY[op].__name__}: its numbers only change places"


@each([op for op, layer in REGISTRY.items() if layer.takes_input])
def test_numbers_that_stay_above_zero(op):
    stays = [bool((y >= 0).all()) for _, _, y in outputs(op, positive=True)]
    if REGISTRY[op].nonnegative:
        assert all(stays), f"`nonnegative` is not so of {op}"
    elif stays and not issubclass(REGISTRY[op], (Activation, SoftmaxLike)):
        assert not all(stays), f"say `nonnegative = True` in {REGISTRY[op].__name__}: it gives no negative number"


@each([op for op, layer in REGISTRY.items() if issubclass(layer, (Activation, SoftmaxLike)) and op != "log"])
def test_numbers_lie_within_the_values(op):
    for layer, x, y in outputs(op, positive=op in ("sqrt", "rsqrt")):
        low, high = layer.span
        assert y.min() >= low - 1e-6
        assert y.max() <= high + 1e-6
        passes = getattr(layer, "passes", None)
        if passes is not None:
            inside = (x >= passes[0]) & (x <= passes[1])
            assert inside.any()
            assert torch.equal(x[inside], y[inside]), f"`passes` is not so of {op}"


@each(["celu -0.1", "celu 3", "elu -2", "gelu approximate=tanh", "hardtanh low=-2 high=3", "leakyrelu -0.5", "leakyrelu 2",
       "softplus 2 threshold=-1", "softplus 2 threshold=1", "softplus 0.5"])  # fmt: skip
def test_values_and_rise_of_an_activation_with_other_arguments(line):
    graph = network("[1001]", (line,))
    layer = graph.nodes[0].layer
    x = torch.linspace(-20, 20, 1001, dtype=torch.float64)[None]
    y = instantiate(graph).double()(x)
    low, high = layer.span
    assert y.min() >= low - 1e-9
    assert y.max() <= high + 1e-9
    assert bool((y.diff() >= -1e-9).all()) or not layer.rises
    if layer.passes is not None:
        inside = (x >= layer.passes[0]) & (x <= layer.passes[1])
        assert torch.equal(x[inside], y[inside])
