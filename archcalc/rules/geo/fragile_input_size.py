"""GEO212."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Diagnostic, Findings, Span, SpecError
from archcalc.layers.tensor import Tensor
from archcalc.network.load import graph_of
from archcalc.network.shapes import Shapes
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed, space

# By how many pixels images are enlarged, to find sizes that fail and sizes that work again.
_FIRST = (1, 2, 4, 8, 16)
_STEPS = (2, 4, 8, 16, 32, 64, 128, 3, 6, 12, 24, 48, 96)


@rule("GEO212", "fragile-input-size")
class FragileInputSize(Rule):
    """The network joins an image with one that was once smaller, and works only at some image sizes.

    Halving rounds down and doubling does not undo that: 25 pixels become 12, then 24, and the two do
    not fit together. Anyone who trains on crops or runs on camera images then meets the error. The spec
    is not wrong; padding or cropping before the network solves it.

    Example:
        model: example
        input: [8, 32, 32]
        layers:
          - conv 8 kernel=3 padding=1 name=skip
          - [maxpool 2, maxpool 2, conv 8 kernel=3 padding=1, upsample 4]
          - concat: [prev, skip]

    Use instead:
        model: example
        input: [8, 32, 32]
        layers:
          - conv 8 kernel=3 padding=1 name=skip
          - [conv 8 kernel=3 padding=2 dilation=2]
          - concat: [prev, skip]

    Reference:
        The formula for the output size in torch.nn.MaxPool2d: it rounds down.
    """

    about = "enlarges"
    severity = "info"

    def check(self, model: Model) -> Iterator[Finding]:
        """The layers whose inputs no longer fit together if the image has a few more pixels along every axis."""
        image = model.only_input
        if image is None or image.rank < 3 or not fixed(image):
            return
        if not any(placed.node.layer is not None and placed.node.layer.enlarges for placed in model.layers):
            return
        from archcalc.cases import Cases  # few networks need it

        error = Cases(lambda more: _error(model, more))
        more, broken = next(((more, found) for more in _FIRST if (found := error.of(more))), (0, None))
        if broken is None or broken.code != "SHP107":
            return
        step = next((other for other in _STEPS if other > more and error.of(other) is None), None)
        if step is None:
            return
        place = broken.place
        yield self.finding(
            Span(place.source, place.line, place.column, place.end_line, place.end_column),
            f"this works at {space(image)} and {_larger(image, step)}, but not at {_larger(image, more)}: "
            f"{broken.message}",
            f"pad or crop images before the network, to sizes {step} pixels apart",
            step=step,
            broken=more,
        )


def _larger(x: Tensor, more: int) -> str:
    return "×".join(str(int(size) + more) for size in x.shape[1:])


def _error(model: Model, more: int) -> Diagnostic | None:
    """The error of the network if its input is this many pixels larger, or None."""
    graph = model.graph
    inputs = {
        name: (sizes[0], *(int(size) + more for size in sizes[1:])) for name, sizes in graph.settings.inputs.items()
    }
    settings = graph.settings.with_inputs(inputs)
    try:
        graph_of(graph.document, graph.steps, settings, graph.batch, Findings(), Shapes)
    except SpecError as error:
        return error.diagnostics[0]
    return None
