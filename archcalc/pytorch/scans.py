"""The loop of a scan in the `forward` of its module: `for x_t in x.unbind(1):`, as a person would write it."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.layers.steps import Collected, Unbound
from archcalc.network.graph import Node
from archcalc.pytorch.forward import Forward
from archcalc.pytorch.items import Item, is_batched
from archcalc.pytorch.names import identifier

# After every step.
_ALWAYS = 10**9


class ScanLoop:
    """The loop of `node`, which is step `index` of the function `forward` with the steps `around`."""

    def __init__(self, forward: Forward, index: int, node: Node, around: list[Node]) -> None:
        self.forward, self.index, self.node = forward, index, node
        self.ends = [one for one in around if isinstance(one.layer, Unbound) and one.exit in node.inputs]
        self.called = {id(one.inputs[0]): one.layer.called for one in around if isinstance(one.layer, Collected)}
        self.backwards = any(isinstance(one.layer, Collected) and one.layer.backwards for one in around)
        variables = forward.variables
        self.alive = {name for name in variables.holds if variables.until(name) >= index}
        self.taken = set(self.alive)

    def _choose(self, wanted: str) -> str:
        name = identifier(wanted)
        found, number = name, 2
        while found in self.taken:
            found, number = f"{name}{number}", number + 1
        self.taken.add(found)
        return found

    def write(self, starts: list[Item], body: Callable[[Forward], None]) -> None:
        """Write all statements; `starts` are the states' start values, and `body` writes the statements of one step."""
        node, forward = self.node, self.forward
        through = [f"{forward.expression(one.inputs[0])}.unbind(1)" for one in self.ends]
        # The loop reads what it runs over after the states and lists have been set up.
        self.taken |= {forward.expression(one.inputs[0]) for one in self.ends}
        entries = {id(one.exit): self._choose(f"{_called(one)}_t") for one in self.ends}
        states = self._begin(starts)
        lists = [
            self._choose(self.called.get(id(every), "") + "s" if number else "steps")
            for number, (_, every) in enumerate(node.listed)
        ]
        forward.lines += [f"{name} = []" for name in lists]
        inner = self._inner({entries[id(one.exit)]: one.exit for one in self.ends}, states)
        body(inner)
        if self.backwards:
            through = [f"reversed({text})" for text in through]
        header = through[0] if len(through) == 1 else f"zip({', '.join(through)})"
        forward.lines.append(f"for {', '.join(entries[id(one.exit)] for one in self.ends)} in {header}:")
        lines = [*inner.lines, *self._hand_on(inner, states, lists)]
        forward.lines += [f"    {line}" for line in lines]
        forward.reported |= inner.reported
        for name, (_, every) in zip(lists, node.listed):
            forward.variables.bind(name, every)
        for name, variable in zip(node.states, states):
            forward.variables.bind(variable, node.further[name])

    def _begin(self, starts: list[Item]) -> list[str]:
        """Give every state its start value; zeros that were made only for it already have its variable."""
        forward, found = self.forward, dict[str, str]()
        texts = {name: forward.expression(item) for name, item in zip(self.node.states, starts)}
        for (name, text), item in zip(texts.items(), starts):
            at = next((place for place, line in enumerate(forward.lines) if line.startswith(f"{text} = ")), -1)
            alone = forward.variables.last_use.get(id(item), -1) <= self.index and [*texts.values()].count(text) == 1
            if alone and at >= 0 and "zeros(" in forward.lines[at] and not forward.probe:
                self.taken.discard(text)
                self.alive.discard(text)
                found[name] = self._choose(name)
                forward.lines[at] = f"{found[name]} = {forward.lines[at].removeprefix(f'{text} = ')}"
        moved: list[tuple[str, str]] = []
        for (name, state), item in zip(self.node.states.items(), starts):
            if name not in found:
                found[name], text = self._choose(name), texts[name]
                if state.batched and not is_batched(item):
                    batch = f"{forward.expression(self.ends[0].inputs[0])}.shape[0]"
                    text = f"{text}.expand({batch}{', -1' * state.rank})"
                moved.append((found[name], text))
        if moved:
            forward.lines.append(f"{', '.join(one for one, _ in moved)} = {', '.join(text for _, text in moved)}")
        return [found[name] for name in self.node.states]

    def _inner(self, entries: dict[str, Item], states: list[str]) -> Forward:
        """The function of one step, in which everything that is read later keeps its variable."""
        node, outer = self.node, self.forward
        given: list[Item] = [*(one for one, _ in node.listed), *node.further.values()]
        made: dict[str, Item] = {**entries, **dict(zip(states, node.states.values()))}
        inner = Forward(outer.structure, outer.owner, node.children, made, given, outer.probe)
        inner.lists = outer.lists
        for name in self.alive:
            kept = outer.variables.holds[name]
            inner.variables.holds[name] = set(kept)
            inner.variables.last_use.update(dict.fromkeys(kept, _ALWAYS))
            inner.variables.where.update({key: outer.variables.where[key] for key in kept})
        for name in entries:
            inner.variables.last_use.setdefault(id(entries[name]), 0)
        inner.prefer = {id(node.further[name]): variable for name, variable in zip(node.states, states)}
        return inner

    def _hand_on(self, inner: Forward, states: list[str], lists: list[str]) -> list[str]:
        """Append what the step gives, and assign the states their next values."""
        after = [inner.expression(one) for one in self.node.further.values()]
        changed = [(name, text) for name, text in zip(states, after) if name != text]
        given = [inner.expression(one) for one, _ in self.node.listed]
        lines = [f"{name}.append({text})" for name, text in zip(lists, given)]
        if changed:
            lines.append(f"{', '.join(name for name, _ in changed)} = {', '.join(text for _, text in changed)}")
        return lines


def _called(node: Node) -> str:
    """The body's name for an entry."""
    assert isinstance(node.layer, Unbound)
    return node.layer.called or "x"
