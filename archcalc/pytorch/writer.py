"""The source of a network as a PyTorch module: one class for each block, loops for repeats.

Equal structures share a class; differences between them become constructor arguments
(`archcalc.pytorch.fitting`). Attribute names are the layers' ids, and so are the state dict's keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from archcalc.layers.algebra import MoE
from archcalc.layers.code import Code
from archcalc.layers.tensor import Tensor
from archcalc.network.codes import code_of
from archcalc.network.graph import Node, steps_of
from archcalc.network.load import Graph
from archcalc.pytorch.classes import ClassText
from archcalc.pytorch.file import File, Written
from archcalc.pytorch.fitting import Parameters, literal
from archcalc.pytorch.forward import Forward
from archcalc.pytorch.frozen import frozen
from archcalc.pytorch.items import (
    Item,
    beside,
    entry_of,
    extra_read,
    family,
    first_of,
    is_layers,
    is_loop,
    layer_inputs,
    producer,
    results,
)
from archcalc.pytorch.loops import Loop, carry
from archcalc.pytorch.maker import Maker
from archcalc.pytorch.names import BuildError, identifier, unique, unlike
from archcalc.pytorch.phrases import (
    argument_of,
    default_numbers,
    is_sequential,
    known_numbers,
    returned,
    routed,
    running_tensor,
    sentence,
    tie,
)
from archcalc.pytorch.scans import ScanLoop


def write_classes(file: File) -> None:
    """Write all classes of a file, the model's own last."""
    ClassWriter(file, file.name).write_model(file.graph)


def class_of(file: File, node: Node, wanted: str) -> Written:
    """The class of a block's call, a repeat's copy or an expert; written when first needed."""
    key = file.structure.signature(node)
    if key not in file.written:
        name = unique(wanted, file.taken)
        file.taken.add(name)
        file.written[key] = ClassWriter(file, name).write(file.structure.instances[key])
    return file.written[key]


