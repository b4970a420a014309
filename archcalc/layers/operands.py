"""The kinds of key that take tensors: the name of a layer, a list of layers, operands."""

from __future__ import annotations

from typing import Any

from archcalc.layers.arguments import REQUIRED, Argument

# Up to this many operands, an equation has a letter for each.
FEW = 4


class Reference(Argument):
    """The name of an earlier layer, or of one of its outputs (`encoder.h`)."""

    kind = "the name of a layer"

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""
        return {"type": "string", "pattern": r"^[A-Za-z_]\w*(\.\w+)?$"}


class Like(Reference):
    """The name of a channels-first tensor; the layer takes its spatial size and reads no elements."""

    kind = "the name of a layer whose height and width it takes"


class Body(Argument):
    """A list of layers."""

    kind = "a list of layers"

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""
        return {"$ref": "#/$defs/layers"}


class Operands(Argument):
    """A list whose entries are names of layers, or lists of layers that start from the current tensor."""

    kind = "a list of names or lists of layers"

    def __init__(self, doc: str, min: int = 2, max: int | None = None, default: Any = REQUIRED) -> None:
        super().__init__(doc, default)
        self.min, self.max = min, max

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""
        limit = {} if self.max is None else {"maxItems": self.max}
        return {
            "type": "array",
            "minItems": 1,
            **limit,
            "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/layers"}]},
            # `skip.*` stands for one tensor per copy
            "anyOf": [{"minItems": self.min}, {"contains": {"type": "string", "pattern": r"\.\*$"}}],
        }
