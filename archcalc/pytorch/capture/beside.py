"""A file's graph compared with the network that its spec describes, on the same weights and input.

The file is run in its own precision, the network in double precision: they differ by no more than the file's
rounding.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from archcalc.diagnostics import RequestError, Source
from archcalc.network.load import build_graph
from archcalc.network.parameters import named_parameters
from archcalc.onnx.evaluating import Evaluated
from archcalc.onnx.reading import Reading
from archcalc.pytorch.capture.outputs import Held, Unlike, filled, hindrance, tensors
from archcalc.pytorch.instance import instantiate
from archcalc.tracing.calls import FLOAT, Value

_NEAR = 1e-3


def compare(reading: Reading) -> None:
    """Record in the comparison whether outputs are equal, if they can be compared. Raises `RequestError`."""
    comparison = reading.comparison
    reason = hindrance(reading)
    if reason is not None:
        comparison.checked = f"outputs are not compared: {reason}"
        return
    try:
        evaluated = Evaluated(reading.path, reading.running)
        theirs = {name: torch.tensor(array) for name, array in evaluated.weights().items()}
        graph = build_graph(Source(reading.graph.name, reading.text))
        built = instantiate(graph, "cpu").double().eval()
        shapes = {name: tuple(map(int, shape)) for name, shape in named_parameters(graph.nodes)}
        left = filled(built, reading.order, shapes, Held(theirs, {}))
        if left is not None:
            raise RequestError(f"{left} has no weight in the file")
        inputs = _inputs(reading)
        results = evaluated.results({name: tensor.numpy() for name, tensor in inputs.items()})
    except (RequestError, Unlike, RuntimeError, KeyError, TypeError) as error:
        comparison.checked = f"outputs are not compared: {str(error).splitlines()[0]}"
        return
    run = reading.running.run
    with torch.no_grad():
        ours = built(*(one.double() if one.is_floating_point() else one for one in _first(inputs.values(), run.inputs)))
    outputs = _first((torch.tensor(one) for one in results), [value for _, value in run.outputs])
    _tell(reading, tensors(ours), outputs)


def _first(given: Iterable[torch.Tensor], values: Iterable[Value]) -> list[torch.Tensor]:
    """Tensors with the batch in front, as the network has them."""
    return [one if value.batch is None else one.movedim(value.batch, 0) for one, value in zip(given, values)]


def _inputs(reading: Reading) -> dict[str, torch.Tensor]:
    """Numbers for each input, with the file's batch size, or two samples."""
    torch.manual_seed(0)
    found: dict[str, torch.Tensor] = {}
    running = reading.running
    for described, value in zip(running.model.inputs, running.run.inputs):
        shape = (running.fixed or {}).get(described.name, value.shape)
        found[described.name] = torch.randn(shape) if value.kind == FLOAT else torch.zeros(shape, dtype=torch.long)
    return found


def _tell(reading: Reading, ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    comparison = reading.comparison
    pairs = list(zip(ours, theirs))
    same = [x.numel() == y.numel() for x, y in pairs]
    apart = max(
        (
            float((x.reshape(y.shape) - y).abs().max() / (y.abs().max() + 1e-30))
            for (x, y), one in zip(pairs, same)
            if one
        ),
        default=0.0,
    )
    comparison.wrong = not all(same) or not apart < _NEAR
    comparison.checked = (
        f"outputs differ by {apart:.2g} of the largest"
        if comparison.wrong
        else f"outputs equal, to {apart:.1g} of the largest"
    )