class ClassWriter:
    """Writes one class for all its instances, which are traversed in parallel."""

    def __init__(self, file: File, name: str) -> None:
        self.file = file
        self.name = name
        self.structure = file.structure
        self.sharing = file.structure.sharing
        self.init: list[str] = []
        self.maker = Maker(file, partial(class_of, file))
        self.forward: Forward
        self.group: Node | None = None

    # -- whole classes ----------------------------------------------------------------------

    def write(self, instances: list[Node]) -> Written:
        """A class for the children of its instances."""
        first = self.group = instances[0]
        entry, free = entry_of(first), self.structure.free(first)
        names: list[str] = []
        extra = beside(entry)
        carried = {name: extra[name] for name in self.structure.carried(first)}
        for key, item in carried.items():
            wanted = argument_of(first, item) or (f"part{key}" if key.isdigit() else key or "state")
            names.append(unique(identifier(wanted), ["x", *names]))
        for index, item in enumerate(free):
            wanted = argument_of(first, item) or self._common_name(instances, index)
            names.append(unique(identifier(wanted), ["x", *names]))
        modules: list[str] = []
        for node in self.structure.modules(first):
            modules.append(unique(identifier(node.segment), modules))
        self.maker.modules = {id(node): name for node, name in zip(self.structure.modules(first), modules)}
        self.parameters = self.maker.parameters = Parameters(known_numbers(instances), modules)
        inputs: dict[str, Item] = {"x": entry} if entry is not None and self.structure.reads_entry(first) else {}
        inputs.update(zip(names, carried.values()))
        inputs.update((unique(identifier(name), ["x", *names]), state) for name, state in first.states.items())
        inputs.update(zip(names[len(carried) :], free))
        outputs: list[Item] = [first.exit]
        if self.structure.signature(first) in self.structure.exports:
            outputs.append(first.exit.outputs or {})
        outputs += results(first).values()
        self._body([node.children for node in instances], inputs, outputs)
        defaults = default_numbers(instances, self.parameters.used)
        numbers = [*(name for name in self.parameters.names if name not in defaults), *defaults]
        arguments = [f"{name}={literal(defaults[name])}" if name in defaults else name for name in numbers]
        self._emit(sentence(first, self.structure.wrapper(first)), ["self", *modules, *arguments], ["self", *inputs])
        values = {
            id(node): [self.parameters.used[name][index] for name in numbers] for index, node in enumerate(instances)
        }
        return Written(self.name, numbers, values, defaults)

    def _common_name(self, instances: list[Node], index: int) -> str:
        """What the spec calls a tensor that the instances read from outside, if the name is the same for all."""
        names = {self.structure.name_of(self.structure.free(node)[index]) for node in instances}
        return (names.pop() if len(names) == 1 else None) or "memory"

    def write_model(self, graph: Graph) -> None:
        """The class of the whole network."""
        inputs: dict[str, Item] = {}
        for name, tensor in graph.inputs.items():
            inputs[unique("x" if name == "input" else identifier(name), inputs)] = tensor
        self._body([graph.nodes], inputs, list(graph.outputs.values()))
        self._emit(self.file.summary, ["self"], ["self", *inputs])

    def _emit(self, doc: str, init: list[str], forward: list[str]) -> None:
        lines = []
        if self.init:
            lines += [f"    def __init__({', '.join(init)}):", "        super().__init__()"]
            lines += [f"        {line}" for line in self.init] + [""]
        lines += [f"    def forward({', '.join(forward)}):", *(f"        {line}" for line in self.forward.lines)]
        self.file.reported |= self.forward.reported
        self.file.classes.append(ClassText(self.name, doc, lines))

    def _body(self, bodies: list[list[Node]], inputs: dict[str, Item], outputs: list[Item]) -> None:
        self.forward = Forward(self.structure, self.name, bodies[0], inputs, outputs, self.file.probe)
        self._statements(bodies)
        self.forward.finish()

    def _statements(self, bodies: list[list[Node]]) -> None:
        """The statements of each step, for all instances side by side."""
        for index, row in enumerate(zip(*(steps_of(nodes) for nodes in bodies))):
            nodes = list(row)
            if nodes[0].listed:
                self._scan(index, nodes, bodies[0])
            elif is_layers(nodes[0]):
                self._unequal_layers(index, nodes)
            elif nodes[0].layer is None:
                self._group(index, nodes)
            elif nodes[0].layer.written:
                self._layer(index, nodes)

    # -- layers -----------------------------------------------------------------------------

    def _layer(self, index: int, nodes: list[Node]) -> None:
        node, code = nodes[0], code_of(nodes[0])
        if isinstance(node.layer, MoE):
            code.call = routed(self.structure.inputs(node))
        sequential = self._is_sequential(node)
        owner = self._module(nodes, self.maker.layer, sequential) if code.module else ""
        numbers = self._numbers(nodes)
        if node.copies == 1 or sequential:
            items = self.structure.inputs(node)
            self.forward.assign(index, node, self.forward.call(node, code, owner, items, numbers), returned(code))
        else:
            header = f"for layer in {owner}:"
            if not code.module or self.sharing.is_called_again(node):
                header = f"for _ in range({self._number([one.copies for one in nodes], f'{node.segment}_copies')}):"
            else:
                owner = "layer"
            name, carried = self._start(index, node, node)
            self._copies(index, node, header, name, running_tensor(node), code, owner, numbers, carried)
        self.forward.report(node.segment, node.output)

    def _start(self, index: int, node: Node, first: Node) -> tuple[str, dict[str, str]]:
        """The variable that passes through the copies of a layer, the first of which is `first`.

        And variables for the further outputs that each copy reads of the one before, by name.
        """
        running = running_tensor(first)
        entry = None if running is None else self.structure.plain(running)
        for before, after in pairwise(node.children):
            if extra_read(before.output, after).keys() != extra_read(running, first).keys():
                raise BuildError(unlike(node))
        extra = {key: self.structure.plain(item) for key, item in extra_read(running, first).items()}
        own = {
            key for tensor in (running, *(child.output for child in node.children)) if tensor for key in family(tensor)
        }
        read = [item for copy in node.children or [node] for item in layer_inputs(copy) if id(item) not in own]
        others = [self.structure.plain(item) for item in read]
        name = self.forward.start_loop(index, node, entry, others, list(extra.values()))
        return name, carry(self.forward, index, node, name, extra)

    def _copies(
        self, index: int, node: Node, header: str, name: str, running: Tensor | None, code: Code, owner: str, numbers: dict[str, str],
        carried: dict[str, str],
    ) -> None:  # fmt: skip
        """Apply a layer in a loop, or once."""
        own = set() if running is None else family(running)
        read = [item if id(item) in own else self.structure.plain(item) for item in layer_inputs(node)]
        self.forward.copies(
            index, node, header, name, running,
            lambda: (self.forward.call(node, code, owner, read, numbers), returned(code)), carried,
        )  # fmt: skip

    def _unequal_layers(self, index: int, nodes: list[Node]) -> None:
        """Copies of one layer that differ in their numbers: `repeat` where the shape changes."""
        node, children = nodes[0], nodes[0].children
        codes = [code_of(child) for child in children]
        sequential = self._is_sequential(node)
        owner = self._module(nodes, self.maker.layers, sequential) if codes[0].module else ""
        if sequential and not self.file.probe:
            items = self.structure.inputs(node)
            self.forward.assign(index, node, self.forward.call(node.children[0], codes[0], owner, items, {}), None)
            return
        name, carried = self._start(index, node, children[0])
        loop = Loop(self.forward, index, node, name)
        if "" in node.gathered and not self.file.probe and self._are_alike(codes, children):
            header = f"for layer in {owner}:" if owner else f"for _ in range({len(children)}):"
            one, numbers = ("layer" if owner else ""), self._numbers([one.children[0] for one in nodes])
            self._copies(index, children[0], header, name, running_tensor(children[0]), codes[0], one, numbers, carried)
            loop.collect("    ")
            loop.finish({})
            return
        running: Tensor | None = running_tensor(children[0])
        first = 0
        for number, (child, code) in enumerate(zip(children, codes)):
            one, header = (f"{owner}[{first}]" if owner else ""), ""
            row = [one.children[number] for one in nodes]
            if child.copies > 1 and owner:
                end = "" if child is children[-1] else first + child.copies
                one, header = "layer", f"for layer in {owner}[{first}:{end}]:"
            elif child.copies > 1:
                count = self._number([copy.copies for copy in row], f"{node.segment}_copies")
                header = f"for _ in range({count}):"
            numbers = self._numbers(row, f"{node.segment}{number}_")
            self._copies(index, child, header, name, running, code, one, numbers, carried)
            self.forward.report(f"{node.segment}.{number}", child.output)
            loop.collect()
            running, first = child.output, first + child.copies
        loop.finish({})

    def _are_alike(self, codes: list[Code], children: list[Node]) -> bool:
        """Whether one statement in a loop serves all copies of a layer."""
        one = codes[0]
        alike = all((code.call, code.values, code.outputs) == (one.call, one.values, one.outputs) for code in codes)
        return (
            alike and not one.values and all(child.copies == 1 for child in children) and not children[0].output.parts
        )

    # -- modules ----------------------------------------------------------------------------

    def _is_sequential(self, node: Node) -> bool:
        """Whether the copies of a layer can go into nn.Sequential."""
        if node.gathered:
            return False
        copies = node.children if node.unfolded else [node]
        return all(is_sequential(code_of(copy), self.sharing.is_called_again(copy)) for copy in copies)

    def _module(self, nodes: list[Node], make: Callable[[list[Node], bool], str], sequential: bool) -> str:
        """The module of a layer or group, or of its copies: another's, or one made in `__init__`."""
        node = nodes[0]
        if self.sharing.is_reused(node):
            return self._shared(node)
        return self._own(node, make(nodes, sequential), node.children if node.unfolded else [node])

    def _own(self, node: Node, made: str, copies: list[Node]) -> str:
        """Make a module for the node, and replace what is tied in it or in each of its copies."""
        name = f"self.{node.segment}"
        self.maker.modules[id(node)] = name
        self.init += [f"{name} = {made}", *frozen(self.structure.trained, self.group, name, node, copies)]
        target = self.sharing.target(node)
        if target is not None and (node.unfolded or node.copies == target.copies):
            self.file.helpers.add("tie_weights")
            self.init.append(f"tie_weights({name}, {self.maker.module(target)})")
            return name
        first = 0
        for one in copies:
            ties = self._ties(one)
            if one is node and node.copies == 1:
                self.init += [tie.format(name) for tie in ties]
            elif ties:
                for number in range(first, first + one.copies):
                    self.init += [tie.format(f"{name}[{number}]") for tie in ties]
            first += one.copies
        return name

    def _ties(self, node: Node) -> list[str]:
        """Statements that tie the weights of a module, which stands for {}."""
        target = self.sharing.target(node)
        if target is not None:
            self.file.helpers.add("tie_weights")
            return [f"tie_weights({{}}, {self.maker.module(target)})"]
        if self.sharing.is_reused(node):
            return []
        found = [tie(name, self.maker.module(owner)) for name, owner in self.sharing.parameters(node)]
        owners = [owner for _, owner in self.sharing.parameters(node) if owner.op == node.op]
        if owners and node.layer is not None and not node.buffers:
            buffers = node.layer.buffers(node.inputs[0])
            found += [tie(name, self.maker.module(owners[0])) for name in buffers]
        return found

    def _shared(self, node: Node) -> str:
        """The module of another layer or group; a class stores it if it comes from outside."""
        owner = self.sharing.module_of(node)
        found = self.maker.module(owner)
        if not found.startswith("self."):
            name = f"self.{node.segment}"
            self.init.append(f"{name} = {found}")
            self.maker.modules[id(owner)] = name
            return name
        return found

    def _numbers(self, nodes: list[Node], prefix: str = "") -> dict[str, str]:
        """The numbers in a layer's expression."""
        codes = [code_of(node) for node in nodes]
        prefix = prefix or f"{nodes[0].segment}_"
        return {name: self._number([code.values[name] for code in codes], prefix + name) for name in codes[0].values}

    def _number(self, values: list[Any], name: str) -> str:
        """A number in `forward`: a literal, or an attribute if the instances differ."""
        if all(value == values[0] and type(value) is type(values[0]) for value in values):
            return literal(values[0])
        source = self.parameters.express(values, identifier(name))
        taken = {line.partition(" = ")[0] for line in self.init}
        made = unique(f"self.{identifier(name)}", taken)
        self.init.append(f"{made} = {source}")
        return made

    # -- groups -----------------------------------------------------------------------------

    def _group(self, index: int, nodes: list[Node]) -> None:
        node = nodes[0]
        items = self.structure.inputs(node)
        owner = self._module(nodes, self.maker.group, not self._is_loop(node))
        reused = self.sharing.is_called_again(node)
        code = None
        if self.structure.gives_state(node):
            last = producer(node.children[-1] if node.unfolded else node)
            code = None if last is None else code_of(last)
        if not self._is_loop(node):
            arguments = ", ".join(self.forward.expression(item) for item in items)
            if results(node):
                self.forward.assign_several(index, node, f"{owner}({arguments})", code)
            else:
                self.forward.assign(index, node, f"{owner}({arguments})", code)
            return
        first, carried = first_of(node), self.structure.carried(node)
        passes = self.structure.reads_entry(node)
        entry = items.pop(0) if passes and entry_of(first) is not None else None
        starts, others = items[: len(carried) + len(first.states)], items[len(carried) + len(first.states) :]
        name = self.forward.start_loop(index, node, entry, others, starts)
        if results(node) or first.states or carried:
            loop = Loop(self.forward, index, node, name, starts[len(carried) :], dict(zip(carried, starts)))
            times = self._number([one.copies for one in nodes], f"{node.segment}_copies") if reused else ""
            free = [self.forward.expression(item) for item in others]
            loop.run(owner, free, code, entry is not None or not passes, passes, times)
            return
        free = [self.forward.expression(item) for item in others]
        header = f"for layer in {owner}:"
        if reused:
            header = f"for _ in range({self._number([one.copies for one in nodes], f'{node.segment}_copies')}):"
        if entry is None and passes:  # the first copy starts from nothing
            self.forward.copies(index, node, "", name, None, lambda: (f"{owner}[0]({', '.join(free)})", code))
            header = f"for layer in {owner}[1:]:"
        call = f"{owner if reused else 'layer'}({', '.join([name, *free] if passes else free)})"
        self.forward.copies(index, node, header, name, None, lambda: (call, code))

    def _scan(self, index: int, nodes: list[Node], around: list[Node]) -> None:
        """Write the same layers for every step, as a loop in this class."""
        node, outer = nodes[0], self.forward
        entries = 1 if node.inputs else 0
        starts = self.structure.inputs(node)[entries : entries + len(node.states)]

        def body(inner: Forward) -> None:
            self.forward = inner
            self._statements([one.children for one in nodes])
            self.forward = outer

        ScanLoop(outer, index, node, around).write(starts, body)

    def _is_loop(self, node: Node) -> bool:
        """Whether the copies of a group are called one by one."""
        if not is_loop(node):
            return False
        first = node.children[0] if node.unfolded else node
        plain_copies = not self.structure.free(node) and not self.structure.gives_state(node)
        plain_copies = plain_copies and not results(node) and not first.states and not self.structure.carried(node)
        begins = entry_of(first) is not None and self.structure.reads_entry(node)
        return self.sharing.is_called_again(node) or not plain_copies or not begins
