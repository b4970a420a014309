"""Valid shapes that were probably meant otherwise: what a layer reads as channels or features."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.advice import written
from archcalc.diagnostics import Diagnostic, Fix, Note, Span
from archcalc.language.inputs import Input, stating
from archcalc.layers.base import REGISTRY, Layer
from archcalc.layers.correlation import Convolution
from archcalc.layers.dense import Linear
from archcalc.layers.layout import CHANNELS_FIRST, KEEPS
from archcalc.layers.shape import Flatten
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph

LINEAR_ON_IMAGE = "SHP113"
CHANNELS_LAST_INPUT = "SHP114"
BATCH_IN_INPUT = "SHP115"
MEAN_OVER_CHANNELS = "SHP116"

# The channels of a greyscale or colour image.
_IMAGE_CHANNELS = (1, 3)


class Misreading(Diagnostic):
    """A note on what a layer reads; `node` is the layer."""

    def __init__(
        self, code: str, node: Node, message: str, help: str, fixes: list[Fix | None], place: Span | None = None
    ) -> None:
        read = (Note(f"read by `{node.op}`", node.place),) if place is not None else ()
        made = tuple(fix for fix in fixes if fix is not None)
        super().__init__(code, message, place or node.place, help, read, "note", choices=made)
        self.node = node


def misread(graph: Graph) -> list[Misreading]:
    """The probable misreadings, by place, each place once."""
    found: dict[tuple[int, int], Misreading] = {}
    for one in _found(graph):
        found.setdefault((one.place.line, one.place.column), one)
    return [found[place] for place in sorted(found)]


def _found(graph: Graph) -> Iterator[Misreading]:
    inputs = {input.name.text if input.name else "input": input for input in graph.document.inputs}
    raw = {id(tensor): inputs[name] for name, tensor in graph.inputs.items() if not inputs[name].layout}
    means: dict[int, Node] = {}  # tensors averaged over their channels, and the layer that did it
    for node, _, _ in walk(graph.nodes):
        if node.layer is None or not node.inputs:
            continue
        x = node.inputs[0].itself
        input, mean = raw.get(id(x)), means.get(id(x))
        if len(node.inputs) == 1 and node.layer.layout == KEEPS:
            raw |= {id(node.exit): input} if input else {}
        if mean is not None and (node.layer.layout == KEEPS or isinstance(node.layer, Flatten)):
            means[id(node.exit)] = mean
        if isinstance(node.layer, Linear):
            if input is not None and x.rank == 3 and x.group is not None and x.group.by is node.place:
                yield _linear_on_image(node, x, input)
            if mean is not None:
                yield _mean_over_channels(mean, node)
        elif isinstance(node.layer, Convolution) and input is not None:
            yield from _read_as_image(node, x, input)
        elif _loses_channels(node.layer, x):
            means[id(node.exit)] = node


def _linear_on_image(node: Node, x: Tensor, input: Input) -> Misreading:
    return Misreading(
        LINEAR_ON_IMAGE,
        node,
        f"`linear` acts on the last axis of an image {x}, its {int(x.shape[-1])} columns",
        f"add `flatten` before it to use all {int(x.elements):,} pixels"
        + _or_state(input, x, "features-last", "rows of features are"),
        [_before(node, "flatten"), _stated(input, x, "features-last")],
    )


def _before(node: Node, line: str) -> Fix | None:
    """A layer before another one."""
    from archcalc.language.edits import with_layer_before  # few networks are misread

    edits = with_layer_before(node.place, line)
    return Fix(f"add `{line}` before it", edits) if edits else None


def _stated(input: Input, x: Tensor, layout: str) -> Fix | None:
    """The layout stated at the input."""
    name = input.name.text if input.name else "input"
    text = stating(name, str(x), layout)
    fix = written(input.sizes, text.partition(": ")[2])
    return Fix(f"write `{text}`", fix.edits) if fix else None


def _read_as_image(node: Node, x: Tensor, input: Input) -> Iterator[Misreading]:
    sizes = [int(size) for size in x.shape]
    *others, last = sizes
    stated = _or_state(input, x, "channels-first", "this is")
    if last in _IMAGE_CHANNELS and sizes[0] > last and all(size > last for size in others):
        yield Misreading(
            CHANNELS_LAST_INPUT,
            node,
            f"`{node.op}` reads {sizes[0]} channels and {last} {'columns' if len(sizes) > 2 else 'positions'} in {x}",
            f"channels come first: write {[last, *others]}{stated}",
            [written(input.sizes, f"{[last, *others]}"), _stated(input, x, "channels-first")],
            input.sizes,
        )
    elif len(sizes) == 4 and sizes[1] in _IMAGE_CHANNELS:
        channels = f"{sizes[0]} channel{'s' if sizes[0] > 1 else ''}"
        yield Misreading(
            BATCH_IN_INPUT,
            node,
            f"`{node.op}` is a 3-D convolution of {x}: {channels} and {sizes[1]} image{'s' if sizes[1] > 1 else ''} in depth",
            f"a spec leaves the batch out: write {sizes[1:]}{stated}",
            [written(input.sizes, f"{sizes[1:]}"), _stated(input, x, "channels-first")],
            input.sizes,
        )


def _or_state(input: Input, x: Tensor, layout: str, what: str) -> str:
    """What to write at the input if the reading is right."""
    name = input.name.text if input.name else "input"
    return f"; if {what} meant, write `{stating(name, str(x), layout)}`"


def _loses_channels(layer: Layer | None, x: Tensor) -> bool:
    """Whether it is a mean over the channels of an image or a signal, which removes them."""
    if not REGISTRY.registered("mean"):  # imported on demand: most networks have no reduction
        return False
    from archcalc.layers.reduction import Mean

    if not isinstance(layer, Mean):
        return False
    return x.layout == CHANNELS_FIRST and not layer.keepdim and 0 in {x.axis(axis) for axis in layer.axis}


def _mean_over_channels(mean: Node, node: Node) -> Misreading:
    from archcalc.language.edits import with_values  # few networks are misread

    x = mean.inputs[0]
    axes = "x".join(map(str, range(1, x.rank)))
    edits = with_values(mean.place, "axis", {"axis": axes}, r"-?\d+")
    told = f"write `mean axis={axes}` for a mean of each channel"
    leaves = f"[{x.shape[0]}]"
    return Misreading(
        MEAN_OVER_CHANNELS,
        mean,
        f"`mean` is over the {x.shape[0]} channels of {x}, and leaves {mean.exit} to `{node.op}`",
        f"{told}, which leaves {leaves}"
        if edits
        else f"for a mean of each channel, which leaves {leaves}, `mean axis={axes}` would do",
        [Fix(told, edits) if edits else None],
    )
