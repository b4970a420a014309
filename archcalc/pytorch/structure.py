"""How a graph divides into classes: the steps of each class, what flows into it, and which nodes share one.

A class is written for a scope: a block's call, a copy of a repeat, an expert. Items flow between steps: tensors, and
the states of recurrent layers, represented by the dictionary of the layer's further outputs.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from archcalc.layers.algebra import MoE
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.codes import code_of
from archcalc.network.freezing import Trained
from archcalc.network.graph import Node, steps_of
from archcalc.network.load import Graph
from archcalc.network.sharing import Sharing
from archcalc.pytorch.items import (
    Item,
    beside,
    entry_of,
    family,
    first_of,
    is_batched,
    is_layers,
    is_loop,
    layer_inputs,
    outputs_of,
    produced,
    producer,
    results,
)
from archcalc.pytorch.names import BuildError, unlike


def _labelled(item: Item, labels: dict[int, Any]) -> Any:
    return tuple(labels[id(one)] for one in item) if isinstance(item, list) else labels[id(item)]


class Structure:
    """The classes of a graph; everything is computed once.

    `exports` holds the signatures of classes that return a recurrent state besides their output.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.sharing = Sharing(graph.nodes)
        self.trained = Trained()
        self.instances: dict[int, list[Node]] = {}
        self.exports: set[int] = set()
        self._wrappers: dict[int, Node] = {}
        self._free: dict[int, list[Item]] = {}
        self._carried: dict[int, list[str]] = {}
        self._begun: dict[int, bool] = {}
        self._modules: dict[int, list[Node]] = {}
        self._signatures: dict[int, int] = {}
        self._known: dict[Any, int] = {}
        self._bundles: dict[int, int] = {}
        self._reads: dict[int, Counter[int]] = {}
        self._entries: dict[int, Node] = {}
        self._names: dict[int, str] = {id(x): name for name, x in graph.inputs.items()}
        self._origins: dict[int, Item] = {}
        self._prepare(graph.nodes)
        self._find(graph.nodes)
        everywhere = self._count(graph.nodes)
        everywhere.update(self._bundles.get(id(tensor), 0) for tensor in graph.outputs.values())
        # Unequal copies run in one loop: if one returns its state, all do.
        for wrapper in list({id(node): node for node in self._wrappers.values()}.values()):
            copies = [copy for copy in wrapper.children if copy.exit.state and id(copy) in self._reads]
            bundles = [id(copy.exit.outputs) for copy in copies]
            if any(everywhere[key] > self._reads[id(copy)][key] for copy, key in zip(copies, bundles)):
                everywhere.update(bundles)
        groups = [node for nodes in self.instances.values() for node in nodes]
        for group in groups:
            if (
                group.copies > 1 and self.carried(group) and not group.exit.parts
            ):  # the next copy reads what comes with this one
                everywhere.update([id(group.exit.outputs)])
        for group in groups:
            bundle = id(group.exit.outputs)
            # What only passes through a group is known outside of it.
            if everywhere[bundle] > self._reads[id(group)][bundle] and producer(group) is not None:
                self.exports.add(self.signature(group))

    def _prepare(self, nodes: list[Node]) -> None:
        """Note which copies belong together, and what the aliases stand for."""
        for node in nodes:
            if node.unfolded:
                self._wrappers.update({id(child): node for child in node.children})
            if node.name:
                self._names |= {id(node.output): node.name, id(node.exit): node.name}
            for tensor in node.inputs:
                if isinstance(tensor, Alias) and id(tensor) not in self._origins:
                    self._origins[id(tensor)] = tensor.origin
                    for name, extra in (tensor.outputs or {}).items():
                        self._origins[id(extra)] = (tensor.origin.outputs or {})[name]
                    if tensor.outputs and tensor.origin.outputs:
                        self._origins[id(tensor.outputs)] = tensor.origin.outputs
            for state in node.states.values():
                self._origins[id(state)] = state.origin
                self._entries[id(state)] = node
            entry = entry_of(node)
            if node.layer is None and isinstance(entry, Alias) and id(entry) not in self._entries:
                self._entries.update(dict.fromkeys(family(entry), node))  # inner ones get it from this one
            self._prepare(node.children)

    def _find(self, nodes: list[Node]) -> None:
        """Every group that is an instance of a class, outer ones first."""
        for node in steps_of(nodes):
            for group in self._scopes(node):
                if not self.sharing.is_reused(node) and not self.sharing.is_reused(group):
                    self.instances.setdefault(self.signature(group), []).append(group)
                    self._find(group.children)

    def plain(self, item: Item) -> Item:
        """The tensor itself for the alias that a repeated layer starts from."""
        while id(item) in self._origins and id(item) not in self._entries:
            item = self._origins[id(item)]
        return item

    def name_of(self, item: Item) -> str | None:
        """What the spec calls an item."""
        return self._names.get(id(self.plain(item)))

    def wrapper(self, group: Node) -> Node:
        """For one of several unequal copies, the node of all of them; else the group itself."""
        return self._wrappers.get(id(group), group)

    def _outer(self, node: Node, item: Item) -> Item:
        """What `item` is called outside the group `node`."""
        first = node.children[0] if node.unfolded else node
        entry = entry_of(first)
        own = isinstance(entry, Alias) and self._entries[id(entry)] is first and id(item) in family(entry)
        if own or any(state is item for state in first.states.values()):
            item = self._origins[id(item)]
        return self.plain(item)

    def _scopes(self, node: Node) -> list[Node]:
        if node.layer is not None:
            return node.children if isinstance(node.layer, MoE) else []
        return [] if is_layers(node) else node.children if node.unfolded else [node]

    def _count(self, nodes: list[Node]) -> Counter[int]:
        """How often the state of each recurrent layer is read in `nodes`, by the id of its outputs."""
        total: Counter[int] = Counter()
        for node in nodes:
            outputs = node.exit.outputs
            if outputs and node.exit.state:
                self._bundles.update({id(extra): id(outputs) for extra in outputs.values()})
            inside = self._count(node.children)
            self._reads[id(node)] = inside
            total.update(inside)
            for item in layer_inputs(node) if node.layer is not None else ():
                while id(item) in self._origins:
                    item = self._origins[id(item)]
                total[id(item) if isinstance(item, dict) else self._bundles.get(id(item), 0)] += 1
        return total

    # -- what flows -------------------------------------------------------------------------

    def inputs(self, node: Node) -> list[Item]:
        """What a step reads; for a group, first what it starts from, if anything inside reads that."""
        if is_layers(node):
            own = {key for child in node.children for key in produced(child)}
            read = [item for child in node.children for item in layer_inputs(child) if id(item) not in own]
            return list({id(item): item for item in map(self.plain, read)}.values())
        if node.layer is not None and not isinstance(node.layer, MoE):
            return [self.plain(item) for item in layer_inputs(node)]
        return [self._outer(node, item) for item in (*self.starts(node), *self.free(node))]

    def starts(self, node: Node) -> list[Item]:
        """What a group, or the first of several copies, starts from.

        The tensor before it, what it reads of the further outputs that come with that tensor, and its states.
        """
        first = first_of(node)
        entry, extra = entry_of(first), beside(entry_of(first))
        given: list[Item] = [entry] if entry is not None and self.reads_entry(node) else []
        return [*given, *(extra[name] for name in self.carried(node)), *first.states.values()]

    def carried(self, node: Node) -> list[str]:
        """What a group, or any of several copies, reads of the further outputs that come with what it starts from.

        Returns:
            Their names in order, with "" for all of them as the state of a recurrent layer.
        """
        self.free(node)
        return self._carried[id(self.wrapper(node))]

    def reads_entry(self, node: Node) -> bool:
        """Whether a group, or any of several copies, reads the tensor before it: else its class has no argument for it."""
        self.free(node)
        return self._begun[id(self.wrapper(node))]

    def free(self, node: Node) -> list[Item]:
        """What a group reads from outside besides what it starts from, each once, in order."""
        node = self.wrapper(node)
        if id(node) not in self._free:
            found: dict[int, Item] = {}
            carried: dict[str, None] = {}
            begun = node.layer is not None or node.listed != []
            for scope in self._scopes(node):
                names, entry = self._extra(scope), entry_of(scope)
                begun = begun or scope.is_expert or id(entry) in self._everything_read_by(scope)
                for item in self._read_by(scope):
                    if id(item) in names:
                        carried[names[id(item)]] = None
                    else:
                        found.setdefault(id(item), item)
                # Copies take the parts of a split out of the one variable that goes from copy to copy.
                begun = begun or (entry is not None and entry.parts and is_loop(node))
            if any(carried.keys() - beside(entry_of(scope)).keys() for scope in self._scopes(node)):
                raise BuildError(unlike(node))
            self._free[id(node)], self._carried[id(node)] = list(found.values()), list(carried)
            self._begun[id(node)] = begun
        return self._free[id(node)]

    def _extra(self, group: Node) -> dict[int, str]:
        """The names of what comes with the tensor that a group starts from, by id; not of what it has as an argument."""
        if group.is_expert or group.listed:
            return {}
        given = () if is_loop(self.wrapper(group)) else set(map(id, group.arguments.values()))
        return {id(item): name for name, item in beside(entry_of(group)).items() if id(item) not in given}

    def _read_by(self, group: Node) -> list[Item]:
        own = {*map(id, group.states.values()), id(entry_of(group))}
        found = {key: item for key, item in self._everything_read_by(group).items() if key not in own}
        named = [value for value in group.arguments.values() if isinstance(value, Tensor) and id(value) in found]
        first = {id(value): value for value in named}
        items = [*first.values(), *(item for key, item in found.items() if key not in first)]
        # Experts get the samples of their positions first, then what is the same for all.
        return sorted(items, key=is_batched, reverse=True) if group.is_expert else items

    def _everything_read_by(self, group: Node) -> dict[int, Item]:
        """What the steps of a group read or it returns that none of them makes, by id, in order."""
        found: dict[int, Item] = {}
        own: set[int] = set()
        for step in steps_of(group.children):
            for item in self.inputs(step):
                if id(item) not in own:
                    found.setdefault(id(item), item)
            own |= produced(step)
        for given in (group.exit, *group.further.values(), *(one for one, _ in group.listed)):
            if id(given) not in own:
                found.setdefault(id(given), given)
        return found

    def modules(self, node: Node) -> list[Node]:
        """The layers and groups outside a group whose weights it uses, each once, in order."""
        if id(node) not in self._modules:
            found: dict[int, Node] = {}
            for scope in self._scopes(node):
                inner = list(steps_of(scope.children))
                own = {id(step) for step in inner}
                for needed in (needed for step in inner for needed in self.needed(step)):
                    if id(needed) not in own:
                        found.setdefault(id(needed), needed)
            self._modules[id(node)] = list(found.values())
        return self._modules[id(node)]

    def needed(self, step: Node) -> list[Node]:
        """The layers and groups whose weights a step uses."""
        if self.sharing.is_reused(step):
            return self.sharing.owners(step)
        copies = step.children if step.unfolded else [step]
        found = [*self.sharing.owners(step), *(owner for one in copies for owner in self.sharing.owners(one))]
        return found if is_layers(step) else found + self.modules(step)

    # -- which nodes share a class ----------------------------------------------------------

    def signature(self, group: Node) -> int:
        """A number that two groups share if one class serves both: everything but their numbers is equal."""
        if id(group) not in self._signatures:
            entry = entry_of(group)
            labels: dict[int, Any] = {id(item): number for number, item in enumerate(self.free(group), 1)}
            labels[id(entry)] = 0
            extra = beside(entry)
            labels.update({id(extra[name]): ("beside", name) for name in self.carried(group)})
            labels.update({id(state): ("state", number) for number, state in enumerate(group.states.values())})
            labels.update({id(node): ("module", number) for number, node in enumerate(self.modules(group))})
            begins = entry is not None and self.reads_entry(group)
            from_parts = (
                bool(entry.parts) if begins and entry is not None else None
            )  # the parts of a split are not one tensor
            parts: list[Any] = [group.op if group.block else "", from_parts, len(self.free(group)), tuple(group.states)]
            parts.append((begins, *self.carried(group)))
            read = {id(item) for step in steps_of(group.children) for item in self.inputs(step)} | {id(group.exit)}
            given = [*self.starts(group), *self.free(group)]
            parts.append(tuple(is_batched(item) and id(item) in read for item in given))
            for number, step in enumerate(steps_of(group.children)):
                parts.append((self._step_signature(step, labels), self.frozen_inside(group, step)))
                labels[id(step)] = ("step", number)
                for name, item in outputs_of(step):
                    labels[id(item)] = (number, name)
            parts.append(labels[id(group.exit)])
            parts.append(tuple((name, _labelled(item, labels)) for name, item in results(group).items()))
            parts.append(tuple(labels[id(one)] for one, _ in group.listed))
            self._signatures[id(group)] = self._known.setdefault(tuple(parts), len(self._known))
        return self._signatures[id(group)]

    def frozen_inside(self, group: Node | None, step: Node) -> tuple[bool, ...]:
        """Whether the class of `group` has to freeze each copy of a step; in a mixture, router and experts apart."""
        if group is not None and self.trained.is_frozen(group):
            return ()
        copies = step.children if step.unfolded else [step]
        parts = [part for one in copies for part in (one, *(one.children if isinstance(one.layer, MoE) else ()))]
        frozen = tuple(
            flag for one in parts for flag in (self.trained.is_frozen(one), isinstance(one.layer, MoE) and one.frozen)
        )
        return frozen if any(frozen) else ()

    def uniform(self, step: Node) -> int | None:
        """The signature of copies that one class serves, whatever their number; only the first may have other numbers.

        None for a single group, or if the copies need or give more than the tensor between them.
        """
        copies = step.children if step.unfolded else [step]
        several = len(copies) == 2 and copies[0].copies == 1 if step.unfolded else step.copies > 1
        if (
            results(step)
            or step.states
            or step.layer is not None
            or is_layers(step)
            or not several
            or self.free(step)
            or self.carried(step)
            or self.needed(step)
        ):
            return None
        if entry_of(copies[0]) is None or not self.reads_entry(step) or any(one.exit.outputs for one in copies):
            return None
        first, last = self.signature(copies[0]), self.signature(copies[-1])
        return first if first == last else None

    def _step_signature(self, step: Node, labels: dict[int, Any]) -> Any:
        reads = tuple(labels[id(item)] for item in self.inputs(step))
        uniform = self.uniform(step)
        if uniform is not None:
            return step.op, step.segment, reads, uniform
        copies = step.children if step.unfolded else [step]
        ties = tuple(
            (
                tuple(labels[id(owner)] for owner in self.sharing.owners(one)),
                self.sharing.is_reused(one),
                tuple(one.tied),
                one.copies if self.sharing.owners(one) or (is_layers(step) and one is not copies[-1]) else 0,
            )
            for one in copies
        )
        inner: list[Any] = []
        for one in copies:
            several = one.copies if step.unfolded else one.copies > 1
            if one.layer is None:
                needed = [] if self.sharing.is_reused(step) else self.modules(one)  # its owner has what is inside
                inner.append((several, self.signature(one), tuple(labels[id(node)] for node in needed)))
                continue
            code = code_of(one)
            experts = tuple(self.signature(child) for child in self._scopes(one))
            parts = len(one.output.outputs or ()) if one.output.parts else 0
            inner.append(
                (
                    several,
                    code.module,
                    code.around,
                    code.imported,
                    code.call,
                    len(code.args),
                    tuple(code.kwargs),
                    parts,
                    experts,
                )
            )
        return step.op, step.segment, reads, ties, tuple(inner)

    def gives_state(self, node: Node) -> bool:
        """Whether the class of a group, or of the one whose module it calls, returns a state besides its output."""
        scopes = [self.sharing.module_of(scope) for scope in self._scopes(self.sharing.module_of(node))]
        return any(self.signature(scope) in self.exports for scope in scopes)
