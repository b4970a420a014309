"""Which names are defined at a point of a spec, and what to say of those that are not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from archcalc.advice import instead, meant, written
from archcalc.diagnostics import Advice, Findings, Note, Span
from archcalc.language.expressions import Expression, is_identifier, parse_number
from archcalc.language.items import Item
from archcalc.language.signature import check_name
from archcalc.language.values import SizeExpression, Value
from archcalc.layers.base import REGISTRY
from archcalc.network.steps import Each, Ref, Step
from archcalc.source import Node, Scalar


def split_reference(text: str) -> tuple[str, str | None] | None:
    """`encoder.h` as the name of a layer and of its output; None if it is not a name."""
    name, dot, output = text.partition(".")
    if not is_identifier(name) or (dot and not (output.isascii() and output.replace("_", "0").isalnum())):
        return None
    return name, output if dot else None


# After the name of a repeat: the outputs of all its copies.
ALL = ".*"
AN_ARGUMENT = "an argument of a block must be a number, a size or the name of an earlier layer"


class Names:
    """A scope while it is read: the layers named so far, and the values expressions may use.

    Args:
        findings: where errors go.
        values: hparams, dims and arguments of the block.
        blocks: the names of all blocks, for advice.
        inputs: the names of the model's inputs, for advice.
        arguments: the arguments of the block; each may turn out to be a layer. None outside blocks.
        parent: the scope around a repeat's body.
        loop: the variables of the repeat.
    """

    def __init__(
        self,
        findings: Findings,
        values: Collection[str],
        blocks: Collection[str],
        inputs: Sequence[str],
        arguments: Collection[str] | None = None,
        parent: Names | None = None,
        loop: Collection[str] = (),
    ) -> None:
        self.findings = findings
        self.layers: dict[str, Span | None] = {}
        self.values: Collection[str] = {*values, *loop} if loop else values
        self.loops: Collection[str] = (*parent.loops, *loop) if parent else loop
        self.blocks = blocks
        self.inputs = inputs
        self.arguments = arguments or ()
        self.in_block = arguments is not None
        self.parent = parent
        self.items: list[Item] = []
        self.steps: dict[str, Step] = {}  # what the names stand for
        self.states: set[str] = set()  # names of a loop's states
        self.wrong: set[str] = set()  # names of items that could not be read
        self.around: Names | None = parent.around if parent else None  # layers that the body of an `each` cannot see

    def inner(self, loop: Collection[str] = ()) -> Names:
        """A scope inside this one, for the body of a repeat, with its variables."""
        arguments = self.arguments if self.in_block else None
        return Names(self.findings, self.values, self.blocks, self.inputs, arguments, self, loop)

    def alone(self) -> Names:
        """A scope that sees the numbers around it and none of the layers, for the body of an `each`."""
        inner = Names(self.findings, self.values, self.blocks, self.inputs)
        inner.loops, inner.around = self.loops, self
        return inner

    def value_named(self, name: str) -> str | None:
        """The kind of value with this name; None if there is none."""
        if name in self.loops:
            return "a value that a repeat goes through"
        if name in self.arguments:
            return "an argument of the block"
        return "an hparam or dim" if name in self.values else None

    def find(self, name: str) -> bool:
        """Whether an earlier layer here or around has this name."""
        scope: Names | None = self
        while scope is not None:
            if name in scope.layers:
                return True
            scope = scope.parent
        return False

    def all_layers(self) -> list[str]:
        """All names a reference may use."""
        return list(self.layers) + (self.parent.all_layers() if self.parent else [])

    def define(self, name: Scalar, stands_for: Node | None = None) -> None:
        """Add the name of a layer; a clash is an error.

        An entry or a state may share the name of the tensor outside that it stands for, as in `for x in x:`.
        """
        same = isinstance(stands_for, Scalar) and stands_for.text == name.text
        if same and self.parent is not None and (self.parent.find(name.text) or name.text in self.arguments):
            self.layers[name.text] = name
            return
        scope: Names | None = self
        check_name(name, self.findings, taken=("input",))  # so that what reads it is not reported as well
        if what := self.value_named(name.text):
            self.findings.error("SPC011", f"`{name.text}` is already {what}", name, "choose another name")
            return
        while scope is not None:
            if name.text in scope.states:
                help = f"name the layer otherwise, and write `next: {{{name.text}: ...}}`"
                self.findings.error("SPC011", f"`{name.text}` is the name of a state", name, help)
                return
            if name.text in scope.layers:
                first = scope.layers[name.text]
                self.findings.error(
                    "SPC011",
                    f"`{name.text}` is already the name of a layer",
                    name,
                    "choose another name",
                    [Note("first", first)] if first else [],
                )
                return
            scope = scope.parent
        self.layers[name.text] = name

    def step(self, name: str) -> Step | None:
        """The step a name stands for, here or around; None for an input, an argument or a state."""
        scope: Names | None = self
        while scope is not None:
            if name in scope.layers:
                return scope.steps.get(name)
            scope = scope.parent
        return None

    def _is_outside(self, name: str) -> bool:
        around = self.around
        while around is not None:
            if around.find(name) or name in around.arguments:
                return True
            around = around.around
        return False

    def _is_wrong(self, name: str) -> bool:
        scope: Names | None = self
        while scope is not None:
            if name in scope.wrong:
                return True
            scope = scope.parent
        return False

    def sizes_in(self, value: Value) -> None:
        """Look up the layers whose sizes an expression uses; unknown or later layers are errors."""
        if isinstance(value, (Expression, SizeExpression)):
            for size in value.sizes.values():
                self.reference(size.name)

    def _each(self, scalar: Scalar, operand: bool) -> Ref:
        """The outputs of all copies of a repeat: the path of repeats, and an output of the innermost."""
        nothing = Ref(scalar, "prev", None)
        if not operand:
            message = f"`{scalar.text}` stands for several tensors"
            self.findings.error("SPC010", message, scalar, f"use it in a list, e.g. concat: [{scalar.text}]")
            return nothing
        name, *path = scalar.text.removesuffix(ALL).split(".")
        step = self.step(name)
        if step is None:
            if self._is_wrong(name):
                return nothing
            if self.find(name) or name in (*self.arguments, "prev"):
                message = f"`{scalar.text}`: `{name}` is one tensor, and no repeat"
                self.findings.error("SPC010", message, scalar, instead(scalar, name))
                return nothing
            return self.reference(scalar.part(0, len(name)), operand=True)
        repeated = _copied(step)
        inner: list[str] = []
        output: str | None = None
        for index, part in enumerate(path):
            there = {} if step.block is not None else _named(step.bodies.get("layers", []))
            if part in there:
                step = there[part]
                repeated |= _copied(step)
                inner.append(part)
            elif index == len(path) - 1:
                output = part
            else:
                help = f"expected one of {', '.join(there)}" if there else "a path goes through repeats with `layers:`"
                what = ".".join((name, *inner))
                self.findings.error("SPC008", f"in `{what}` nothing is named `{part}`", scalar, help)
                return nothing
        if not repeated:
            message = f"`{scalar.text}`: nothing on the way is repeated"
            alone = ".".join((name, output) if output else (name,)) if not inner else ""
            self.findings.error("SPC010", message, scalar, instead(scalar, alone) if alone else "leave out `.*`")
            return nothing
        return Each(scalar, name, tuple(inner), output)

    def inside(self, scalar: Scalar) -> Ref:
        """The earlier layer that `scalar` names, or one inside it: `encoder.embed`."""
        name, *inner = scalar.text.split(".")
        if not (self.find(name) or name in self.arguments) and self._is_outside(name):
            help = "tie the layer outside instead: it stands after the `each`, and takes tie=EACH.LAYER by their names"
            self.findings.error("SPC008", f"`each` sees its entries only: `{name}` is outside", scalar, help)
            return Ref(scalar, "prev", None)
        if inner and all(inner) and (self.find(name) or name in self.arguments):
            return Each(scalar, name, tuple(inner), None)
        return self.reference(scalar)

    def reference(self, scalar: Scalar, in_call: bool = False, operand: bool = False) -> Ref:
        """The earlier layer that `scalar` names.

        `in_call`: it is an argument of a block, so it could also be a number. `operand`: a list of layers may be used
        instead.
        """
        if scalar.text.endswith(ALL):
            return self._each(scalar, operand)
        parts = split_reference(scalar.text)
        if not parts:
            numbers = f"`offset {scalar.text}` adds a number to each element, `scale {scalar.text}` multiplies by it"
            otherwise = "to use layers here, put them in [ ]" if parse_number(scalar.text) is None else numbers
            self.findings.error("SPC010", f"not the name of a layer: `{scalar.text}`", scalar, otherwise)
            return Ref(scalar, "prev", None)
        name, output = parts
        if name == "prev" or self.find(name) or name in self.arguments:
            if output is not None and (step := self.step(name)) is not None and gives(step, output):
                step.apart = True  # for copies, that of the last
            if output is not None and step is not None:
                step.wanted.add(output)
            return Ref(scalar, name, output)
        help: str | Advice | None
        if self._is_outside(name):
            help = f"each: {{x: prev, {name}: ...}} where it has one for each entry, or `expand` it first"
            self.findings.error("SPC008", f"`each` sees its entries only: `{name}` is outside", scalar, help)
            return Ref(scalar, "prev", None)
        if name in self.values:
            self.findings.error(
                "SPC008", f"`{name}` is a number, not a layer", scalar, "give the name of a layer before this one"
            )
            return Ref(scalar, "prev", None)
        later = next((item for item in self.items if "name" in item.common and item.common["name"].text == name), None)
        if later is not None:
            place = later.common["name"]
            help = f"`{name}` comes later, at {place.line}:{place.column}; references can only point back"
            if any(scalar is one for one in (*later.common.values(), *(value for _, value in later.keys))):
                help = f"`{name}` is this layer itself; references can only point back"
        elif name == "input" and self.inputs:
            help = f"the model has several inputs: {', '.join(self.inputs)}"
        elif name in REGISTRY or name in self.blocks:
            here = f"[{scalar.text}]"
            help = AN_ARGUMENT if in_call else f"`{name}` is a kind of layer; what is read is a name that name= gives"
            if operand:
                help = Advice(f"write `{here}` to apply the layer here", written(scalar, here))
        else:
            otherwise = f"give an earlier layer name={name}"
            otherwise += ", or read `input`" if self.find("input") and not self.in_block else ""
            if self.in_block:
                otherwise += ", or pass the layer as an argument: a block sees none from outside"
            tail = "" if output is None else f".{output}"
            help = meant(scalar, name, self.all_layers(), otherwise, lambda near: near + tail)
        what = "no layer, hparam or argument is named" if in_call else "no earlier layer is named"
        self.findings.error("SPC008", f"{what} `{name}`", scalar, help)
        return Ref(scalar, "prev", None)


def gives(step: Step, output: str) -> bool:
    """Whether a step has copies of a block that declares a further output of this name."""
    return step.block is not None and output in step.block.outputs and _is_repeated(step)


def _is_repeated(step: Step) -> bool:
    return step.repeat is not None or step.loop is not None


def _copied(step: Step) -> bool:
    """Whether a step has copies; if so, each is then read separately."""
    step.apart = step.apart or _is_repeated(step)
    return _is_repeated(step)


def _named(steps: Sequence[Step]) -> dict[str, Step]:
    """The steps of one scope that have names."""
    found: dict[str, Step] = {}
    for step in steps:
        if step.name is not None:
            found[step.name.text] = step
        for operand, _ in step.operands or ():
            if isinstance(operand, list):
                found.update(_named(operand))
        if step.layer is not None:
            for body in step.bodies.values():
                found.update(_named(body))
    return found
