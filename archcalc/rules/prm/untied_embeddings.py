"""PRM308."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Fix, Note
from archcalc.layers.base import Layer
from archcalc.layers.dense import Embedding, Linear
from archcalc.layers.softmax import SoftmaxLike
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.losses import last_layers, unchanged
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("PRM308", "untied-embeddings")
class UntiedEmbeddings(Rule):
    """The output layer and the token table have the same shape, and each has its own weights.

    Both hold a vector for each token. Many language models use one table for both, which saves the
    parameters of the other. Not reported below a tenth of all parameters: large models often keep two.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64 name=tokens
          - lstm 64
          - linear 1000

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64 name=tokens
          - lstm 64
          - linear 1000 tie=tokens

    Reference:
        Press and Wolf 2016, arXiv:1608.05859; Inan, Khosravi and Socher 2016, arXiv:1611.01462.
    """

    about = (Embedding,)
    severity = "info"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every linear layer at an output whose weights have the shape of an embedding's."""
        tables = [placed.node for placed in model.layers if isinstance(placed.node.layer, Embedding)]
        for node in last_layers(model, _through):
            shape = node.params.get("weight")
            if not isinstance(node.layer, Linear) or shape is None or model.shares(node):
                continue
            table = next((one for one in tables if one.params.get("weight") == shape), None)
            if table is None:
                continue
            count, total = int(product(shape)), model.costs.totals.params
            if 10 * count < total:
                continue
            yield self.finding(
                model.placed(node),
                f"the output layer and `embedding` hold {count:,} parameters each, of one shape: "
                f"sharing them would save {100 * count / total:.1f} % of all",
                f"write tie={table.name}" if table.name else "give the embedding a name, and write tie=NAME",
                (Note("the embedding", table.place),),
                self._fix(model, node, table),
                parameters=count,
                total=total,
            )

    def _fix(self, model: Model, node: Node, table: Node) -> Fix | None:
        top = {id(one) for one in model.graph.nodes}
        if not table.name or id(node) not in top or id(table) not in top:
            return None
        edit = with_argument(node, "tie", table.name)
        return mend(model, node, model.everywhere([node]), f"write tie={table.name}", edit, safe=False)


def _through(layer: Layer) -> bool:
    return unchanged(layer) or layer.elementwise or isinstance(layer, SoftmaxLike)
