"""The values of an item's keys, bound to the arguments of its layer or block."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from archcalc.advice import deleted, meant
from archcalc.diagnostics import Advice, Findings, Span, SpecError
from archcalc.language.expressions import Expression
from archcalc.language.items import COMMON, Item, parse_items
from archcalc.language.signature import check_name
from archcalc.language.values import NONE, SizeExpression, Value, parse_value
from archcalc.layers import REGISTRY
from archcalc.layers.arguments import Argument, Text, Word, check_names
from archcalc.layers.base import Layer
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.network.carrying import carried, follow, over
from archcalc.network.loops import Loop
from archcalc.network.names import ALL, Names, split_reference
from archcalc.network.steps import REVERSE, BlockSteps, Operand, Step
from archcalc.source import Mapping, Node, Scalar
from archcalc.source import Sequence as NodeList


class Binder:
    """Fills a step's constants, expressions, references and inner lists; errors go to `findings`."""

    def __init__(self, findings: Findings, read_items: Callable[[list[Item], Names], list[Step]]) -> None:
        self.findings = findings
        self.read_items = read_items
        self._numbers: dict[tuple[Argument, str], Any] = {}  # values of digits, by where they are given

    def layer(self, step: Step, layer: type[Layer], item: Item, names: Names) -> None:
        """Bind an item to a layer's declared arguments."""
        given: list[tuple[Scalar, Argument, Node]] = []
        word = item.first.text if item.first is not None else ""
        if word and f"{layer.op}{word}" in REGISTRY and word not in names.values:
            message = f"`{layer.op} {word}` is the name of a layer in two words"
            self.findings.error("SPC002", message, item.op, self._in_one_word(item))
            return
        if item.more or (word in layer.arguments and self._is_bare(layer, word, names)):
            self._unnamed(layer.op, item, names)
            return
        if item.first is not None:
            first = self._first(layer, item, item.first, names)
            if first is not None:
                given.append((item.first, first, item.first))
        if item.body is not None:
            first = layer.arguments[layer.first] if layer.first else None
            if isinstance(first, (Body, Operands)):
                given.append((item.op, first, item.body))
            else:
                from archcalc.spelling.lines import listed_values

                help = listed_values(item.op, item.body, f"e.g. `{layer.op}: {{{_example(layer)}}}`")
                self.findings.error("SPC010", f"`{layer.op}:` takes a mapping", item.body, help)
        for key, value in item.keys:
            argument = layer.arguments.get(key.text) or layer.free_keys
            if argument is None:
                self._unknown_key(layer, item, key, value)
                continue
            if argument is not layer.free_keys and argument in [other for _, other, _ in given]:
                from archcalc.spelling.lines import one_of_two

                help = one_of_two(item, argument, key, value, names.values)
                self.findings.error("SPC006", f"`{key.text}` is given twice", key, help)
                continue
            given.append((key, argument, value))
        step.constants = dict(layer.defaults)
        wrong = item.incomplete or len(given) < (item.first is not None) + (item.body is not None) + len(item.keys)
        for key, argument, value in given:
            name = key.text if argument is layer.free_keys else argument.name
            try:
                self._bind(step, name, argument, value, names)
            except SpecError as error:
                self.findings.take(error)
                wrong = True
        if not wrong:
            there = [argument for _, argument, _ in given]
            needed = ((name, one) for name, one in layer.arguments.items() if name not in layer.defaults)
            missing = [(name, argument) for name, argument in needed if argument not in there]
            if missing:
                self.findings.error(
                    "SPC004",
                    f"`{layer.op}` needs {' and '.join(', '.join(f'`{name}`' for name, _ in missing).rsplit(', ', 1))}",
                    item.op,
                    "; ".join(f"`{name}`: {argument.doc} ({argument.kind})" for name, argument in missing),
                )

    @staticmethod
    def _is_bare(layer: type[Layer], word: str, names: Names) -> bool:
        """Whether the only unnamed value of a line is a key without a value, as in `gru bidirectional`."""
        first = layer.arguments.get(layer.first or "")
        return word not in names.values and not isinstance(first, (Body, Operands, Reference, Text, Word))

    def _unnamed(self, op: str, item: Item, names: Names) -> None:
        """Report values without keys where at most one is allowed, or a key without its value."""
        from archcalc.spelling.lines import advice_on_layer  # imported only for an invalid line

        first, otherwise = item.first, f"write key=value; `archcalc layer {op}` lists the keys"
        assert first is not None
        word = item.more[0] if item.more else first
        message = f"`{op}` takes one unnamed value, `{first.text}`; `{word.text}` needs its key"
        if not item.more:
            message = f"`{word.text}` is a key of `{op}`, and has no value"
        self.findings.error("SPC010", message, word, advice_on_layer(item, names.values, otherwise))

    def _in_one_word(self, item: Item) -> str | Advice | None:
        from archcalc.spelling.lines import in_one_word

        return in_one_word(item.op)

    def _first(self, layer: type[Layer], item: Item, value: Scalar, names: Names) -> Argument | None:
        first = layer.arguments[layer.first] if layer.first else None
        if first is None:
            keys = ", ".join(layer.arguments)
            from archcalc.spelling.lines import advice_on_layer

            help = advice_on_layer(
                item, names.values, f"leave it out; its keys are {keys}" if keys else "it has no keys"
            )
            self.findings.error("SPC010", f"`{layer.op}` takes no unnamed value", value, help)
        elif isinstance(first, (Body, Operands)):
            inside = f"prev, {value.text}" if isinstance(first, Operands) and value.text.isidentifier() else "..."
            self.findings.error("SPC010", f"`{layer.op}` takes {first.kind}", value, f"it is `{layer.op}: [{inside}]`")
            return None
        return first

    def _bind(self, step: Step, name: str, argument: Argument, node: Node, names: Names) -> None:
        if isinstance(node, Scalar):
            step.places[name] = node
            if node.text == str(NONE) and not argument.required:
                return
        if isinstance(argument, Reference):
            step.references[name] = names.reference(argument.scalar(node))
        elif isinstance(argument, Body):
            step.bodies[name] = self.body(node, names.inner() if changes_input(step) else names, name)
        elif isinstance(argument, Operands):
            step.operands = self._operands(step, argument, node, names)
        else:
            key = (argument, node.text) if isinstance(node, Scalar) and node.text.isdigit() else None
            if key is not None and key in self._numbers:
                step.constants[name] = self._numbers[key]
                return
            value = argument.parse(node, names.values)
            if isinstance(value, (Expression, SizeExpression)):
                names.sizes_in(value)
                step.places.setdefault(name, step.op)
                step.deferred.append((name, argument, value))
            else:
                step.constants[name] = value
                if key is not None and isinstance(value, (int, float, tuple)):
                    self._numbers[key] = value

    def body(self, node: Node, names: Names, key: str) -> list[Step]:
        """The steps of an inner list of layers."""
        if not isinstance(node, NodeList):
            self.findings.error(
                "SPC010", f"`{key}` must be a list of layers", node, "start each layer with `- `, or put them in [ ]"
            )
            return []
        if not node.items:
            self.findings.error("SPC010", "an empty list of layers", node, "put its layers, or leave it out")
        return self.read_items(parse_items(node, self.findings), names)

    def _operands(self, step: Step, argument: Operands, node: Node, names: Names) -> list[tuple[Operand, Span]]:
        op = step.op
        if not isinstance(node, NodeList):
            is_first = step.layer is not None and step.layer.first == argument.name
            here = f"{op.text}: [a, b]" if is_first else f"{op.text}: {{{argument.name}: [a, b], ...}}"
            self.findings.error("SPC010", f"`{op.text}` takes {argument.kind}", node, f"e.g. `{here}`")
            return []
        operands: list[tuple[Operand, Span]] = []
        for entry in node.items:
            if isinstance(entry, NodeList):
                operands.append((self.read_items(parse_items(entry, self.findings), names), entry))
            elif isinstance(entry, Scalar):
                try:
                    operands.append((names.reference(entry, operand=True), entry))
                except SpecError as error:
                    self.findings.take(error)
            else:
                self.findings.error(
                    "SPC010", "an operand must be a name or a list of layers", entry, "put layers in [ ]"
                )
        count = len(node.items)
        if any(isinstance(entry, Scalar) and entry.text.endswith(ALL) for entry in node.items):
            return operands  # their number is known only in the copies
        if count < argument.min or (argument.max is not None and count > argument.max):
            wanted = (
                f"{argument.min}"
                if argument.min == argument.max
                else f"at least {argument.min}"
                if argument.max is None
                else f"{argument.min} to {argument.max}"
            )
            help = "an operand is the name of a layer, or a list of layers: [conv 64 kernel=3, relu]"
            if count == 1 and isinstance(node.items[0], Scalar) and node.items[0].text != "prev":
                help = f"with the layer before it, it is `{op.text}: [prev, {node.items[0].text}]`"
            if count > argument.min:
                help = f"join some of them in a layer before it, with a name, and give that name to `{op.text}`"
            self.findings.error("SPC010", f"`{op.text}` takes {wanted} operands, not {count}", op, help)
        return operands

    def block(self, step: Step, block: BlockSteps, item: Item, names: Names) -> None:
        """Bind a call to its block's parameters."""
        parameters = list(block.parameters)
        given: dict[str, Scalar] = {}
        if item.body is not None:
            from archcalc.spelling.lines import listed

            help = listed(item.op, item.body, parameters)
            self.findings.error("SPC010", f"`{block.name.text}:` takes a mapping", item.body, help)
        if item.more:
            from archcalc.spelling.lines import advice_on_block

            message = f"block `{block.name.text}` takes one argument without its name, `{item.more[0].text}` needs it"
            self.findings.error("SPC010", message, item.more[0], advice_on_block(item, parameters))
            return
        if item.first is not None:
            if parameters:
                given[parameters[0]] = item.first
            else:
                self.findings.error(
                    "SPC010", f"block `{block.name.text}` takes no arguments", item.first, deleted(item.first)
                )
        for key, value in item.keys:
            if key.text not in block.parameters:
                otherwise = f"its arguments are {', '.join(parameters)}" if parameters else "it has none"
                near = meant(key, key.text, [*parameters, *COMMON], otherwise)
                self.findings.error("SPC003", f"block `{block.name.text}` has no argument `{key.text}`", key, near)
            elif key.text in given:
                self.findings.error("SPC006", f"`{key.text}` is given twice", key, "delete one of them")
            elif not isinstance(value, Scalar):
                help = "name the layers first, with name=, and pass the name; or write them in the block"
                message = f"`{key.text}` must be a number, a size or the name of a layer"
                self.findings.error("SPC005", message, value, help)
            else:
                given[key.text] = value
        wrong = item.incomplete or len(given) < (item.first is not None) + (item.body is not None) + len(item.keys)
        for name in parameters:
            default = block.parameters[name]
            if name in given:
                self._bind_argument(step, name, given[name], names)
            elif default is None and not wrong:
                self.findings.error("SPC004", f"block `{block.name.text}` needs `{name}`", item.op, f"e.g. {name}=...")
            elif default is not None:
                step.places[name] = default[0]
                step.deferred.append((name, None, default[1]))

    def _bind_argument(self, step: Step, name: str, scalar: Scalar, names: Names) -> None:
        step.places[name] = scalar
        if scalar.text.endswith(ALL):
            names.reference(scalar)
            return
        layer = (split_reference(scalar.text) or ("",))[0]
        if layer and (names.find(layer) or layer == "prev") and layer not in names.values:
            step.references[name] = names.reference(scalar)
            return
        value = self.value(scalar, names.values, names)
        if value is not None:
            step.deferred.append((name, None, value))

    def loop(self, key: Scalar, node: Mapping, names: Names) -> Loop:
        """The loop variables of a repeat, each with its values or its number of copies."""
        loop = Loop(key)
        lengths: dict[str, int] = {}
        for name, values in node.pairs:
            check_name(name, self.findings, taken=("input",))
            loop.names[name.text] = name, []  # so that what reads it is not reported as well
            what = names.value_named(name.text) or ("the name of a layer" if names.find(name.text) else None)
            if what is not None:
                help = "choose another name for the value of the loop"
                self.findings.error("SPC011", f"`{name.text}` is already {what}", name, help)
            elif isinstance(values, NodeList):
                lengths[name.text] = len(values.items)
                loop.names[name.text] = name, self._values(values, names)
            elif isinstance(values, Scalar):
                value = self.value(values, names.values, names)
                loop.names[name.text] = name, (values, 1 if value is None else value)
            else:
                help = f"e.g. {name.text}: [1, 2, 4]"
                self.findings.error("SPC010", f"`{name.text}` goes through a list of values", values, help)
        if not node.pairs:
            self.findings.error(
                "SPC010", "`repeat:` names nothing", key, "write the number of copies, or `{d: [1, 2, 4]}`"
            )
        if len(set(lengths.values())) > 1:
            one, *others = lengths
            other = next(name for name in others if lengths[name] != lengths[one])
            message = f"`repeat` goes through {lengths[one]} values of `{one}` but {lengths[other]} of `{other}`"
            self.findings.error("SPC005", message, loop.names[other][0], "give both the same number")
        return loop

    def _values(self, node: NodeList, names: Names) -> list[tuple[Scalar, Value]]:
        """The values of a list, one for each copy."""
        found: list[tuple[Scalar, Value]] = []
        if not node.items:
            self.findings.error("SPC010", "an empty list of values", node, "write one for each copy")
        for entry in node.items:
            if not isinstance(entry, Scalar):
                message = "a value of a loop must be a number, a size, true or false, or an expression"
                self.findings.error(
                    "SPC010",
                    message,
                    entry,
                    "give several things to a copy by several names, e.g. `{width: [64, 128], depth: [2, 3]}`",
                )
            elif (value := self.value(entry, names.values, names)) is not None:
                found.append((entry, value))
        return found

    def each(self, step: Step, item: Item, names: Names) -> None:
        """The tensors an `each` iterates over, and its layers, which see nothing else."""
        inner = names.alone()
        step.over = list(over(self, step, item, names, inner))
        if item.keys and item.over is None:
            help = f"e.g. {{each: {{{item.keys[0][0].text}: ...}}, layers: [...]}}: put `layers:` next to `each:`"
            self.findings.error("SPC010", "`each` takes a list of layers", item.keys[0][0], help)
            return
        body = _body(item)
        if body is None:
            help = "e.g. each: [conv 16 kernel=3], or {each: NAME, layers: [...]}"
            self.findings.error("SPC010", "`each` takes a list of layers", item.op, help)
            return
        step.bodies["layers"] = self.body(body, inner, "layers")

    def scan(self, step: Step, item: Item, names: Names) -> None:
        """The tensors a `scan` iterates over, its states, and its layers, which also see the names around it."""
        inner = names.inner()
        if item.over is None:
            help = "e.g. {scan: prev, state: {z: [64]}, layers: [...]}"
            self.findings.error("SPC010", "`scan` goes through a tensor: its layers go beside it", item.op, help)
            return
        if not item.carried and not item.incomplete:
            help = "e.g. state: {z: [64]} beside it; layers that need nothing of the step before go under `each:`"
            self.findings.error("SPC004", "`scan` has no `state:`", item.op, help)
        step.over = list(over(self, step, item, names, inner))
        step.carried = list(carried(self, item, names, inner)) if item.carried else []
        step.bodies["layers"] = self.body(item.keys[0][1], inner, "layers")
        if item.carried:
            follow(self, step, item, inner)
        if item.reverse is not None:
            step.places["reverse"] = item.reverse
            step.reverse = REVERSE.parse(item.reverse, names.values)

    def repeated(self, step: Step, item: Item, around: Names, names: Names) -> None:
        """The list of a repeat, and the states passed from copy to copy."""
        inner = names.inner()
        step.carried = list(carried(self, item, around, inner)) if item.carried else []
        step.bodies["layers"] = self.body(item.keys[0][1], inner, "layers")
        if item.carried:
            follow(self, step, item, inner)

    def value(self, scalar: Scalar, known: Collection[str], names: Names | None = None) -> Value | None:
        """A value of open type with its names checked; None after an error."""
        try:
            value = parse_value(scalar)
            if isinstance(value, (Expression, SizeExpression)):
                if names is not None and isinstance(value, Expression) and value.name and value.name not in known:
                    names.reference(scalar, in_call=True)
                check_names(value, known)
                if names is not None:
                    names.sizes_in(value)
            return value
        except SpecError as error:
            self.findings.take(error)
            return None

    def _unknown_key(self, layer: type[Layer], item: Item, key: Scalar, value: Node) -> None:
        for argument in layer.arguments.values():
            if key.text in argument.aliases:
                message = f"`{layer.op}` has no key `{key.text}`"
                from archcalc.spelling.keys import renamed  # imported only for an invalid key

                self.findings.error("SPC007", message, key, renamed(argument.name, key, value))
                return
        from archcalc.spelling.keys import advice_on

        help = advice_on(layer, item, key, value)
        self.findings.error("SPC003", f"`{layer.op}` has no key `{key.text}`", key, help)


def changes_input(step: Step) -> bool:
    """Whether the inner layers get a different tensor from the layer itself, as an expert gets one position.

    Their outputs do not fit outside, so they have a scope of their own.
    """
    return step.layer is not None and step.layer.enter is not Layer.enter


def _body(item: Item) -> Node | None:
    """The list of layers of a loop."""
    return item.body if item.body is not None else item.keys[0][1] if item.keys else None


def _example(layer: type[Layer]) -> str:
    return ", ".join(f"{name}: ..." for name, argument in layer.arguments.items() if argument.required)
