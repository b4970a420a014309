"""The statements of a `forward`, and what each variable holds between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archcalc.layers.code import Code
from archcalc.layers.merge import Add
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node, steps_of
from archcalc.network.names import ALL
from archcalc.pytorch.items import Item, beside, is_batched, results
from archcalc.pytorch.names import BuildError, Variables, identifier
from archcalc.pytorch.structure import Structure
from archcalc.quoting import python_string

# Up to this many parts of a split are unpacked into variables of their own.
_UNPACKED = 8


class Forward:
    """Statements of one class in order.

    Args:
        structure: of the graph.
        owner: the name of the class, for messages.
        nodes: its layers.
        inputs: what it starts from, with a variable for each.
        outputs: what it returns.
        probe: pass the output of every layer through the function `probe`.
    """

    def __init__(
        self,
        structure: Structure,
        owner: str,
        nodes: list[Node],
        inputs: dict[str, Item],
        outputs: Sequence[Item],
        probe: bool,
    ) -> None:
        self.structure = structure
        self.owner = owner
        self.outputs = list(outputs)
        self.probe = probe
        self.fixed: set[str] = set()  # variables that all copies in a loop read
        self.lines: list[str] = []
        self.reported: set[str] = set()  # what is passed to the probe
        self.prefer: dict[int, str] = {}  # variables that some tensors should go into if they are free
        self.lists: dict[str, int] = {}  # variables that hold a list, with its number of tensors
        every = list(steps_of(nodes))
        self.variables = Variables(self._last_uses(every))
        self.beside = {id(item) for node in every for item in structure.inputs(node)[1:]}
        for name, item in inputs.items():
            self.variables.bind(name, item)

    def _last_uses(self, nodes: list[Node]) -> dict[int, int]:
        last: dict[int, int] = {}
        for index, node in enumerate(nodes):
            last.update({id(item): index for item in self.structure.inputs(node)})
        last.update({id(item): len(nodes) + 1 for item in self.outputs})
        return last

    # -- expressions ------------------------------------------------------------------------

    def expression(self, item: Item) -> str:
        """The variable that holds `item`, or an expression of a variable."""
        item = item if id(item) in self.variables.where else self.structure.plain(item)
        if isinstance(item, list) and id(item) not in self.variables.where:
            return f"[{', '.join(self.expression(one) for one in item)}]"
        if id(item) not in self.variables.where:
            raise BuildError(f"{self.owner}: a further output of copies cannot be passed on yet; name the layer inside")
        return self.variables.where[id(item)]

    def call(self, node: Node, code: Code, owner: str, items: Sequence[Item], numbers: dict[str, str]) -> str:
        """The expression that applies a layer; tensors shared by all samples are repeated where necessary."""
        inputs = [self.expression(item) for item in items]
        if node.layer is not None and not node.layer.broadcasts:
            batch = next((_batch(text, item) for text, item in zip(inputs, items) if is_batched(item)), None)
            if batch is not None:
                given = zip(inputs, items)
                inputs = [text if is_batched(item) else _for_each(batch, text, item) for text, item in given]
        named = {"self": owner, "inputs": ", ".join(self._joined_lists(inputs)), **numbers}
        if isinstance(node.layer, Add) and "[" not in code.call:  # no vector in it needs further axes
            terms = self._joined_lists(inputs)
            if len(terms) == 1 < len(inputs):
                return f"sum({terms[0].removeprefix('*')})"
            if len(terms) < len(inputs):
                return f"sum([{', '.join(terms)}])"
        if "{batch}" in code.call:
            named["batch"] = _batch(inputs[0], items[0])
        named.update({f"state{number}": text for number, text in enumerate(inputs)})
        # A state is transposed to have its batch first, and back where a layer starts from it.
        return (
            _spaced(code.call, numbers)
            .format(*inputs, **named)
            .replace(".transpose(0, 1).transpose(0, 1).contiguous()", "")
        )

    def _joined_lists(self, texts: list[str]) -> list[str]:
        """Expressions, with `*copies` for everything in the list `copies`."""
        found: list[str] = []
        for text in texts:
            name, bracket, _ = text.partition("[")
            if name not in self.lists or not bracket:
                found.append(text)
                continue
            found.append(text)
            count = self.lists[name]
            if found[-count:] == [f"{name}[{number}]" for number in range(count)]:
                found[-count:] = [f"*{name}"]
        return found

    # -- statements -------------------------------------------------------------------------

    def bind_list(self, name: str, tensors: list[Any]) -> None:
        """`name` is a list of tensors."""
        self.lists[name] = len(tensors)
        self.variables.bind(name, tensors)
        for number, tensor in enumerate(tensors):
            self.variables.derive(tensor, name, f"{name}[{number}]")

    def bind_state(self, node: Node, name: str, state: str, code: Code) -> None:
        """`state` is what a recurrent layer returned besides `name`."""
        self.variables.bind(state, node.output.outputs or {})
        for key, extra in (node.output.outputs or {}).items():
            self.variables.derive(extra, state, code.outputs[key].format(state=state, out=name))

    def assign_several(self, index: int, node: Node, call: str, code: Code | None) -> None:
        """Assign what the call of a group returns: its output, a state, further outputs, lists."""
        names = [self._choose(index, node)]
        if code is not None and node.output.outputs:
            names.append(self.variables.choose(index, ["state"], names))
        given = results(node)
        for name, item in given.items():
            items = item if isinstance(item, list) else [item]
            read = item is not node.output and any(self.variables.is_read_after(one, index) for one in (*items, item))
            wanted = identifier(name.removesuffix(ALL).rpartition(".")[2] or "each")
            names.append(self.variables.choose(index, [wanted], names) if read else "_")
        self.lines.append(f"{', '.join(names)} = {call}")
        self.variables.bind(names[0], node.output)
        for variable, item in zip(names[-len(given) :], given.values()):
            if isinstance(item, list) and variable != "_":
                self.bind_list(variable, item)
            elif variable != "_" and item is not node.output:
                self.variables.bind(variable, item)
        if code is not None and node.output.outputs:
            self.bind_state(node, names[0], names[1], code)

    def assign(
        self, index: int, node: Node, call: str, code: Code | None, indent: str = "", name: str = "", carried: Mapping[str, str] = {}
    ) -> None:  # fmt: skip
        """Assign what `call` returns; `code` says which further outputs come with it.

        Copies assign to `name`, and those outputs that the next copy reads to the variables `carried`.
        """
        outputs = node.output.outputs or {}
        if node.output.parts:
            self._assign_parts(index, node, call, indent, name)
        elif code is not None and outputs:
            self._assign_state(index, node, call, code, indent, name, carried)
        else:
            name = name or self._choose(index, node)
            self.lines.append(f"{indent}{name} = {call if indent else self._joined(index, node, call)}")
            self.variables.bind(name, node.output)

    def _joined(self, index: int, node: Node, call: str) -> str:
        """`x + self.f(x)` for `y = self.f(x)` and `x + y`."""
        last = re.fullmatch(r"(\w+) = (self\.\w+\((\w+)\))", self.lines[-1]) if self.lines else None
        joins = node.layer is not None and node.layer.bare and len(node.inputs) > 1
        if last is None or self.probe or not joins:
            return call
        name, text, given = last.groups()
        read = re.findall(r"\b[A-Za-z_]\w*\b", call)
        again = any(self.variables.last_use.get(item, -1) > index for item in self.variables.holds[name])
        if again or name == given or read.count(name) != 1 or given not in read:
            return call
        self.lines.pop()
        return re.sub(rf"\b{name}\b", text, call)

    def _assign_parts(self, index: int, node: Node, call: str, indent: str, name: str) -> None:
        parts = list((node.output.outputs or {}).values())
        whole = bool(name) or self.probe or self.variables.is_read_after(node.output, index)
        if whole or not 1 < len(parts) <= _UNPACKED:
            name = name or self._choose(index, node)
            self.lines.append(f"{indent}{name} = {call}")
            self.variables.bind(name, node.output)
            for number, part in enumerate(parts):
                self.variables.derive(part, name, f"{name}[{number}]")
            return
        names: list[str] = []
        for part in parts:
            read = self.variables.is_read_after(part, index)
            names.append(self.variables.choose(index, [], names) if read else "_")
        self.lines.append(f"{', '.join(names)} = {call}")
        for name, part in zip(names, parts):
            if name != "_":
                self.variables.bind(name, part)

    def _assign_state(
        self, index: int, node: Node, call: str, code: Code, indent: str, name: str, carried: Mapping[str, str]
    ) -> None:
        outputs = node.output.outputs or {}
        items: list[Item] = [outputs, *outputs.values()]
        read = bool(carried) or any(self.variables.is_read_after(item, index) for item in items)
        avoid = {*self.fixed, *carried.values()} if name else set()
        if read and not (name or self.probe or self.variables.is_read_after(node.output, index)):
            name = "_"
        name = name or self._choose(index, node)
        single = [key for key, text in code.outputs.items() if text == "{state}" and len(code.outputs) == 1]
        what = single[0] if single else "state"
        wanted = [f"{identifier(node.name)}_{what}" if node.name else what]
        if single and id(outputs[what]) in self.prefer:
            wanted = [self.prefer[id(outputs[what])]]
        state = state_among(carried, code)
        if not state:
            state = self.variables.choose(index, wanted, {name, *avoid}) if read else "_"
        self.lines.append(f"{indent}{name}, {state} = {call}")
        if name != "_":
            self.variables.bind(name, node.output)
        if read:
            self.variables.bind(state, outputs)
            for key, extra in outputs.items():
                self.variables.derive(extra, state, code.outputs[key].format(state=state, out=name))
        self.lines += [f"{indent}{line}" for line in handed_on(code, name, state, carried)]

    def _choose(self, index: int, node: Node) -> str:
        return self.variables.choose(index, self._wanted(index, node))

    def _wanted(self, index: int, node: Node) -> list[str]:
        if node.gathered:  # the list of its copies' outputs has the name
            return []
        lasts = self.variables.is_read_after(node.output, index + 1) or id(node.output) in self.beside
        if id(node.output) in self.prefer:
            return [self.prefer[id(node.output)]]
        return [identifier(node.name)] if node.name and lasts else []

    def report(self, segment: str, output: Tensor) -> None:
        """Write a call of the probe, if wanted; further outputs that are read go through it with the output."""
        if self.probe:
            self.reported.add(segment)
            name = self.variables.where[id(output)]
            state = self.variables.where.get(id(output.outputs)) if output.outputs else None
            names = f"{name}, {state}" if state else name
            given = f"({names})" if state else name
            self.lines.append(f"{names} = probe(self, {python_string(segment)}, {given})")

    def start_loop(
        self, index: int, node: Node, entry: Item | None, others: Sequence[Item], starts: Sequence[Item] = ()
    ) -> str:
        """The variable that passes through the copies of `node`, from `entry` on; the `others` stay as they are.

        `starts` are read after it has its first value.
        """
        texts = [self.expression(item) for item in others]
        self.fixed = {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}
        wanted = self._wanted(index, node)
        if entry is not None:
            wanted.append(self.expression(entry))
        read = {word for item in starts for word in re.findall(r"[A-Za-z_]\w*", self.expression(item))}
        if entry is not None:
            read.discard(self.expression(entry))
        name = self.variables.choose(index, [one for one in wanted if one.isidentifier()], self.fixed | read)
        if entry is not None and self.expression(entry) != name:
            self.lines.append(f"{name} = {self.expression(entry)}")
        return name

    def copies(
        self, index: int, node: Node, header: str, name: str, running: Tensor | None, call: Callable[[], tuple[str, Code | None]],
        carried: Mapping[str, str] = {},
    ) -> None:  # fmt: skip
        """Write one statement, under `header` if there is one, in which `name` stands for `running`.

        The variables `carried` stand for what comes with it.
        """
        before = dict(self.variables.where)
        if running is not None:
            extra = beside(running)
            self.variables.where[id(running)] = name
            self.variables.where.update({id(extra[key]): variable for key, variable in carried.items()})
        text, code = call()
        self.variables.where = before
        if header:
            self.lines.append(header)
        self.assign(index, node, text, code, "    " if header else "", name, carried)

    def finish(self) -> None:
        """Write the `return`, joined with the last statement if that computes just what is returned."""
        returned = ", ".join(self.expression(item) for item in self.outputs)
        last = self.lines[-1] if self.lines else ""
        if last.startswith(f"{returned} = ") and len(self.outputs) == 1:
            self.lines[-1] = f"return {last.partition(' = ')[2]}"
        elif last.startswith(f"{returned}, _ = ") and len(self.outputs) == 1:
            self.lines[-1] = f"return {last.partition(' = ')[2]}[0]"
        else:
            self.lines.append(f"return {returned}")


def state_among(carried: Mapping[str, str], code: Code) -> str:
    """The variable among `carried` that holds what a layer returns besides its output; "" if none does."""
    alone = [key for key, text in code.outputs.items() if text == "{state}"]
    return carried.get("") or next((carried[key] for key in alone if key in carried), "")


def handed_on(code: Code, name: str, state: str, carried: Mapping[str, str]) -> list[str]:
    """Statements after a copy that returned `name` and `state`: variables `carried` get what the next copy reads."""
    texts = {key: code.outputs[key].format(state=state, out=name) for key in carried if key}
    return [f"{carried[key]} = {text}" for key, text in texts.items() if carried[key] != text]


def _spaced(call: str, numbers: dict[str, str]) -> str:
    """An expression with the spaces that a formatter puts around the colon of `x[:, 0 : self.end]`."""

    def colon(match: re.Match[str]) -> str:
        start, end = match.groups()
        if not any("." in numbers.get(bound, "") for bound in (start, end) if bound):
            return match[0]
        return (f"{{{start}}} :" if start else ":") + (f" {{{end}}}" if end else "")

    return re.sub(r"(?:\{([a-z]\w*)\})?:(?:\{([a-z]\w*)\})?", colon, call)


def _batch(text: str, item: Item) -> str:
    """The size of the batch, from an item whose expression is `text`."""
    if isinstance(item, Tensor):
        return f"{text}.shape[0]"
    return f"{text}[0].shape[1]" if "c" in item else f"{text}.shape[1]"


def _for_each(batch: str, text: str, item: Item) -> str:
    """The expression `text` of an item that is the same for all samples, repeated for each of them."""
    if isinstance(item, Tensor):
        return f"{text}.expand({batch}{', -1' * item.rank})"
    repeated = f".expand(-1, {batch}, -1).contiguous()"
    return f"tuple(one{repeated} for one in {text})" if "c" in item else f"{text}{repeated}"
