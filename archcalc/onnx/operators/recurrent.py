"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import MisfitError
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced
from archcalc.tracing.calls import PARAMETER

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Held(int):
    """The number of elements of a weight."""

    def numel(self) -> int:
        """The number of elements, as `torch.Tensor.numel`."""
        return int(self)


class Recurrent:
    """A recurrent layer with the settings of PyTorch's modules and weights in ONNX's layout.

    ONNX orders the gates of an LSTM i, o, f, c where PyTorch has i, f, g, o, those of a GRU z, r, h where PyTorch has
    r, z, n; both biases are in one row.
    """

    num_layers, dropout, proj_size = 1, 0.0, 0

    def __init__(self, hidden: int, bidirectional: bool, bias: bool, mode: str, weights: dict[str, Held]) -> None:
        self.hidden_size = hidden
        self.bidirectional = bidirectional
        self.bias = bias
        self.mode = mode
        self._weights = weights

    def named_parameters(self) -> Iterator[tuple[str, Held]]:
        """Its weights by name, with the number of elements of each."""
        yield from self._weights.items()


@operator("LSTM GRU RNN")
def recurrent(
    run: Running,
    node: Node,
    x: Traced,
    w: Traced,
    r: Traced,
    b: Traced | None = None,
    lengths: Traced | None = None,
    *states: Traced | None,
) -> list[Traced]:
    """LSTM, GRU and RNN of one layer, in one direction or both."""
    attributes, gates = node.attributes, _GATES[node.op]
    _check(run, node, lengths, states)
    steps, batch, size = x.shape
    directions, rows, hidden = r.shape
    if w.shape != (directions, gates * hidden, size) or rows != gates * hidden or directions not in (1, 2):
        raise MisfitError(f"weights {list(w.shape)} and {list(r.shape)} over {list(x.shape)}")
    if any(one.source != PARAMETER for one in (w, r, b) if one is not None):
        raise UnreadError("with computed weights")
    if attributes.get("direction") == "reverse":
        raise UnreadError("backwards alone")
    names = ["weight_ih_l0", "weight_hh_l0"]
    sizes = [gates * hidden * size, gates * hidden * hidden]
    if b is not None:
        names += ["bias_ih_l0", "bias_hh_l0"]
        sizes += [gates * hidden, gates * hidden]
    ends = ["", "_reverse"][:directions]
    weights = {f"{name}{end}": Held(count) for end in ends for name, count in zip(names, sizes)}
    first = _activations(node)
    module = Recurrent(
        hidden, directions == 2, b is not None, f"RNN_{first.upper()}" if node.op == "RNN" else node.op, weights
    )
    run.declare(w.label, weights, (node.op, w.label, r.label, b.label if b is not None else ""))
    shapes = [(steps, batch, directions * hidden), *[(directions, batch, hidden)] * (2 if node.op == "LSTM" else 1)]
    given = run.calls(node.op, [x], shapes, module=module, called=w.label)
    apart = run.call("reshape", [given[0]], (steps, batch, directions, hidden))
    made = run.call("permute", [apart, [0, 2, 1, 3]], (steps, directions, batch, hidden))
    return [made, *given[1:]]


def _check(run: Running, node: Node, lengths: Traced | None, states: tuple[Traced | None, ...]) -> None:
    """Raises `UnreadError` for features that PyTorch's modules lack."""
    attributes = node.attributes
    if lengths is not None and lengths.of_data:
        raise UnreadError("with sequence lengths")
    if any(one is not None and (one.of_data or one.of_parameters) for one in states):
        raise UnreadError("with an initial state or peepholes")
    if attributes.get("layout") or attributes.get("clip") or attributes.get("input_forget"):
        raise UnreadError("with the batch first, a clip or coupled gates")
    if node.op == "GRU" and not attributes.get("linear_before_reset"):
        raise UnreadError("with linear_before_reset=0")


def _activations(node: Node) -> str:
    """The activation of an RNN. Raises `UnreadError` for unsupported ones."""
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[node.op]
    found = node.attributes.get("activations") or usual
    if node.op == "RNN" and set(found) == {"Relu"}:
        return "relu"
    if [one for index, one in enumerate(found) if one != usual[index % len(usual)]]:
        raise UnreadError(f"with the activations {', '.join(map(str, found[:3]))}")
    return "tanh"
