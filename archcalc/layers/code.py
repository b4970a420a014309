"""How a layer is written in PyTorch: a module made once, and the expression that applies it."""

from __future__ import annotations

from typing import Any


class Code:
    """One layer in PyTorch source.

    Attributes:
        module: the class to instantiate, e.g. `nn.Conv2d`, or one in `archcalc/pytorch/pieces/`; empty for a plain
            expression.
        args, kwargs: its constructor arguments; a keyword may be an `Option`, left out at its default.
        call: the expression that applies it. `{self}` is the module, `{0}`, `{1}` the inputs,
            `{inputs}` all of them, and other names stand for `values`.
        values: numbers in the expression.
        imported: a user's class, made without arguments instead of the module, as `package.module:Name`.
        around: a call that wraps the module, with `{module}` in its place.
        pieces: the classes that this call names.
        outputs: expressions for further outputs, in terms of `{out}`, the result of the call;
            with them the call returns a tuple whose first element is the output.
    """

    def __init__(
        self,
        module: str = "",
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        call: str = "{self}({0})",
        values: dict[str, Any] | None = None,
        outputs: dict[str, str] | None = None,
        imported: str = "",
    ) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs or {}
        self.call = call
        self.values = values or {}
        self.outputs = outputs or {}
        self.imported = imported
        self.around = ""
        self.pieces: tuple[str, ...] = ()


def module(name: str, *args: Any, **kwargs: Any) -> Code:
    """A module applied to one input."""
    return Code(name, args, kwargs)


def expression(call: str, **values: Any) -> Code:
    """An expression without a module."""
    return Code(call=call, values=values)


class Written(str):
    """An argument that is an expression, written as it is."""


class Option:
    """A keyword argument and PyTorch's default for it."""

    def __init__(self, value: Any, default: Any) -> None:
        self.value = value
        self.default = default

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Option) and (self.value, self.default) == (other.value, other.default)

    def __hash__(self) -> int:
        return hash((self.value, self.default))


def given(**kwargs: tuple[Any, Any]) -> dict[str, Any]:
    """Keyword arguments with PyTorch's defaults: `bias=(self.bias, True)`."""
    return {name: Option(value, default) for name, (value, default) in kwargs.items()}


def sized(sizes: tuple[int, ...]) -> Any:
    """A size as PyTorch users write it: one number when all axes agree."""
    return sizes[0] if len(set(sizes)) == 1 else sizes
