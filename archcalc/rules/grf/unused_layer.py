"""GRF701."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Fix
from archcalc.layers import REGISTRY
from archcalc.network.edges import parts
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model, Spot


@rule("GRF701", "unused-layer")
class UnusedLayer(Rule):
    """A layer's output reaches no output of the model, or no layer reads an input.

    It is computed for nothing, and its parameters get no gradient: they keep their initial values, and
    data-parallel training fails because it waits for the gradients. The finding is reported at the last
    layer of each such chain.

    Example:
        model: example
        input: [20]
        layers:
          - linear 64 name=features
          - [relu, linear 10 name=logits]
          - linear 5 from=features name=extra
        output: logits

    Use instead:
        model: example
        input: [20]
        layers:
          - linear 64 name=features
          - [relu, linear 10 name=logits]
          - linear 5 from=features name=extra
        output: [logits, extra]

    Reference:
        torch.nn.parallel.DistributedDataParallel, its argument find_unused_parameters.
    """

    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """The end of every chain of layers that leads nowhere, and every input without a reader."""
        yield from self._inputs(model)
        used = model.leading_to(model.graph.outputs.values())
        unused = [placed.node for placed in model.layers if id(placed.node) not in used]
        affected = model.everywhere(unused)
        for node in unused:
            if any(id(reader) not in used for part in parts(node) for reader in model.consumers(part)):
                continue
            chain = [one for one in _chain(model, node, used) if one.op in REGISTRY]
            if not chain:  # the stacked outputs of a scan of which only the last state is read
                continue
            node = chain[0]
            count = sum(model.costs.own(one).params for one in chain if not model.shares(one))
            what = f"`{node.op}` and {len(chain) - 1} before it reach" if len(chain) > 1 else f"`{node.op}` reaches"
            if count:
                lost = f"{count:,} parameters get no gradient" if count > 1 else "1 parameter gets no gradient"
            else:
                lost = f"its {int(node.exit.elements):,} values are computed for nothing"
            yield self.finding(
                model.placed(node),
                f"nothing reads the constant `{node.name or node.op}`"
                if _is_constant(node)
                else f"{what} no output: {lost}",
                "delete it, use its output, or add it to `output:`",
                (),
                self._fix(model, node, affected),
                layers=len(chain),
                parameters=count,
            )

    def _inputs(self, model: Model) -> Iterator[Finding]:
        for name in (input.name for input in model.graph.document.inputs):
            tensor = model.graph.inputs.get(name.text) if name is not None else None
            if name is not None and tensor is not None and not model.consumers(tensor) and not model.is_output(tensor):
                yield self.finding(
                    name,
                    f"no layer reads the input `{name.text}`: its {int(tensor.elements):,} values have no effect",
                    "read it with from=, or delete it",
                    values=int(tensor.elements),
                )

    def _fix(self, model: Model, node: Node, affected: set[Spot]) -> Fix | None:
        """Delete the layer, unless others share its weights or use its name.

        Deleting a layer that draws random numbers changes those of other layers.
        """
        from archcalc.language.edits import said
        from archcalc.rules.edits import without_layer
        from archcalc.rules.mending import mend  # not needed if nothing was found

        if node.name and said(node.place.source)[node.name] > 1:
            return None
        draws = node.layer is not None and node.layer.draws
        edit = without_layer(node, unread=True, final=node is model.graph.nodes[-1])
        return mend(model, node, affected, "delete it", edit, safe=not draws)


def _is_constant(node: Node) -> bool:
    return not node.inputs and not node.params and not node.tied and node.layer is not None and node.layer.view


def _chain(model: Model, end: Node, used: set[int]) -> list[Node]:
    """`end` and the unused layers that it reads."""
    found, pending = {id(end): end}, [end]
    while pending:
        for tensor in pending.pop().inputs:
            before = model.producer(tensor)
            if before is not None and id(before) not in used and id(before) not in found:
                found[id(before)] = before
                pending.append(before)
    return list(found.values())
