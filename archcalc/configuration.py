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
# What stands at the top but means the linter alone: `device` there is hardware to plan for.
_LINT_ONLY = ("select", "ignore", "fail-on", "fail_on", "device")


def defaults(commands: Collection[str], running: str) -> dict[str, Any]:
    """Option defaults for all `commands`, as click takes them for the one that is running.

    Raises:
        RequestError: a bad file.
    """
    path, found = _nearest(os.path.abspath("."))
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
    options: dict[str, Any] = {
        name: {key.replace("-", "_"): _as_given(value) for key, value in values.items()}
        for name, values in maps.items()
    }
    _join_lists(options[running], running)
    options["lint"][LINT_TABLES] = (path, tables)
    return options


def settings_file() -> str:
    """The file whose settings hold here; empty where there is none."""
    return _nearest(os.path.abspath("."))[0]


def _as_given(value: Any) -> Any:
    """A value as it would be given on the command line, so that what is no batch there is none here either."""
    if isinstance(value, list):
        return [_as_given(one) for one in value]
    if isinstance(value, dict):
        return [f"{key}={_as_given(one)}" for key, one in value.items()]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _join_lists(values: dict[str, Any], command: str) -> None:
    """Write a list with commas for an option that is given once, as `--show params,macs`."""
    lists = [key for key, value in values.items() if isinstance(value, list)]
    if not lists:
        return
    repeatable = {parameter.name for parameter in _parameters(command) if parameter.multiple}
    for key in lists:
        if key not in repeatable:
            values[key] = ",".join(values[key])


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
    return {
        option[2:]
        for name in commands
        for parameter in _parameters(name)
        for option in parameter.opts
        if option.startswith("--")
    }


def _parameters(command: str) -> list[Any]:
    from importlib import import_module

    options = import_module(f"archcalc.commands.{command}").command.params
    return [parameter for parameter in options if parameter.param_type_name == "option"]


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
