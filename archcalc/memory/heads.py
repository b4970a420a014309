"""Cross entropy together with the last linear layer, in chunks: the logits never exist as a whole.

`chunked` is written by hand: each chunk of positions goes through the last matrix and the loss in a checkpoint.
`fused` is one kernel that already computes the gradients in the forward pass, and keeps them instead of its input.
Source: Liger's fused linear cross entropy (its number of chunks); `chunked` is compared with PyTorch's allocator.
"""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.layers.dense import Linear
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import plain
from archcalc.running import Running
from archcalc.running.declaration import CHUNKED, FUSED

_USUAL = 8


class Head:
    """The last matrix of a network whose loss is computed in chunks.

    Attributes:
        node: the layer.
        is_fused: whether one kernel computes the gradients in the forward pass.
        classes: logits per position. rows: positions per chunk, over the whole batch.
        hidden: input features. weights: elements of the matrix.
    """

    def __init__(self, node: Node, batch: int, running: Running) -> None:
        x = node.inputs[0]
        self.node, self.is_fused = node, running.loss == FUSED
        self.classes, width = plain(node.exit.shape[-1]), plain(x.shape[-1])
        self.hidden = x.numel * x.samples(batch)
        self.weights = self.classes * width
        rows = self.hidden // width
        pieces = -(-self.classes // width) if self.is_fused else running.chunks or _USUAL
        self.rows = -(-rows // pieces)
        if self.is_fused:  # rounded up to a power of 2
            self.rows = min(rows, 1 << (self.rows - 1).bit_length())
        self.is_one = self.rows >= rows

    @property
    def logits(self) -> int:
        """The number of logits in a chunk."""
        return self.rows * self.classes


def head(graph: Graph, running: Running) -> Head | None:
    """The head of a run whose loss is computed in chunks; None for other losses.

    Raises:
        RequestError: the loss is not cross entropy, or the only output is not that of a `linear`.
    """
    if not running.trains or running.loss not in (FUSED, CHUNKED):
        return None
    loss = graph.document.loss
    given = {id(y) for y in graph.outputs.values()}
    for node, _, _ in walk(graph.nodes):
        last = id(node.exit) in given and len(given) == 1 and isinstance(node.layer, Linear)
        if last and loss is not None and loss.text == "crossentropy":
            return Head(node, graph.batch, running)
    raise RequestError(f"{graph.path}: a {running.loss} loss needs cross entropy, and a `linear` as the only output")
