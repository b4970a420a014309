"""The arguments of a call, and what libraries pass in them: an activation, a padding as a word."""

from __future__ import annotations

import ast
from collections.abc import Callable

from archcalc.layers.base import Layer
from archcalc.spelling.names import meaning
from archcalc.spelling.signatures import DEFAULTS
from archcalc.spelling.values import (
    UnwritableError,
    dotted,
    is_none,
    sized,
    wholes,
    word,
)


class Bound(dict[str, ast.expr]):
    """Arguments by name; `rest` holds those of a call that takes any number."""

    def __init__(self, rest: list[ast.expr]) -> None:
        super().__init__()
        self.rest = rest

    def __missing__(self, name: str) -> ast.expr:
        raise UnwritableError(f"the call lacks `{name}`")

    def given(self, name: str) -> ast.expr | None:
        """An argument that is given and not None."""
        node = self.get(name)
        return None if node is None or is_none(node) else node

    def text(self, name: str, default: str) -> str:
        """An argument in a spec's words."""
        node = self.given(name)
        return default if node is None else word(node)

    def is_true(self, name: str) -> bool:
        """Whether a flag is set."""
        return self.text(name, "false") == "true"


Inner = Callable[[ast.expr], list[str]]
Writer = Callable[[Bound, Inner], list[str]]


def activation(node: ast.expr, library: str = "") -> list[str]:
    """The layer of an activation that is passed by name, as a function or as a module."""
    name = (
        str(node.value) if isinstance(node, ast.Constant) else dotted(node.func if isinstance(node, ast.Call) else node)
    )
    if name in ("None", "linear"):
        return []
    known = meaning(name)
    if isinstance(node, ast.Call) and (node.args or node.keywords):
        raise UnwritableError("write the activation as a layer of its own after it")
    if known is None or known.layer is None:
        raise UnwritableError(f"write the activation as a layer of its own after it; no layer corresponds to `{name}`")
    defaults = DEFAULTS.get("tensorflow" if library == "keras" and isinstance(node, ast.Constant) else library, {})
    return [" ".join((known.layer, *defaults.get(known.layer, {}).values(), *known.keys.split()))]


def padding(layer: type[Layer], node: ast.expr | None, bound: Bound, library: str) -> dict[str, str]:
    """The padding of Keras and Flax, which may be a word, or two sides for each axis."""
    text = "same" if node is None else word(node).lower() if isinstance(node, ast.Constant) else ""
    if text == "valid":
        return {}
    if text == "same" and library == "torch":
        return {"padding": "same"}
    if text == "same":
        strides = bound.given("stride")
        steps = set(wholes(strides)) if strides is not None else {1}
        if layer.op == "convtranspose":
            return _same_transposed(bound, steps)
        if layer.op == "conv":
            return {"padding": "same" if steps == {1} else "same_upper"}
        return _same_pooled(layer, bound, steps if strides is not None else set())
    if node is None or isinstance(node, ast.Constant):
        return {} if node is None else {"padding": word(node)}
    sides = node.elts if isinstance(node, (ast.Tuple, ast.List)) else []
    if library == "flax" and all(isinstance(side, (ast.Tuple, ast.List)) for side in sides):
        pairs = [wholes(side) for side in sides]
        if any(len(set(pair)) > 1 for pair in pairs):
            raise UnwritableError("put `pad before=1 after=2` before it, with the sizes before and after each axis")
        return {"padding": sized([str(pair[0]) for pair in pairs])}
    return {"padding": word(node)}


def _same_transposed(bound: Bound, steps: set[int]) -> dict[str, str]:
    """Keras gives size·stride; PyTorch (size - 1)·stride - 2·padding + kernel + output_padding."""
    kernels = set(wholes(bound["kernel"])) if "kernel" in bound else set()
    if len(kernels) != 1 or len(steps) != 1:
        raise UnwritableError("write the padding of each axis as a number: `padding=1 output_padding=1`")
    over = kernels.pop() - steps.pop()
    if over < 0:
        raise UnwritableError("the kernel is smaller than the stride; `output_padding=` adds what is missing")
    found = {"padding": str((over + 1) // 2), "output_padding": str(over % 2)}
    return {key: value for key, value in found.items() if value != "0"}


def _same_pooled(layer: type[Layer], bound: Bound, steps: set[int]) -> dict[str, str]:
    kernels = set(wholes(bound["kernel"])) if "kernel" in bound else {2}
    if not steps or steps == kernels:
        return {"ceil": "true"}
    if layer.op == "maxpool":
        return {"padding": "same_upper"}
    if len(kernels) == 1 and min(kernels) % 2:
        return {"padding": str(min(kernels) // 2)}
    raise UnwritableError("pooling has no padding=same: give the number, e.g. `avgpool 3 stride=2 padding=1`")
