"""Run settings as keyword arguments of the Python API, with signature and docs made from the declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from archcalc.running.declaration import FIELDS, Running
from archcalc.running.kinds import Whole
from archcalc.running.old import renamed

_F = TypeVar("_F", bound=Callable[..., Any])
# Renamed arguments, with the deprecated option that they correspond to if its name differs.
_OLD = {"training": "training", "dtype": "dtype", "cache_dtype": "cache_dtype", "tokens": "generate"}


def declared(*but: str) -> Callable[[_F], _F]:
    """Gives a method with `**run` an argument for each field, except these and its own arguments."""

    def made(method: _F) -> _F:
        signature = inspect.signature(method)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        fields = [field for name, field in FIELDS.items() if name not in but and name not in signature.parameters]
        further = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(field.kind)
            )
            for field in fields
        ]
        method.__signature__ = signature.replace(parameters=[*own, *further])  # type: ignore[attr-defined]
        lines = [f"    {field.name}: {field.help} Default: {field.default}." for field in fields]
        before, _, after = inspect.getdoc(method).partition("\nRaises:")  # type: ignore[union-attr]
        method.__doc__ = "\n".join([before, "Args:", *lines, "", f"Raises:{after}"])
        return method

    return made


def _annotation(kind: object) -> str:
    several = getattr(kind, "several", False)
    return ("Sequence[str]" if several else "int" if isinstance(kind, Whole) else "str") + " | None"


def running_of(given: Mapping[str, Any]) -> Running:
    """The run from arguments; deprecated ones work, with a warning that gives the new name.

    Raises:
        TypeError: an argument that is not a field.
        RequestError: an invalid value of a field.
    """
    said: dict[str, Any] = {}
    for name, value in given.items():
        if name in _OLD and name not in FIELDS:
            import warnings

            if name == "training":
                new, sentence = {"mode": "train" if value else "inference"}, "`training` is deprecated: use `mode`"
            else:
                new, sentence = renamed(_OLD[name], value)
            warnings.warn(sentence, DeprecationWarning, stacklevel=4)
            said = {**new, **said}
        elif name not in FIELDS:
            raise TypeError(f"unexpected argument {name!r}: expected one of {', '.join(FIELDS)}")
        else:
            said[name] = value
    return Running(**said)
