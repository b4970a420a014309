"""Which names mean something at a point of a spec, and what to say of those that do not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from archcalc.advice import meant, written
from archcalc.diagnostics import Advice, Findings, Note, Span
from archcalc.language.expressions import Expression, is_identifier
from archcalc.language.items import Item
from archcalc.language.signature import check_name
from archcalc.language.values import SizeExpression, Value
from archcalc.layers.base import REGISTRY
from archcalc.network.steps import Ref
from archcalc.source import Scalar


def split_reference(text: str) -> tuple[str, str | None] | None:
    """`encoder.h` as the name of a layer and of its output; None for what names nothing."""
    name, dot, output = text.partition(".")
    if not is_identifier(name) or (dot and not (output.isascii() and output.replace("_", "0").isalnum())):
        return None
    return name, output if dot else None


AN_ARGUMENT = "an argument of a block is a number, a size or the name of an earlier layer"


class Names:
    """A scope while it is read: the layers named so far, and the values that expressions may use.

    Args:
        findings: where errors go.
        values: hparams, dims and arguments of the block.
        blocks: the names of all blocks, for advice.
        inputs: the names of the model's inputs, for advice.
        arguments: the arguments of the block; each may turn out to be a layer. None outside of blocks.
        parent: the scope around a repeat's body.
        loop: the names that the repeat goes through.
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

    def inner(self, loop: Collection[str] = ()) -> Names:
        """A scope inside this one, for the body of a repeat, which may go through values of some names."""
        arguments = self.arguments if self.in_block else None
        return Names(self.findings, self.values, self.blocks, self.inputs, arguments, self, loop)

    def value_named(self, name: str) -> str | None:
        """What kind of value has this name; None where none has it."""
        if name in self.loops:
            return "a value that a repeat goes through"
        if name in self.arguments:
            return "an argument of the block"
        return "an hparam or dim" if name in self.values else None

    def find(self, name: str) -> bool:
        """Whether a layer of this name stands before, here or around."""
        scope: Names | None = self
        while scope is not None:
            if name in scope.layers:
                return True
            scope = scope.parent
        return False

    def all_layers(self) -> list[str]:
        """All names a reference could use."""
        return list(self.layers) + (self.parent.all_layers() if self.parent else [])

    def define(self, name: Scalar) -> None:
        """Add the name of a layer; a clash is an error."""
        scope: Names | None = self
        check_name(name, self.findings, taken=("input",))  # what reads it is not wrong as well
        if what := self.value_named(name.text):
            self.findings.error("SPC011", f"`{name.text}` is already {what}", name, "choose another name")
            return
        while scope is not None:
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

    def sizes_in(self, value: Value) -> None:
        """Look up the layers whose sizes an expression asks for; those that stand nowhere before are errors."""
        if isinstance(value, (Expression, SizeExpression)):
            for size in value.sizes.values():
                self.reference(size.name)

    def reference(self, scalar: Scalar, in_call: bool = False, operand: bool = False) -> Ref:
        """The layer that `scalar` names, which must stand before.

        `in_call`: it is an argument of a block, which could be a number as well. `operand`: a list of layers may
        stand in its place.
        """
        parts = split_reference(scalar.text)
        if not parts:
            self.findings.error(
                "SPC010", f"not the name of a layer: `{scalar.text}`", scalar, "to use layers here, put them in [ ]"
            )
            return Ref(scalar, "prev", None)
        name, output = parts
        if name == "prev" or self.find(name) or name in self.arguments:
            return Ref(scalar, name, output)
        help: str | Advice | None
        if name in self.values:
            self.findings.error(
                "SPC008", f"`{name}` is a number, not a layer", scalar, "give the name of a layer before this one"
            )
            return Ref(scalar, "prev", None)
        later = next(
            (
                item.common["name"]
                for item in self.items
                if item.common.get("name") and item.common["name"].text == name
            ),
            None,
        )
        if later is not None:
            help = f"`{name}` stands later, at {later.line}:{later.column}; references point backwards only"
        elif name == "input" and self.inputs:
            help = f"the model has several inputs: {', '.join(self.inputs)}"
        elif name in REGISTRY or name in self.blocks:
            here = f"[{scalar.text}]"
            help = AN_ARGUMENT if in_call else f"`{name}` is a kind of layer; what is read is a name that name= gives"
            if operand:
                help = Advice(f"write `{here}` to apply the layer here", written(scalar, here))
        else:
            otherwise = f"give an earlier layer name={name}"
            if self.in_block:
                otherwise += ", or pass the layer as an argument: a block sees none from outside"
            tail = "" if output is None else f".{output}"
            help = meant(scalar, name, self.all_layers(), otherwise, lambda near: near + tail)
        what = "no layer, hparam or argument is named" if in_call else "no earlier layer is named"
        self.findings.error("SPC008", f"{what} `{name}`", scalar, help)
        return Ref(scalar, "prev", None)
