"""GRF708."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.edges import parts
from archcalc.network.gradients import backward
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("GRF708", "untrained-layers")
class UntrainedLayers(Rule):
    """No gradient reaches layers that an output depends on: what reads them gives whole numbers, or is detached.

    The results of `argmax` and `index`, and the indices of `topk`, are whole numbers, which have no gradient; `detach`
    lets none through. Layers that are read in no other way keep their initial weights in training, and data-parallel
    training waits for their gradients. A network whose outputs are all whole numbers is taken to be for inference
    only.

    Example:
        model: example
        input: [6, 20]
        layers:
          - linear 64 name=scores
          - [argmax -1, embedding 64 dim=8]
          - linear 10 name=label
        output: label

    Use instead:
        model: example
        input: [6, 20]
        layers:
          - linear 64 name=scores
          - [argmax -1, embedding 64 dim=8]
          - linear 10 name=label
        output: [label, scores]

    Reference:
        Bengio et al. 2013, Estimating or Propagating Gradients Through Stochastic Neurons, arXiv:1308.3432.
    """

    about = "gives_constants"

    def check(self, model: Model) -> Iterator[Finding]:
        """Each place where gradients end, with the layers before it that have none from elsewhere."""
        reached = {id(one.node) for one in backward(model.graph)}
        if not reached:
            return
        trained = {owner for placed in model.layers if id(placed.node) in reached for owner in _owners(placed.node)}
        used = model.leading_to(model.graph.outputs.values())
        idle = {
            id(placed.node)
            for placed in model.layers
            if placed.node.learns and id(placed.node) in used and not trained & _owners(placed.node)
        }
        if not idle:
            return
        without, before = self._after(model, idle, reached)
        told: set[int] = set()
        for placed in model.layers:
            node = placed.node
            if id(node) not in without or not self._ends(model, node, without):
                continue
            chain = [one for one in _upstream(node, before) if id(one) not in told]
            told.update(map(id, chain))
            lost = [one for one in chain if id(one) in idle]
            count = sum(model.costs.own(one).params for one in lost if not model.shares(one))
            if count:
                first = min(lost, key=lambda one: (one.place.line, one.place.column))
                what = f"`{first.name or first.op}`" + (f" and {len(lost) - 1} more layers" if len(lost) > 1 else "")
                yield self.finding(
                    placed,
                    f"gradients end at `{node.op}`: the {count:,} parameters of {what} before it are never trained",
                    "add what is before it to `output:`, so that a loss reaches it, or freeze it with frozen=true",
                    layers=len(lost),
                    parameters=count,
                )

    def _after(self, model: Model, idle: set[int], reached: set[int]) -> tuple[set[int], dict[int, list[Node]]]:
        """The layers without a gradient that read what `idle` ones give, and for each of them which it reads."""
        pending = [placed.node for placed in model.layers if id(placed.node) in idle]
        without = set(idle)
        before: dict[int, list[Node]] = {}
        while pending:
            node = pending.pop()
            for part in parts(node):
                for reader in model.consumers(part):
                    if id(reader) in reached:
                        continue
                    before.setdefault(id(reader), []).append(node)
                    if id(reader) not in without:
                        without.add(id(reader))
                        pending.append(reader)
        return without, before

    def _ends(self, model: Model, node: Node, without: set[int]) -> bool:
        """Whether something that has a gradient reads a layer, or the network gives its output."""
        return any(
            model.is_output(part) or any(id(reader) not in without for reader in model.consumers(part))
            for part in parts(node)
        )


def _owners(node: Node) -> set[int]:
    """The ids of the layers whose parameters a layer computes with."""
    return {id(node), *map(id, node.tied.values())} if node.learns else set()


def _upstream(end: Node, before: dict[int, list[Node]]) -> list[Node]:
    found, pending = {id(end): end}, [end]
    while pending:
        for node in before.get(id(pending.pop()), ()):
            if id(node) not in found:
                found[id(node)] = node
                pending.append(node)
    return list(found.values())
