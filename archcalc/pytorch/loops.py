"""Loops over copies with more than one output: states carried from copy to copy, lists of all copies' outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archcalc.layers.code import Code
from archcalc.network.graph import Node
from archcalc.network.names import ALL
from archcalc.pytorch.forward import Forward, handed_on, state_among
from archcalc.pytorch.items import Item, first_of, results
from archcalc.pytorch.names import identifier


class Loop:
    """The statements around and in a loop over the copies of `node`, through which the variable `name` passes.

    Args:
        starts: what its states start from.
        beside: what each copy reads of the further outputs that come with the one before, by name.
    """

    def __init__(
        self, forward: Forward, index: int, node: Node, name: str, starts: Sequence[Item] = (), beside: Mapping[str, Item] = {}
    ) -> None:  # fmt: skip
        self.forward, self.index, self.node, self.name = forward, index, node, name
        self.carried = carry(forward, index, node, name, beside)
        read = (re.findall(r"[A-Za-z_]\w*", forward.expression(item)) for item in starts)
        self.taken = {name, *forward.fixed, *self.carried.values(), *(word for words in read for word in words)}
        self.states: list[str] = []
        self._start(starts)
        self.lists: dict[str, str] = {path: self._choose(_plural(node, path)) for path in node.gathered}
        forward.lines += [f"{variable} = []" for variable in self.lists.values()]

    def _choose(self, wanted: str) -> str:
        variable = self.forward.variables.choose(self.index, [identifier(wanted)], self.taken)
        self.taken.add(variable)
        return variable

    def _start(self, items: Sequence[Item]) -> None:
        """Give every state its start value."""
        first = first_of(self.node)
        given = [self.forward.expression(item) for item in items]
        self.states = [self._choose(name) for name in first.states]
        moved = [
            (name, text) for name, text, item in zip(self.states, given, items) if name != self._made(name, text, item)
        ]
        if moved:
            self.forward.lines.append(
                f"{', '.join(name for name, _ in moved)} = {', '.join(text for _, text in moved)}"
            )

    def _made(self, name: str, text: str, item: Item) -> str:
        """The variable that a state starts from: the state's own if zeros were made only for it."""
        begins, lines = f"{text} = ", self.forward.lines
        at = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].startswith(begins)), -1)
        alone = at >= max(0, len(lines) - len(self.states)) and not self.forward.variables.is_read_after(
            item, self.index
        )
        if not alone or not all("zeros(" in line for line in lines[at:]):
            return text
        lines[at] = f"{name} = {lines[at].removeprefix(begins)}"
        return name

    def run(
        self, owner: str, others: list[str], code: Code | None, chained: bool, passes: bool, times: str = ""
    ) -> None:
        """Write a call for each copy.

        Args:
            owner: the module with all copies, or the one that is called each time.
            others: further arguments of each call.
            code: how to take the output apart, if it has parts.
            chained: whether the first copy is called like the others.
            passes: whether each copy gets the output of the one before.
            times: how often one module is called; "" if each copy is a module of its own.
        """
        node = self.node
        last = node.children[-1] if node.unfolded else node
        given = dict(zip(last.states, self.states))
        state = []
        if code is not None and node.output.outputs:
            state = [state_among(self.carried, code) or self._choose("state")]
        names = [self.name, *state]
        appended: list[str] = []
        for name in results(last):
            wanted = given.get(name) or self._choose(name.removesuffix(ALL).rpartition(".")[2] or "each")
            names.append(wanted)
            if name in self.lists and last.further[name] is not last.exit:
                appended.append(f"{self.lists[name]}.append({wanted})")
            elif name.endswith(ALL) and name.removesuffix(ALL) in self.lists:
                appended.append(f"{self.lists[name.removesuffix(ALL)]} += {wanted}")
        if state and code is not None:
            appended += handed_on(code, self.name, state[0], self.carried)
        for path, variable in self.lists.items():
            if not path or last.further.get(path) is last.exit:
                appended.append(f"{variable}.append({self.name})")
        targets = ", ".join(names)
        arguments = [*self.carried.values(), *self.states, *others]
        lines = self.forward.lines
        if not chained:
            lines.append(f"{targets} = {owner}{'' if times else '[0]'}({', '.join(arguments)})")
            lines += appended
        if times:
            lines.append(f"for _ in range({times}{'' if chained else ' - 1'}):")
        else:
            lines.append(f"for layer in {owner}{'' if chained else '[1:]'}:")
        one = owner if times else "layer"
        lines += [
            f"    {targets} = {one}({', '.join([self.name, *arguments] if passes else arguments)})",
            *(f"    {line}" for line in appended),
        ]
        self.finish(dict(zip(results(last), names[1 + len(state) :])))
        if state and code is not None:
            self.forward.bind_state(node, self.name, state[0], code)

    def collect(self, indent: str = "") -> None:
        """Append the output of a copy of a layer."""
        if "" in self.lists:
            self.forward.lines.append(f"{indent}{self.lists['']}.append({self.name})")

    def finish(self, variables: dict[str, str]) -> None:
        """Record what each variable holds after the loop."""
        bound = self.forward.variables
        bound.bind(self.name, self.node.output)
        if self.node.output.parts:
            for number, part in enumerate((self.node.output.outputs or {}).values()):
                bound.derive(part, self.name, f"{self.name}[{number}]")
        for name, item in self.node.further.items():
            if item is not self.node.output and name in variables:
                bound.bind(variables[name], item)
        for path, variable in self.lists.items():
            self.forward.bind_list(variable, self.node.gathered[path])


def carry(forward: Forward, index: int, node: Node, name: str, beside: Mapping[str, Item]) -> dict[str, str]:
    """Give a variable to each further output that copies read of the one before; the parts of `name` need none."""
    found, moved = dict[str, str](), dict[str, str]()
    if node.output.parts:
        return {key: f"{name}[{list(node.output.outputs or ()).index(key)}]" for key in beside}
    for key, item in beside.items():
        text = forward.expression(item)
        wanted = [text] if text.isidentifier() else []
        avoid = {name, *forward.fixed, *found.values()}
        found[key] = forward.variables.choose(index, [*wanted, identifier(key or "state")], avoid)
        if found[key] != text:
            moved[found[key]] = text
    if moved:
        forward.lines.append(f"{', '.join(moved)} = {', '.join(moved.values())}")
    return found


def _plural(node: Node, path: str) -> str:
    """The name of a list: `skips` for outputs `skip`, else that of the copies."""
    word = path.rpartition(".")[2]
    return f"{word}s" if word else node.name or path.rpartition(".")[0].rpartition(".")[2] or "copies"
