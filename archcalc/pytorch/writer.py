"""The source of a network as a PyTorch module: one class for each block, loops for repeats.

Equal structures share a class; what differs between them becomes a constructor argument
(`archcalc.pytorch.fitting`). Attribute names are the layers' ids, so the state dict's keys are too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archcalc.layers.code import Code
from archcalc.layers.tensor import Tensor
from archcalc.network.codes import code_of
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.pytorch.fitting import Parameters, literal
from archcalc.pytorch.forward import Forward
from archcalc.pytorch.names import BuildError, attribute, class_name, identifier, unique
from archcalc.pytorch.phrases import (
    common_step,
    generated,
    is_sequential,
    known_numbers,
    listed,
    returned,
    running_tensor,
    sentence,
)
from archcalc.pytorch.structure import Item, entry_of, is_layers, layer_inputs, producer, steps

if TYPE_CHECKING:
    from archcalc.pytorch.file import File


@dataclass
class Written:
    """A finished class: its name, the numbers its constructor takes, and their values."""

    name: str
    parameters: list[str]
    values: dict[int, list[Any]]  # id of an instance's node -> a value for each parameter


class ClassWriter:
    """Writes one class for all its instances, which are gone through side by side."""

    def __init__(self, file: File, name: str) -> None:
        self.file = file
        self.name = name
        self.structure = file.structure
        self.sharing = file.structure.sharing
        self.init: list[str] = []
        self.modules: dict[int, str] = {}
        self.parameters = Parameters({})
        self.forward: Forward

    # -- whole classes ----------------------------------------------------------------------

    def write(self, instances: list[Node]) -> Written:
        """A class for the children of its instances."""
        first = instances[0]
        entry, free = entry_of(first), self.structure.free(first)
        names: list[str] = []
        for item in free:
            given = next((name for name, value in first.arguments.items() if value is item), "memory")
            names.append(unique(identifier(given), ["x", *names]))
        modules = [unique(identifier(node.segment), ()) for node in self.structure.modules(first)]
        modules = [unique(name, modules[:index]) for index, name in enumerate(modules)]
        self.modules = {id(node): name for node, name in zip(self.structure.modules(first), modules)}
        self.parameters = Parameters(known_numbers(instances), modules)
        inputs: dict[str, Item] = {} if entry is None else {"x": entry}
        inputs.update(zip(names, free))
        outputs: list[Item] = [first.exit]
        if self.structure.signature(first) in self.structure.exports:
            outputs.append(first.exit.outputs or {})
        self._body([node.children for node in instances], inputs, outputs)
        numbers = list(self.parameters.used)
        self._emit(sentence(first), ["self", *modules, *numbers], ["self", *inputs])
        values = {
            id(node): [self.parameters.used[name][index] for name in numbers] for index, node in enumerate(instances)
        }
        return Written(self.name, numbers, values)

    def write_model(self, graph: Graph) -> None:
        """The class of the whole network."""
        inputs: dict[str, Item] = {}
        for name, tensor in graph.inputs.items():
            inputs[unique("x" if name == "input" else identifier(name), inputs)] = tensor
        self._body([graph.nodes], inputs, list(graph.outputs.values()))
        self._emit("{doc}", ["self"], ["self", *inputs])

    def _emit(self, doc: str, init: list[str], forward: list[str]) -> None:
        lines = [f"class {self.name}(nn.Module):", f'    """{doc}"""', ""]
        if self.init:
            lines += [f"    def __init__({', '.join(init)}):", "        super().__init__()"]
            lines += [f"        {line}" for line in self.init] + [""]
        lines += [f"    def forward({', '.join(forward)}):", *(f"        {line}" for line in self.forward.lines)]
        self.file.classes.append("\n".join(lines))

    def _body(self, bodies: list[list[Node]], inputs: dict[str, Item], outputs: list[Item]) -> None:
        self.forward = Forward(self.structure, self.name, bodies[0], inputs, outputs, self.file.probe)
        for index, row in enumerate(zip(*(steps(nodes) for nodes in bodies))):
            nodes = list(row)
            if is_layers(nodes[0]):
                self._unequal_layers(index, nodes)
            elif nodes[0].layer is not None:
                self._layer(index, nodes)
            else:
                self._group(index, nodes)
        self.forward.finish()

    # -- layers -----------------------------------------------------------------------------

    def _layer(self, index: int, nodes: list[Node]) -> None:
        node, code = nodes[0], code_of(nodes[0])
        if node.op == "moe":
            code.call = "{self}({inputs})"  # with what the experts read from around them
        owner = self._layer_module(nodes) if code.module else ""
        numbers = self._numbers(nodes)
        if node.copies == 1 or is_sequential(code, self.sharing.is_called_again(node)):
            items = self.structure.inputs(node)
            self.forward.assign(index, node, self.forward.call(code, owner, items, numbers), returned(code))
        else:
            header = f"for layer in {owner}:"
            if not code.module or self.sharing.is_called_again(node):
                header = f"for _ in range({self._number([one.copies for one in nodes], f'{node.segment}_copies')}):"
            else:
                owner = "layer"
            name = self._start(index, node, node)
            self._copies(index, node, header, name, running_tensor(node), code, owner, numbers)
        self.forward.report(node.segment, node.output)

    def _start(self, index: int, node: Node, first: Node) -> str:
        """The variable that goes through the copies of a layer, the first of which is `first`."""
        self.forward.refuse_carried(node, layer_inputs(first))
        running = running_tensor(first)
        entry = None if running is None else self.structure.plain(running)
        own = {id(child.output) for child in node.children}
        copies = node.children or [node]
        read = [item for copy in copies for item in layer_inputs(copy) if item is not running and id(item) not in own]
        return self.forward.start_loop(index, node, entry, [self.structure.plain(item) for item in read])

    def _copies(
        self, index: int, node: Node, header: str, name: str, running: Tensor | None, code: Code, owner: str, numbers: dict[str, str]
    ) -> None:  # fmt: skip
        """A layer applied under a loop, or once."""
        read = [item if item is running else self.structure.plain(item) for item in layer_inputs(node)]
        self.forward.copies(
            index, node, header, name, running,
            lambda: (self.forward.call(code, owner, read, numbers), returned(code)),
        )  # fmt: skip

    def _unequal_layers(self, index: int, nodes: list[Node]) -> None:
        """Copies of one layer that differ in their numbers: `repeat` where the shape changes."""
        node, children = nodes[0], nodes[0].children
        codes = [code_of(child) for child in children]
        owner = ""
        if codes[0].module:
            owner = self._shared(node) if self.sharing.is_reused(node) else self._list_module(nodes, codes)
        if not self.file.probe and all(
            is_sequential(code, self.sharing.is_called_again(child)) for child, code in zip(children, codes)
        ):
            items = self.structure.inputs(node)
            self.forward.assign(index, node, self.forward.call(codes[0], owner, items, {}), None)
            return
        name = self._start(index, node, children[0])
        running: Tensor | None = running_tensor(children[0])
        first = 0
        for number, (child, code) in enumerate(zip(children, codes)):
            one, header = (f"{owner}[{first}]" if owner else ""), ""
            if child.copies > 1:
                one, header = "", f"for _ in range({child.copies}):"
                if owner:
                    one, header = "layer", f"for layer in {owner}[{first}:{first + child.copies}]:"
            numbers = self._numbers([one.children[number] for one in nodes], f"{node.segment}{number}_")
            self._copies(index, child, header, name, running, code, one, numbers)
            self.forward.report(f"{node.segment}.{number}", child.output)
            running, first = child.output, first + child.copies

    # -- modules ----------------------------------------------------------------------------

    def _layer_module(self, nodes: list[Node]) -> str:
        """Make the layer's module in `__init__`; the expression that names it."""
        node = nodes[0]
        if self.sharing.is_reused(node):
            return self._shared(node)
        made = self._made(nodes, node.segment)
        if node.copies > 1:
            count = self.parameters.express([one.copies for one in nodes], f"{node.segment}_copies")
            made = generated(
                f"{made} for _ in range({count})", is_sequential(code_of(node), self.sharing.is_called_again(node))
            )
        return self._own(node, made, [node])

    def _list_module(self, nodes: list[Node], codes: list[Code]) -> str:
        """A module for each of unequal copies."""
        node = nodes[0]
        items: list[str] = []
        for copies in zip(*(one.children for one in nodes)):
            child = copies[0]
            if self.sharing.is_reused(child):
                items += [self._module(self.sharing.module_of(child))] * child.copies
            else:
                items += [self._made(list(copies), f"{node.segment}_{child.segment}")] * child.copies
        simple = all(
            is_sequential(code, self.sharing.is_called_again(child)) for child, code in zip(node.children, codes)
        )
        return self._own(node, listed(items, simple), node.children)

    def _own(self, node: Node, made: str, copies: list[Node]) -> str:
        """Keep a module of the node's own, and replace what is tied in it or in each of its copies."""
        name = attribute(node.segment, node.id)
        self.modules[id(node)] = name
        self.init.append(f"{name} = {made}")
        target = self.sharing.target(node)
        if target is not None and (node.unfolded or node.copies == target.copies):
            self.file.helpers.add("tie_weights")
            self.init.append(f"tie_weights({name}, {self._module(target)})")
            return name
        first = 0
        for one in copies:
            ties = self._ties(one)
            if one is node and node.copies == 1:
                self.init += [tie.format(name) for tie in ties]
            else:
                for number in range(first, first + one.copies):
                    self.init += [tie.format(f"{name}[{number}]") for tie in ties]
            first += one.copies
        return name

    def _ties(self, node: Node) -> list[str]:
        """Statements that tie the weights of a module, which stands for {}."""
        target = self.sharing.target(node)
        if target is not None:
            self.file.helpers.add("tie_weights")
            return [f"tie_weights({{}}, {self._module(target)})"]
        if self.sharing.is_reused(node):
            return []
        found = [f"{{}}.{name} = {self._module(owner)}.{name}" for name, owner in self.sharing.parameters(node)]
        owners = [owner for _, owner in self.sharing.parameters(node) if owner.op == node.op]
        if owners and node.layer is not None and not node.buffers:
            buffers = node.layer.buffers(node.inputs[0])
            found += [f"{{}}.{name} = {self._module(owners[0])}.{name}" for name in buffers]
        return found

    def _shared(self, node: Node) -> str:
        """The module of another layer or group, which a class keeps when it comes from outside."""
        owner = self.sharing.module_of(node)
        found = self._module(owner)
        if not found.startswith("self."):
            name = attribute(node.segment, node.id)
            self.init.append(f"{name} = {found}")
            self.modules[id(owner)] = name
            return name
        return found

    def _module(self, node: Node) -> str:
        if id(node) not in self.modules:
            raise BuildError(f"{node.id}: weights tied across a block or repeat cannot be written yet")
        return self.modules[id(node)]

    def _made(self, nodes: list[Node], name: str) -> str:
        codes = [code_of(node) for node in nodes]
        words = []
        if nodes[0].op == "moe":
            words = [self._experts(nodes, codes)]
        else:
            for position in range(len(codes[0].args)):
                values = [code.args[position] for code in codes]
                words.append(self.parameters.express(values, f"{name}_{'in' if position == 0 else 'out'}"))
        for key in codes[0].kwargs:
            options = [code.kwargs[key] for code in codes]
            if any(option.value != option.default for option in options):
                words.append(f"{key}={self.parameters.express([one.value for one in options], f'{name}_{key}')}")
        return f"{codes[0].module}({', '.join(words)})"

    def _experts(self, nodes: list[Node], codes: list[Code]) -> str:
        experts = [node.children[0] for node in nodes]
        written = self.file.class_of(experts[0], class_name(f"{nodes[0].segment}_expert"))
        features = self.parameters.express([code.args[0] for code in codes], "features")
        count = self.parameters.express([expert.weights for expert in experts], "experts")
        return f"{features}, [{self._instance(written, experts)} for _ in range({count})]"

    def _numbers(self, nodes: list[Node], prefix: str = "") -> dict[str, str]:
        """The numbers in a layer's expression."""
        codes = [code_of(node) for node in nodes]
        prefix = prefix or f"{nodes[0].segment}_"
        return {name: self._number([code.values[name] for code in codes], prefix + name) for name in codes[0].values}

    def _number(self, values: list[Any], name: str) -> str:
        """A number in `forward`: itself, or an attribute where the instances differ."""
        if all(value == values[0] and type(value) is type(values[0]) for value in values):
            return literal(values[0])
        source = self.parameters.express(values, identifier(name))
        taken = {line.partition(" = ")[0] for line in self.init}
        made = unique(f"self.{name}", taken)
        self.init.append(f"{made} = {source}")
        return made

    # -- groups -----------------------------------------------------------------------------

    def _group(self, index: int, nodes: list[Node]) -> None:
        node = nodes[0]
        items = self.structure.inputs(node)
        owner = self._shared(node) if self.sharing.is_reused(node) else self._group_module(nodes)
        reused = self.sharing.is_called_again(node)
        code = None
        if self.structure.gives_state(node):
            last = producer(node.children[-1] if node.unfolded else node)
            code = None if last is None else code_of(last)
        if not self._is_loop(node):
            arguments = ", ".join(self.forward.expression(item) for item in items)
            self.forward.assign(index, node, f"{owner}({arguments})", code)
            return
        self.forward.refuse_carried(node, self.structure.free(node))
        first = node.children[0] if node.unfolded else node
        entry = items[0] if entry_of(first) is not None else None
        others = items if entry is None else items[1:]
        name = self.forward.start_loop(index, node, entry, others)
        free = [self.forward.expression(item) for item in others]
        header = f"for layer in {owner}:"
        if reused:
            header = f"for _ in range({self._number([one.copies for one in nodes], f'{node.segment}_copies')}):"
        if entry is None:  # the first copy starts from nothing
            self.forward.copies(index, node, "", name, None, lambda: (f"{owner}[0]({', '.join(free)})", code))
            header = f"for layer in {owner}[1:]:"
        call = f"{owner if reused else 'layer'}({', '.join([name, *free])})"
        self.forward.copies(index, node, header, name, None, lambda: (call, code))

    def _is_loop(self, node: Node) -> bool:
        """Whether the copies of a group are called one by one."""
        if not node.unfolded and node.copies == 1:
            return False
        first = node.children[0] if node.unfolded else node
        plain_copies = not self.structure.free(node) and not self.structure.gives_state(node)
        return self.sharing.is_called_again(node) or not plain_copies or entry_of(first) is None

    def _group_module(self, nodes: list[Node]) -> str:
        """Make the module of a group or of its copies."""
        node = nodes[0]
        wanted = node.children[0] if node.unfolded else node
        name = class_name(wanted.op if wanted.block else f"{node.segment}_layer")
        if node.unfolded:
            growing = self._growing(nodes, name)
            if growing is not None:
                return self._own(node, generated(growing, not self._is_loop(node)), node.children)
            return self._own(node, listed(self._unequal_groups(nodes, name), not self._is_loop(node)), node.children)
        made = self._instance(self.file.class_of(node, name), nodes)
        if node.copies > 1:
            count = self.parameters.express([one.copies for one in nodes], "copies")
            made = generated(f"{made} for _ in range({count})", not self._is_loop(node))
        return self._own(node, made, [node])

    def _unequal_groups(self, nodes: list[Node], name: str) -> list[str]:
        items: list[str] = []
        for copies in zip(*(one.children for one in nodes)):
            if self.sharing.is_reused(copies[0]):
                text = self._module(self.sharing.module_of(copies[0]))
            else:
                text = self._instance(self.file.class_of(copies[0], name), list(copies))
            items += [text] * copies[0].copies
        return items

    def _growing(self, nodes: list[Node], name: str) -> str | None:
        """Copies of one class that are equal, or whose numbers grow by one step: `Dense(64 + 32 * i) for i in ...`."""
        children = nodes[0].children
        total = sum(child.copies for child in children)
        if any(self.sharing.is_reused(child) for child in children):
            return None
        if len({self.structure.signature(child) for child in children}) > 1:
            return None
        written = self.file.class_of(children[0], name)
        words = [self._module(owner) for owner in self.structure.modules(children[0])]
        for position, parameter in enumerate(written.parameters):
            rows = [
                [written.values[id(node.children[number])][position] for node in nodes]
                for number, child in enumerate(children)
                for _ in range(child.copies)
            ]
            step = common_step(rows)
            if step is None or (step and total < 3):
                return None
            start = self.parameters.express(rows[0], parameter)
            words.append(start if step == 0 else f"{start} + {step} * i" if step > 0 else f"{start} - {-step} * i")
        index = "i" if any(word.endswith("* i") for word in words) else "_"
        return f"{written.name}({', '.join(words)}) for {index} in range({total})"

    def _instance(self, written: Written, nodes: list[Node]) -> str:
        words = [self._module(owner) for owner in self.structure.modules(nodes[0])]
        words += [
            self.parameters.express([written.values[id(node)][position] for node in nodes], name)
            for position, name in enumerate(written.parameters)
        ]
        return f"{written.name}({', '.join(words)})"
