"""Settings from `archcalc.toml`, or `[tool.archcalc]` in pyproject.toml.

The nearest file in the working directory or above it counts. A key is an option's long name; a
table named after a command holds for that command alone. The tables in `TABLES` belong to the
linter, as does all that `[lint]` holds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from typing import Any

from archcalc.diagnostics import RequestError, suggest

TABLES = ("per-file-ignores", "severity", "budgets", "growth")
# Where the linter finds its tables among the defaults of its options.
LINT_TABLES = "tables"
_LISTS = ("select", "ignore", "output")
# What stands at the top but means the linter alone: `device` there is hardware to plan for.
_LINT_ONLY = ("select", "ignore", "fail-on", "fail_on", "device")


def defaults(commands: Collection[str], folder: str = ".") -> dict[str, Any]:
    """Option defaults for all `commands`, as click takes them. Raises `RequestError` for a bad file."""
    path, found = _nearest(os.path.abspath(folder))
    if not found:
        return {}
    shared = {key: value for key, value in found.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in found.items() if isinstance(value, dict)}
    for key in sections:
        if key not in commands and key not in TABLES:
            raise unknown(path, "table", key, (*TABLES, *commands))
    general = {key: value for key, value in shared.items() if key not in _LINT_ONLY}
    maps = {name: {**(shared if name == "lint" else general), **sections.get(name, {})} for name in commands}
    tables = {key: maps["lint"].pop(key, None) or sections.get(key, {}) for key in TABLES}
    _check_keys(path, shared, commands, "key")
    for name in commands:
        if name in sections:
            _check_keys(path, [key for key in sections[name] if key not in TABLES], (name,), f"key of [{name}]")
    options = {name: {key.replace("-", "_"): value for key, value in values.items()} for name, values in maps.items()}
    for key in _LISTS:
        if isinstance(options["lint"].get(key), str):
            options["lint"][key] = [options["lint"][key]]
    options["lint"][LINT_TABLES] = (path, tables)
    return options


def unknown(path: str, what: str, key: str, known: Iterable[str]) -> RequestError:
    """The error for a name in a settings file that means nothing."""
    known = list(known)
    near = suggest(key, known)
    return RequestError(
        f"{path}: unknown {what} `{key}`: "
        + (f"did you mean `{near}`?" if near else f"there are {', '.join(sorted(known))}")
    )


# Options that are known without looking: finding out what every command takes means importing all.
_USUAL = ("select", "ignore", "fail-on", "format", "color", "jobs", "device", "batch")


def _check_keys(path: str, keys: Iterable[str], commands: Collection[str], what: str) -> None:
    """Raise `RequestError` for a key that is no option of any of the commands."""
    keys = list(keys)
    if not keys or (len(commands) > 1 and all(key.replace("_", "-") in _USUAL for key in keys)):
        return
    known = option_names(commands)
    for key in keys:
        if key.replace("_", "-") not in known:
            raise unknown(path, what, key, known | set(TABLES))


def option_names(commands: Iterable[str]) -> set[str]:
    """The long names of the options of these commands."""
    from importlib import import_module

    names: set[str] = set()
    for name in commands:
        for parameter in import_module(f"archcalc.commands.{name}").command.params:
            if parameter.param_type_name == "option":
                names |= {option[2:] for option in parameter.opts if option.startswith("--")}
                names.add(parameter.name.rstrip("_").replace("_", "-"))
    return names


def _nearest(folder: str) -> tuple[str, dict[str, Any]]:
    while True:
        for name in ("archcalc.toml", "pyproject.toml"):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                table = _table(path, name == "pyproject.toml")
                if table is not None:
                    return path, table
        parent = os.path.dirname(folder)
        if parent == folder:
            return "", {}
        folder = parent


def _table(path: str, nested: bool) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read {path!r}: {error}") from None
    if nested and "tool.archcalc" not in text:  # most projects: no need for a TOML parser
        return None
    document: dict[str, Any]
    if sys.version_info >= (3, 11):
        import tomllib

        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RequestError(f"{path}: {error}") from None
    else:
        raise RequestError(f"{path}: settings in a file need Python 3.11; use options or ARCHCALC_ variables")
    if not nested:
        return document
    table = document.get("tool", {}).get("archcalc")
    return table if isinstance(table, dict) else None
