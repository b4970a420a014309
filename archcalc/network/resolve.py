"""The syntax phase: which layer, block, key and name every item means.

It looks at each item once, whether or not it is ever run, and collects all errors. The result is a list of `Step`s
whose values are constants or expressions, ready to be run many times.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.advice import instead, meant
from archcalc.diagnostics import Advice, Findings, SpecError
from archcalc.language.document import Document
from archcalc.language.expressions import Expression
from archcalc.language.items import Item
from archcalc.language.values import SizeExpression, Value
from archcalc.layers.base import REGISTRY
from archcalc.layers.layout import EACH, SCAN
from archcalc.network.binding import Binder
from archcalc.network.names import AN_ARGUMENT, Names
from archcalc.network.steps import CACHE, FROZEN, REPEAT, BlockSteps, Step
from archcalc.source import Scalar


def resolve(document: Document, findings: Findings) -> list[Step]:
    """The steps of the document's layers. Errors go to `findings`."""
    resolver = _Resolver(document, findings)
    try:
        return resolver.run()
    finally:
        del resolver.bind  # the two refer to each other, and to the document


class _Resolver:
    def __init__(self, document: Document, findings: Findings) -> None:
        self.document = document
        self.findings = findings
        self.globals = {key.text for key, _ in (*document.hparams, *document.dims)} | {"cin"}
        self.blocks: dict[str, BlockSteps] = {}
        self.calls: list[tuple[str, Scalar]] = []
        self.bind = Binder(findings, self._items)

    def _names(self, arguments: set[str] | None = None) -> Names:
        inputs = [input.name.text for input in self.document.inputs if input.name]
        return Names(self.findings, self.globals | (arguments or set()), list(self.document.blocks), inputs, arguments)

    def run(self) -> list[Step]:
        self._signatures()
        for name, block in self.document.blocks.items():
            if name not in self.blocks:
                continue
            body = self.blocks[name]
            names = self._names(set(body.parameters))
            names.layers["input"] = None
            self.calls = body.calls
            body.steps = self._items(block.items, names)
            self._outputs(body, names)
        self._no_recursion()
        names = self._names()
        if len(self.document.inputs) == 1:
            names.layers["input"] = None
        for input in self.document.inputs:
            if input.name:
                names.layers[input.name.text] = input.name
        self.calls = []
        steps = self._items(self.document.items, names)
        for output in self.document.outputs:
            names.reference(output)
        return steps

    def _signatures(self) -> None:
        for name, block in self.document.blocks.items():
            if name in ("repeat", "layers"):
                self.findings.error("SPC011", f"`{name}` has a meaning of its own", block.name, "choose another name")
                continue
            parameters: dict[str, tuple[Scalar, Value] | None] = {}
            for parameter, default in block.parameters:
                parameters[parameter.text] = None
                if default is not None:
                    value = self.bind.value(default, self.globals)
                    if isinstance(value, (Expression, SizeExpression)) and "cin" in value.names:
                        help = f"give {parameter.text}=cin where the block is called"
                        self.findings.error("SPC008", "a default cannot use `cin`", value.names["cin"], help)
                    for size in value.sizes.values() if isinstance(value, (Expression, SizeExpression)) else ():
                        help = f"give {parameter.text}={size.key} where the block is called"
                        self.findings.error("SPC008", f"a default cannot use `{size.key}`", size.place, help)
                    parameters[parameter.text] = (default, 1 if value is None else value)
            self.blocks[name] = BlockSteps(block.name, parameters, block.outputs)

    def _outputs(self, block: BlockSteps, names: Names) -> None:
        """Check that every further output of a block is a layer at the top of its body."""
        for name, ref in block.outputs.items():
            if names.layers.get(name) is None:
                known = [one for one, place in names.layers.items() if place is not None]
                message = f"`{block.name.text}` says `-> {name}`, but no layer at the top of its body is named `{name}`"
                help = meant(ref.place, name, known, f"give the layer name={name}, or delete the output")
                self.findings.error("SPC008", message, ref.place, help)

    def _no_recursion(self) -> None:
        """Report each block that calls itself, directly or through others."""
        done: set[str] = set()
        for start in self.blocks:
            if start in done:
                continue
            path = [(start, iter(self.blocks[start].calls))]
            open_ = {start}
            while path:
                name, calls = path[-1]
                for callee, place in calls:
                    if callee in open_:
                        self.findings.error(
                            "SPC014",
                            f"block `{callee}` calls itself",
                            place,
                            "a block can only call others; use `repeat=` for copies",
                        )
                    elif callee not in done:
                        open_.add(callee)
                        path.append((callee, iter(self.blocks[callee].calls)))
                        break
                else:
                    path.pop()
                    open_.discard(name)
                    done.add(name)

    # -- items ------------------------------------------------------------------------------

    def _items(self, items: Sequence[Item], names: Names) -> list[Step]:
        if not names.items:
            names.items = list(items)
        steps = []
        for item in items:
            try:
                step = self._item(item, names)
            except SpecError as error:
                self.findings.take(error)
                step = None
            name = item.common.get("name")
            if name is not None:
                names.define(name)
                if step is None:
                    names.wrong.add(name.text)
                else:
                    names.steps[name.text] = step
            if step is not None:
                step.name = name
                steps.append(step)
        return steps

    def _check_previous(self, step: Step) -> None:
        """Report a key whose `prev` may be meant to be the layer before, where from= names another."""
        assert step.source is not None
        for key, ref in step.references.items():
            if ref.name == "prev" and step.source.name != "prev":
                begins = step.source.place.text
                self.findings.error(
                    "SPC008",
                    f"`prev` is `{begins}` beside `from={begins}`, not the layer before",
                    ref.place,
                    f"put `{key}={begins}` if that is meant; else give the layer before a name, and put the name here",
                )

    def _item(self, item: Item, names: Names) -> Step | None:
        op = item.op.text
        if item.unread is not None:
            from archcalc.network.unread import Unread  # most items are valid

            Unread(self.findings, self.blocks).tell(item, item.unread)
            return None
        step = Step(item.op)
        around = names
        if item.loop is not None:
            step.loop = self.bind.loop(*item.loop, names)
            step.places["repeat"] = step.loop.place
            names = names.inner(step.loop.names)
        if op in self.blocks:  # a block of the spec takes precedence over a layer of the same name
            step.block = self.blocks[op]
            self.calls.append((op, item.op))
            self.bind.block(step, step.block, item, names)
        elif op in REGISTRY:
            step.layer = REGISTRY[op]
            self.bind.layer(step, step.layer, item, names)
        elif op == EACH:
            self.bind.each(step, item, names)
        elif op == SCAN:
            self.bind.scan(step, item, names)
        elif op == "repeat" and item.keys and item.keys[0][0].text == "layers":
            self.bind.repeated(step, item, around, names)
        elif op not in self.document.blocks:
            self._unknown_layer(item.op, names)
            return None
        if "from" in item.common:
            if step.source is not None:
                message = f"`{op}: {step.source.place.text}` says what it goes through already"
                self.findings.error("SPC006", message, item.common["from"], "leave from= out")
            step.source = around.reference(item.common["from"])
            self._check_previous(step)
        if "tie" in item.common:
            step.tie = around.inside(item.common["tie"])
        if "repeat" in item.common:
            step.places["repeat"] = item.common["repeat"]
            step.repeat = REPEAT.parse(item.common["repeat"], names.values)
            names.sizes_in(step.repeat)
        if "frozen" in item.common:
            step.places["frozen"] = item.common["frozen"]
            step.frozen = FROZEN.parse(item.common["frozen"], names.values)
        if "cache" in item.common:
            step.places["cache"] = place = item.common["cache"]
            step.cache = CACHE.parse(place, names.values)
            if step.layer is None:
                message = f"`{op}` is a group of layers: which output generation keeps is said of a layer"
                self.findings.error("SPC003", message, place, "write cache=true on the layer inside it")
        return step

    def _unknown_layer(self, op: Scalar, names: Names) -> None:
        if self.document.lacks_blocks:  # it may be one of those, and the include has its own error
            return
        from archcalc.spelling.unknown import advice_on_name  # imported only for an unknown layer

        help = advice_on_name(op, list(self.blocks))
        if op.text in names.arguments:
            help = f"{AN_ARGUMENT}; write a block for each kind of layer"
        if op.text == "repeat":
            help = _repeated(op)
        self.findings.error("SPC002", f"unknown layer `{op.text}`", op, help)


def _repeated(op: Scalar) -> str | Advice:
    """`repeat 3 conv 8 kernel=3` is `conv 8 kernel=3 repeat=3`."""
    from archcalc.language.edits import entry  # for a message

    found = entry(op)
    line = found[0].items[found[1]] if found else None
    copies, _, layer = line.text.partition(" ")[2].partition(" ") if isinstance(line, Scalar) else ("", "", "")
    if isinstance(line, Scalar) and copies.isdigit() and layer:
        return instead(line, f"{layer} repeat={copies}")
    return "a list is repeated by `repeat: N` with `layers: [...]` under it, a layer by repeat=N"
