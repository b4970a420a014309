"""From nodes to the items of a spec: chains, branches and residuals, one body for each call of a module.

A module call with one tensor in and one out is a body of its own; any other is taken apart. If that makes the spec
shorter, a call with further inputs, such as a decoder layer and its memory, is also a body. Within a body, values that
everything later depends on cut it into pieces. A piece that ends in a merge of branches with nothing in common is
nested; the layers of any other piece stand one below the other, with names.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.layers import REGISTRY
from archcalc.tracing.calls import Scope
from archcalc.tracing.graph import Graph, Loop, Node, Out
from archcalc.tracing.items import Body, Item, Operand, flat, head, is_static, weight
from archcalc.tracing.members import Group, Member, in_order, nodes_of
from archcalc.tracing.words import operand_key

# Merges that people write nested.
_NESTED = frozenset(("add", "sub", "mul", "div", "concat", "maximum", "minimum", "matmul", "einsum"))
# What may stand in a shortcut: layers that change a shape, but nothing nonlinear.
_SHORTCUT = frozenset(
    ("conv", "batchnorm", "avgpool", "maxpool", "linear", "layernorm", "groupnorm", "pad", "slice", "rmsnorm")
)


# The most tensors that go into a body besides the one that it starts from.
_BESIDE = 2


def bodies(graph: Graph, wide: bool = False) -> Body:
    """The body of the model, containing those of its modules; `wide` ones may have further inputs."""
    return _Builder(graph, wide).root()


class _Builder:
    def __init__(self, graph: Graph, wide: bool) -> None:
        self.graph = graph
        self.wide = wide
        self.users = graph.users()
        self.ends = {out for _, out in graph.outputs}
        self.dynamic: set[Node] = set()
        for node in graph.nodes:
            if node.op == "input" or any(out.node in self.dynamic for out in node.reads()):
                self.dynamic.add(node)
        self.tied: dict[Node, list[Node]] = {}
        for node in graph.nodes:
            if node.tie is not None:
                self.tied.setdefault(node, []).append(node.tie)
                self.tied.setdefault(node.tie, []).append(node)
        self.chains = {node: node.scope.chain() if node.scope else [] for node in graph.nodes}
        for node in reversed(graph.nodes) if wide else ():
            if node not in self.dynamic:
                self._lift(node)

    def _lift(self, node: Node) -> None:
        """Take what depends on no data, and is read by several modules, out of the module that read it first."""
        chains = [self.chains[user] for name in ("", *node.further) for user in self.users.get(Out(node, name), ())]
        chain = self.chains[node]
        if any(one[: len(chain)] != chain for one in chains):
            shared = [calls[0] for calls in zip(*chains) if all(call is calls[0] for call in calls)]
            self.chains[node] = shared

    def root(self) -> Body:
        nodes = [node for node in self.graph.nodes if node.op != "input"]
        members = self._grouped(nodes, 0)
        start = Out(next(iter(self.graph.inputs.values())))
        body = Body(None, start, self.graph.outputs[-1][1])
        body.items = self._whole(members, start, len(self.graph.inputs) > 1)
        return body

    def _grouped(self, nodes: list[Node], depth: int) -> list[Member]:
        """Nodes as members: a deeper call that is whole is one member."""
        chains = self.chains
        members: list[Member] = []
        done: set[Scope] = set()
        for node in nodes:
            chain = chains[node]
            if len(chain) <= depth:
                members.append(node)
                continue
            scope = chain[depth]
            if scope in done:
                continue
            done.add(scope)
            inside = [one for one in nodes if len(chains[one]) > depth and chains[one][depth] is scope]
            inner = self._grouped(inside, depth + 1)
            ends = self._ends(inside)
            if ends is None or depth == 0:
                members += inner
            else:
                members.append(Group(scope, inner, *ends))
        return members

    def _ends(self, nodes: list[Node]) -> tuple[Out, list[Out], Out] | None:
        """The first input, the further inputs, and the output; None if there are more outputs or too many inputs."""
        there = set(nodes)
        into = dict.fromkeys(out for node in nodes for out in node.reads() if out.node not in there)
        given = [
            out
            for node in nodes
            for out in (Out(node), *(Out(node, name) for name in node.further))
            if out in self.ends or any(user not in there for user in self.users.get(out, ()))
        ]
        if not 1 <= len(into) <= 1 + _BESIDE * self.wide or len(given) != 1 or given[0].name:
            return None
        start, *beside = sorted(into, key=lambda out: out.node not in self.dynamic)
        if start.node not in self.dynamic or given[0].node not in self.dynamic:
            return None
        if any(other not in there for node in nodes for other in self.tied.get(node, ())):
            return None
        return start, beside, given[0]

    # a body's items

    def _whole(self, members: list[Member], start: Out, is_named: bool = False) -> list[Item]:
        """Members as items; what several of them read and no data goes into stands first. Nothing then stands before
        the first of the others, which has to name the start, nor does anything where the start is one of several."""
        owner = {node: member for member in members for node in nodes_of(member)}
        members = in_order(members, owner)
        shared: list[Item] = []
        static = [one for one in members if isinstance(one, Node) and one not in self.dynamic]
        readers = {one: self._readers(one, owner) for one in static}
        private: set[Node] = set()
        groups = {id(member) for member in members if isinstance(member, Group)}
        for one in static:
            if len(readers[one]) <= 1 and not readers[one] & groups and Out(one) not in self.ends:
                private.add(one)
        for one in static:
            if one not in private:
                shared += self._static(one, private)
                private.discard(one)
        moving = [one for one in members if not (isinstance(one, Node) and one not in self.dynamic)]
        self.private = private
        items = self._sequence(moving, start)
        if (shared or is_named) and items and items[0].source is None:
            operands = items[0].operands
            if operands is None and items[0].layers is None:
                items[0].source = start
            elif (
                is_named
                and operands is not None
                and all(not isinstance(one, list) or is_static(one) for one in operands)
            ):
                items[0].operands = [start if one is None else one for one in operands]
            else:
                items.insert(0, head(start))
        return shared + items

    def _readers(self, node: Node, owner: dict[Node, Member]) -> set[int]:
        outs = [Out(node), *(Out(node, name) for name in node.further)]
        return {id(owner.get(user)) for out in outs for user in self.users.get(out, ())}

    def _static(self, node: Node, private: set[Node]) -> list[Item]:
        """A node that depends on no data, with what it is made from."""
        items: list[Item] = []
        before: Out | None = None
        refs = list(node.reads())
        mergeable = node.op in _NESTED
        item = Item(Out(node), node)
        operands: list[Operand] = []
        for out in refs:
            if out.node in private and mergeable:
                operands.append(self._static(out.node, private))
            elif out.node in private:
                items += self._static(out.node, private)
                before = out
                operands.append(out)
            else:
                operands.append(out)
        if operand_key(node.op) is not None:
            item.operands = [None if one == before and one is not None else one for one in operands[: len(node.inputs)]]
        elif node.inputs and node.inputs[0] != before:
            item.source = node.inputs[0]
        return [*items, item]

    def _sequence(self, members: Sequence[Member], start: Out | None) -> list[Item]:
        """Members in order from a tensor, in pieces between the values that everything passes through."""
        items: list[Item] = []
        last_use: dict[Out, int] = {}
        for index, member in enumerate(members):
            for out in self._goes_on(member):
                last_use[out] = index
        made: dict[Out, int] = {}
        for index, member in enumerate(members):
            for out in self._gives(member):
                made[out] = index
                if out in self.ends:
                    last_use[out] = len(members)
        gone: dict[int, list[Out]] = {}
        for out, index in last_use.items():
            gone.setdefault(index, []).append(out)
        live: dict[Out, None] = {}
        open_until = last_use.get(start, -1) if start is not None else -1
        piece: list[Member] = []
        prev, first = start, start
        for index, member in enumerate(members):
            piece.append(member)
            live |= {out: None for out in self._gives(member) if index < last_use.get(out, -1)}
            for out in gone.get(index, ()):
                live.pop(out, None)
            if index == len(members) - 1 or (
                len(live) == 1 and made[next(iter(live))] == index and open_until <= index
            ):
                end = self._main(member)
                items += self._piece(piece, first)
                prev = end
                piece, first = [], prev
                if live and next(iter(live)) != prev:
                    first = None if index == len(members) - 1 else prev
        return items

    def _piece(self, piece: list[Member], start: Out | None) -> list[Item]:
        last = piece[-1]
        if len(piece) == 1:
            return self._one(last, start)
        if isinstance(last, Node) and last.op in _NESTED and start is not None:
            nested = self._branches(piece, last, start)
            if nested is not None:
                return nested
        items: list[Item] = []
        prev = start
        for member in piece:
            items += self._one(member, prev)
            prev = self._main(member)
        return items

    def _branches(self, piece: list[Member], last: Node, start: Out) -> list[Item] | None:
        """The branches that a merge joins, if they have nothing in common; else None."""
        owner = {node: member for member in piece for node in nodes_of(member)}
        taken: set[int] = set()
        operands: list[Operand] = []
        for out in last.inputs:
            if out == start:
                operands.append(None)
                continue
            if out.node in self.private:
                operands.append(self._static(out.node, self.private))
                continue
            if out.node not in owner or out.name:
                return None
            parts = self._ancestors(owner[out.node], owner)
            if taken & parts:
                return None
            taken |= parts
            members = [member for member in piece if id(member) in parts]
            if any(self._outer(member, owner, start) for member in members):
                return None
            operands.append(self._sequence(members, start))
        if len(taken) != len(piece) - 1:
            return None
        item = Item(Out(last), last)
        item.operands = [each for one in operands for each in _summands(last, one)]
        self._as_residual(item, last)
        return [item]

    def _as_residual(self, item: Item, node: Node) -> None:
        """x + f(x), or shortcut(x) + f(x)."""
        operands = item.operands or []
        if node.op != "add" or len(operands) != 2:
            return
        lists = [one for one in operands if isinstance(one, list)]
        ends = [one[-1].gives for one in lists]
        if any(is_static(one) for one in lists) or any(out is None or out.sizes != node.sizes for out in ends):
            return  # an operand that is broadcast to the other's sizes makes an ordinary sum
        if len(lists) == 1 and None in operands:
            item.layers, item.operands = lists[0], None
        elif len(lists) == 2:
            short, long = sorted(lists, key=weight)
            if weight(short) < weight(long) and all(
                one.node is not None and one.node.op in _SHORTCUT for one in flat(short)
            ):
                item.layers, item.shortcut, item.operands = long, short, None

    def _outer(self, member: Member, owner: dict[Node, Member], start: Out) -> bool:
        return any(
            out != start and out.node not in owner and out.node not in self.private for out in self._goes_on(member)
        )

    def _ancestors(self, member: Member, owner: dict[Node, Member]) -> set[int]:
        found: set[int] = set()
        left = [member]
        while left:
            one = left.pop()
            if id(one) in found:
                continue
            found.add(id(one))
            left += [owner[out.node] for out in self._reads(one) if out.node in owner]
        return found

    def _one(self, member: Member, prev: Out | None) -> list[Item]:
        """A member after `prev`, with what else it needs."""
        if isinstance(member, Group):
            body = Body(member.scope, member.start, member.end, member.beside)
            kept = self.private
            body.items = self._whole(member.members, member.start)
            self.private = kept
            item = Item(member.end, body=body)
            item.beside = member.beside
            item.source = None if member.start == prev else member.start
            return [item]
        item = Item(Out(member), member)
        before: list[Item] = []
        if member.loop is not None:
            return self._scan(item, member.loop)
        key = operand_key(member.op)
        if key is not None:
            item.operands = []
            for out in member.inputs:
                if out == prev:
                    item.operands.append(None)
                elif out.node in self.private and not out.name:
                    item.operands.append(self._static(out.node, self.private))
                else:
                    item.operands.append(out)
            return [item]
        for out in member.reads():
            if out.node in self.private:
                before += self._static(out.node, self.private)
        moved = prev if not before else before[-1].gives
        if member.inputs and REGISTRY[member.op].takes_input and member.inputs[0] != moved:
            item.source = member.inputs[0]
        return [*before, item]

    def _scan(self, item: Item, loop: Loop) -> list[Item]:
        """A loop, after what depends on no data and only the loop reads."""
        assert item.node is not None
        before = [
            one for out in item.node.inputs if out.node in self.private for one in self._static(out.node, self.private)
        ]
        item.layers = _Builder(loop.graph(self.graph.name), self.wide).root().items
        if item.layers[-1].gives != loop.end:
            item.layers.append(head(loop.end))
        return [*before, item]

    def _reads(self, member: Member) -> list[Out]:
        """The data-dependent tensors that a member reads."""
        if isinstance(member, Group):
            return [member.start, *(out for out in member.beside if out.node in self.dynamic)]
        return [out for out in member.reads() if out.node in self.dynamic]

    def _goes_on(self, member: Member) -> list[Out]:
        """What a member reads, except for what it names in a key, such as a mask."""
        if isinstance(member, Group):
            return self._reads(member)
        named = {value for value in member.keys.values() if isinstance(value, Out)} - {*member.inputs[:1]}
        return [out for out in self._reads(member) if out not in named]

    def _gives(self, member: Member) -> list[Out]:
        if isinstance(member, Group):
            return [member.end]
        return [Out(member), *(Out(member, name) for name in member.further)]

    def _main(self, member: Member) -> Out:
        return self._gives(member)[0]


def _summands(node: Node, operand: Operand) -> list[Operand]:
    """The summands of an operand: a sum of several tensors is one sum, in whichever order they are added."""
    if node.op != "add" or not isinstance(operand, list) or len(operand) != 1:
        return [operand]
    (inner,) = operand
    if inner.node is None or inner.node.op != "add" or inner.node.sizes != node.sizes or inner.source is not None:
        return [operand]
    return inner.operands or [inner.shortcut, inner.layers]
