"""The module that a name stands for, built on the meta device, so that it takes no memory for weights."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.opening import LIBRARIES
from archcalc.pytorch.capture.arguments import value
from archcalc.pytorch.capture.bound import bounded
from archcalc.pytorch.capture.building import RAISED, Found, built, package, quiet, real, told, without_numbers
from archcalc.tracing.naming import snake


def find(name: str, arguments: Mapping[str, str]) -> Found:
    """The module that a name stands for. Raises `RequestError` if there is none, or if it cannot be built."""
    where, _, what = name.partition(":")
    given = {key: value(text) for key, text in arguments.items()}
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


def _module(where: str, name: str) -> ModuleType:
    """A module by its dotted name, also from the working directory, as `python -m` finds it."""
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    return package(where, name)


def _file(path: str) -> ModuleType:
    """A file as a module, of its package if it is in one; what lies next to it or next to the package can be imported."""
    if not os.path.isfile(path):
        raise RequestError(f"cannot read {path!r}: there is no such file")
    folder = os.path.dirname(os.path.abspath(path))
    root, name = _package(path)
    sys.path[:0] = dict.fromkeys((folder, root))
    if "." in name:
        module = package(name, path)
        if not os.path.samefile(getattr(module, "__file__", None) or os.devnull, path):
            raise RequestError(
                f"{path!r} is {name}, and {module.__file__!r} was found of that name: rename its package"
            )
        return module
    found = importlib.util.spec_from_file_location(name.replace("-", "_"), path)
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


def _package(path: str) -> tuple[str, str]:
    """The folder from which a file is imported, and its name there: with those of its packages if it says `from .`.

    A package is a folder with an `__init__.py`, or one that such an import needs.
    """
    folder, base = os.path.split(os.path.abspath(path))
    name = base.removesuffix(".py")
    with open(path, encoding="utf-8", errors="replace") as file:
        dots = max(map(len, re.findall(r"^[ \t]*from[ \t]+(\.+)", file.read(), re.MULTILINE)), default=0)
    above = 0
    while above < dots or os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, parent = os.path.split(folder)
        if not parent:
            break
        above += 1
        if dots:
            name = f"{parent}.{name}"
    return folder, name
