"""Which function reads which call, and the arguments of a call by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

from archcalc.tracing.calls import Call
from archcalc.tracing.graph import Out

# What an operation returns: what the call gives, one output or several.
Given = Union[Out, list[Out]]


class Beyond(Exception):
    """The language cannot express this use of a function; the message says which."""


class Operation:
    """How the calls of some names are read.

    Attributes:
        function: takes the reader, the call and its arguments.
        names: of the arguments in order, with their defaults; `*rest` is implied by the call's result.
    """

    def __init__(self, function: Callable[..., Given], signature: str) -> None:
        self.function = function
        self.defaults: dict[str, Any] = {}
        self.names: list[str] = []
        for word in signature.split():
            name, _, default = word.partition("=")
            self.names.append(name)
            if default:
                self.defaults[name] = _DEFAULTS.get(default, default)

    def arguments(self, call: Call) -> Arguments:
        """The arguments of a call by name. Raises `Beyond` for one that is not supported."""
        found = dict(self.defaults)
        many = self.names[-1] if self.names and self.names[-1].startswith("*") else None
        fixed = self.names[:-1] if many else self.names
        found |= dict(zip(fixed, call.args))
        if many:
            rest = list(call.args[len(fixed) :])
            found[many[1:]] = rest[0] if len(rest) == 1 and isinstance(rest[0], (list, tuple)) else rest
        known = {name.lstrip("*") for name in self.names}
        for key, value in call.kwargs.items():
            name = key if key in known else next((one for one in _SAME.get(key, ()) if one in known), key)
            if name not in known and key not in _NEUTRAL and value is not None and many != "*rest":
                raise Beyond(f"with {key}")
            found[name] = value
        for name in fixed:
            found.setdefault(name, None)
        return Arguments(found)


class Arguments:
    """Arguments as attributes."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.__dict__.update(found)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


_DEFAULTS: dict[str, Any] = {"None": None, "True": True, "False": False, **{str(n): n for n in range(-3, 33)}}
_DEFAULTS |= {
    "1e-5": 1e-5,
    "1e-12": 1e-12,
    "1e-8": 1e-8,
    "1e-6": 1e-6,
    "0.5": 0.5,
    "0.25": 0.25,
    "0.01": 0.01,
    "0.1": 0.1,
    "1e-4": 1e-4,
    "0.75": 0.75,
}
# Arguments that have two names, and the one used here.
_SAME = {
    "axis": ("dim",),
    "axis0": ("dim0",),
    "axis1": ("dim1",),
    "chunks": ("parts",),
    "dims": ("dim", "sizes"),
    "downscale_factor": ("factor",),
    "indices_or_sections": ("parts",),
    "keepdims": ("keepdim",),
    "mat2": ("other",),
    "negative_slope": ("slope",),
    "other": ("sizes", "dim"),
    "repeats": ("sizes",),
    "self": ("input",),
    "size": ("sizes",),
    "split_size": ("parts",),
    "split_size_or_sections": ("parts",),
    "split_sizes": ("parts",),
    "tensor_indices_or_sections": ("parts",),
    "upscale_factor": ("factor",),
    "vec2": ("other",),
}
# Arguments that say where and how a result is stored, but nothing about its values.
_NEUTRAL = frozenset(
    ("inplace", "out", "dtype", "device", "layout", "memory_format", "training", "non_blocking", "copy", "_stacklevel")
)

OPERATIONS: dict[str, Operation] = {}


def reads(names: str, signature: str) -> Callable[[Callable[..., Given]], Callable[..., Given]]:
    """Register a function for calls of these names; `signature` has their arguments, such as `input dim=-1 *sizes`."""

    def note(function: Callable[..., Given]) -> Callable[..., Given]:
        for name in names.split():
            if name in OPERATIONS:
                raise ValueError(f"{name} is read twice")
            OPERATIONS[name] = Operation(function, signature)
        return function

    return note
