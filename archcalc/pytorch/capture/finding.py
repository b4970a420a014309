"""The module that a name stands for, built on the meta device, so that it takes no memory for weights."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.opening import LIBRARIES
from archcalc.pytorch.capture.bound import bounded
from archcalc.pytorch.capture.building import RAISED, Found, built, package, quiet, real, told, without_numbers
from archcalc.tracing.naming import snake


def find(name: str, arguments: Mapping[str, str]) -> Found:
    """The module that a name stands for. Raises `RequestError` if there is none, or if it cannot be built."""
    where, _, what = name.partition(":")
    given = {key: _value(text) for key, text in arguments.items()}
    with bounded(name, "cannot be built"):
        if where in LIBRARIES:
            library = importlib.import_module(f"archcalc.pytorch.capture.libraries.{where}")
            return library.find(what, given)  # type: ignore[no-any-return]
        return _named(name, where, what, given)


def _named(name: str, where: str, what: str, given: dict[str, Any]) -> Found:
    home = _file(where) if where.endswith(".py") else _module(where, name)
    found: Any = home
    for part in what.split("."):
        if not hasattr(found, part):
            names = [other for other, one in vars(found).items() if callable(one) and not other.startswith("_")]
            advice = suggest(part, names)
            raise RequestError(f"{where} has no {part!r}" + (f": did you mean {advice!r}?" if advice else ""))
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        return Found(_plain(what), without_numbers(found), lambda: copy.deepcopy(found))
    if not callable(found):
        raise RequestError(f"{name!r} is a {type(found).__name__}: name a class or function that gives an nn.Module")
    return Found(_plain(what), built(name, found, given), lambda: real(name, found, given))


def _plain(what: str) -> str:
    return snake(what.rpartition(".")[2])


def _value(text: str) -> Any:
    """The value of `--arg`: a number, true, false, none, a comma-separated list, else a string."""
    words: dict[str, Any] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if text.startswith(("[", "(")) and text.endswith(("]", ")")):
        return [_value(one.strip()) for one in text[1:-1].split(",") if one.strip()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _module(where: str, name: str) -> ModuleType:
    """A module by its dotted name, also from the working directory, as `python -m` finds it."""
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    return package(where, name)


def _file(path: str) -> ModuleType:
    """A file as a module; it can import what lies beside it."""
    if not os.path.isfile(path):
        raise RequestError(f"cannot read {path!r}: there is no such file")
    folder, base = os.path.split(os.path.abspath(path))
    sys.path.insert(0, folder)
    found = importlib.util.spec_from_file_location(base[:-3].replace("-", "_"), path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    try:
        with quiet():
            found.loader.exec_module(module)
    except RAISED as error:
        raise RequestError(f"{path!r} cannot be imported: {told(error)}") from None
    return module
