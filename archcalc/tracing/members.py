"""The members of a body before they become items: layers, and whole calls of modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

from archcalc.tracing.calls import Scope
from archcalc.tracing.graph import Node, Out


class Group:
    """A call of a module, as one member of the enclosing body."""

    def __init__(self, scope: Scope, members: list[Member], start: Out, beside: list[Out], end: Out) -> None:
        self.scope = scope
        self.members = members
        self.start = start
        self.beside = beside
        self.end = end


Member = Union[Node, Group]


def nodes_of(member: Member) -> Iterator[Node]:
    """The layers in a member."""
    if isinstance(member, Node):
        yield member
    else:
        for one in member.members:
            yield from nodes_of(one)


def in_order(members: list[Member], owner: Mapping[Node, Member]) -> list[Member]:
    """Members after all that they read: one whose module was entered before that was made would come too early."""
    found: dict[int, Member] = {}
    for member in members:
        left = [member]
        while left:
            one = left[-1]
            missing = [
                owner[out.node]
                for node in nodes_of(one)
                for out in node.reads()
                if owner.get(out.node, one) is not one and id(owner[out.node]) not in found
            ]
            if not missing:
                found.setdefault(id(left.pop()), one)
            left += missing
    return list(found.values())
