"""The arguments that a module's class or function gets: the values of `--arg`, and objects of classes that hold settings."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

from archcalc.advice import suggest
from archcalc.diagnostics import OptionNeededError, RequestError

# An attribute that marks classes of settings: dataclasses, and those of pydantic, attrs and transformers.
_MARKS = ("__dataclass_fields__", "model_fields", "__attrs_attrs__", "model_type")
_KINDS = inspect.Parameter


def value(text: str) -> Any:
    """The value of `--arg`: a number, true, false, none, a comma-separated list, else a string."""
    words: dict[str, Any] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if text.startswith(("[", "(")) and text.endswith(("]", ")")):
        return [value(one.strip()) for one in text[1:-1].split(",") if one.strip()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def filled(name: str, builder: Callable[..., Any], given: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The arguments. Those that hold settings are built: `config.dim=64` sets a field of `config`; others keep their defaults.

    The class is the one that the signature names, or that `config=Config` names. Raises `RequestError`, and whatever such
    a class raises.
    """
    parameters = _parameters(builder)
    found = {key: one for key, one in given.items() if key.partition(".")[0] not in parameters or "." not in key}
    for key, parameter in parameters.items():
        fields = {one[len(key) + 1 :]: this for one, this in given.items() if one.startswith(f"{key}.")}
        kind = _named(builder, found.get(key)) if key in found else _annotated(parameter.annotation)
        if kind is not None and (fields or key in found or parameter.default is _KINDS.empty):
            found[key] = kind(**filled(kind.__name__, kind, fields, f"{path}{key}."))
        elif fields:
            raise RequestError(
                f"{name!r} does not say what {key} is, which has {next(iter(fields))}: {_missing(builder, path + key)}"
            )
    _check(name, builder, parameters, found, path)
    return found


def _parameters(builder: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    for evaluated in (True, False):  # annotations may use names that exist only for type checkers
        try:
            return inspect.signature(builder, eval_str=evaluated).parameters
        except Exception:
            continue
    return {}


def _check(
    name: str,
    builder: Callable[..., Any],
    parameters: Mapping[str, inspect.Parameter],
    given: Mapping[str, Any],
    path: str,
) -> None:
    """Raises `RequestError` that names the missing arguments and the unknown ones."""
    any_name = not parameters or any(one.kind is _KINDS.VAR_KEYWORD for one in parameters.values())
    names = [key for key, one in parameters.items() if one.kind in (_KINDS.POSITIONAL_OR_KEYWORD, _KINDS.KEYWORD_ONLY)]
    for key in given:
        if key not in names and not any_name:
            advice = suggest(key, names)
            raise RequestError(f"{name!r} takes no {key!r}" + (f": did you mean {advice!r}?" if advice else ""))
    missing = [key for key in names if parameters[key].default is _KINDS.empty and key not in given]
    if missing:
        each = " ".join(_missing(builder, path + key) for key in missing)
        raise OptionNeededError(f"{name!r} needs {', '.join(missing)}: {each}")


def _missing(builder: Callable[..., Any], key: str) -> str:
    """The option that sets an argument; for a class of settings next to its owner, one with that class."""
    word = key.rpartition(".")[2].lower()
    beside = vars(sys.modules.get(builder.__module__, builder)) if hasattr(builder, "__module__") else {}
    likely = [one for one, kind in beside.items() if _is_settings(kind) and word in ("cfg", "conf", "config", "args")]
    return f"--arg {key}={likely[0] if len(likely) == 1 else '...'}"


def _named(builder: Callable[..., Any], text: Any) -> type | None:
    """The class of settings that a text names, among those that the builder's file knows."""
    home = sys.modules.get(getattr(builder, "__module__", None) or "")
    kind = getattr(home, text, None) if home is not None and isinstance(text, str) else None
    return kind if _is_settings(kind) else None


def _annotated(annotation: Any) -> type | None:
    """The class of settings that an annotation names, with or without None."""
    kinds = [one for one in typing.get_args(annotation) if one is not type(None)] or [annotation]
    return kinds[0] if len(kinds) == 1 and _is_settings(kinds[0]) else None


def _is_settings(kind: Any) -> bool:
    return isinstance(kind, type) and any(hasattr(kind, mark) for mark in _MARKS)
