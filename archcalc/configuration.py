"""Settings from `archcalc.toml`, or `[tool.archcalc]` in pyproject.toml.

The nearest file in the working directory or above it is used. A key is an option's long name; a table named after a
command applies only to that command. The tables in `TABLES` belong to the linter, as does everything in `[lint]`.

A repository brings its own settings, and may be somebody else's. So settings can give only the options declared as a
`look` (`archcalc.commands.options`), and can name only files beside them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from typing import Any

from archcalc import project
from archcalc.advice import suggest
from archcalc.diagnostics import RequestError

TABLES = ("per-file-ignores", "severity", "budgets", "growth")
_MOST_BYTES = 2**20
# Where the linter finds its tables among the defaults of its options.
LINT_TABLES = "tables"
# Top-level keys that only the linter uses; and `device`, which networks are planned for, but which the commands in
# `_ELSEWHERE` ignore: the linter has its own, [lint] device, and the others measure this machine.
_LINT_ONLY = ("select", "ignore", "fail-on", "fail_on")
_PLANNED = ("device",)
_ELSEWHERE = ("lint", "profile", "calibrate")


def defaults(commands: Collection[str], running: str) -> dict[str, Any]:
    """Option defaults for all `commands`, in the form that click takes for the running one.

    Raises:
        RequestError: a bad file, or an option that settings cannot give.
    """
    _check_environment(running)
    path, found = _nearest(project.working_folder())
    if not found:
        return {}
    shared = {key: value for key, value in found.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in found.items() if isinstance(value, dict)}
    for key in sections:
        if key not in commands and key not in TABLES:
            raise unknown(path, "table", key, (*TABLES, *commands))
    general = {key: value for key, value in shared.items() if key not in _LINT_ONLY}
    maps = {}
    for name in commands:
        own = shared if name == "lint" else general
        own = {key: value for key, value in own.items() if key not in _PLANNED or name not in _ELSEWHERE}
        maps[name] = {**own, **sections.get(name, {})}
    tables = {key: maps["lint"].pop(key, None) or sections.get(key, {}) for key in TABLES}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise RequestError(f"{path}: `{key}` of [lint] is a table, e.g. [lint.{key}]")
    _check_keys(path, shared, commands, "key")
    for name in commands:
        if name in sections:
            _check_keys(path, [key for key in sections[name] if key not in TABLES], (name,), f"key of [{name}]")
    options: dict[str, Any] = {
        name: {key.replace("-", "_"): _as_given(value) for key, value in values.items()}
        for name, values in maps.items()
    }
    _settle(path, options, running)
    options["lint"][LINT_TABLES] = (path, tables)
    return options


def settings_file() -> str:
    """The file whose settings apply here; empty if there is none."""
    return _nearest(project.working_folder())[0]


def _as_given(value: Any) -> Any:
    """A value as it would be given on the command line, so that an invalid batch there is invalid here too."""
    if isinstance(value, list):
        return [_as_given(one) for one in value]
    if isinstance(value, dict):
        return [f"{key}={_as_given(one)}" for key, one in value.items()]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _settle(path: str, options: dict[str, Any], command: str) -> None:
    """Keep the options that the command has, in the form that it takes.

    A list is joined by commas for an option that is given once, such as `--show params,macs`; the path of a file is
    relative to the settings.
    """
    given, options[command] = options[command], {}
    for parameter in _parameters(command) if given else ():
        if parameter.name not in given or not is_look(parameter):
            continue
        value = given[parameter.name]
        if isinstance(value, list) and any(isinstance(one, list) for one in value):
            raise RequestError(
                f"{path}: {parameter.opts[-1].lstrip('-')} takes a value or a list of values, not nested lists"
            )
        if parameter.may_be_file is not None:
            value = _beside(path, parameter, value)
        if isinstance(value, list) and not parameter.multiple:
            value = ",".join(value)
        options[command][parameter.name] = value


def _beside(path: str, option: Any, value: Any) -> Any:
    """The paths in a value, from the folder of the settings at `path`, in which they must stay."""
    if isinstance(value, list):
        return [_beside(path, option, one) for one in value]
    if not option.may_be_file(value):
        return value
    folder = os.path.dirname(path)
    file = os.path.join(folder, value)
    if not project.is_in(file, folder):
        raise RequestError(
            f"{path}: {option.name} = {value!r} lies outside the folder of these settings: give {option.opts[-1]} on the command line"
        )
    return file


def _check_environment(command: str) -> None:
    """Raise `RequestError` for a variable that gives an option allowed only on the command line."""
    prefix = f"ARCHCALC_{command.upper()}_"
    given = {name for name, value in os.environ.items() if name.startswith(prefix) and value}
    for parameter in _parameters(command) if given else ():
        if (name := f"{prefix}{parameter.name.upper()}") in given and not is_look(parameter):
            raise refused(name, parameter.opts[-1])


def refused(where: str, option: str) -> RequestError:
    """The error for an option that neither settings nor the environment may give."""
    return RequestError(
        f"{where} is not accepted: only the command line decides what is written, overwritten, read or run; "
        f"give {option} there"
    )


def unknown(path: str, what: str, key: str, known: Iterable[str]) -> RequestError:
    """The error for a name in a settings file that means nothing."""
    known = list(known)
    near = suggest(key, known)
    return RequestError(
        f"{path}: unknown {what} `{key}`: "
        + (f"did you mean `{near}`?" if near else f"expected one of {', '.join(sorted(known))}")
    )


# Options known without looking: finding out what every command takes means importing them all.
_USUAL = ("select", "ignore", "fail-on", "format", "color", "jobs", "device", "batch")


def _check_keys(path: str, keys: Iterable[str], commands: Collection[str], what: str) -> None:
    """Raise `RequestError` for a key that is not an option of any command."""
    keys = list(keys)
    if not keys or (len(commands) > 1 and all(key.replace("_", "-") in _USUAL for key in keys)):
        return
    options = [parameter for name in commands for parameter in _parameters(name)]
    known, looks = _names(options), option_names(commands)
    for key in keys:
        name = key.replace("_", "-")
        if name in TABLES or (name in commands and len(commands) > 1):
            raise RequestError(f"{path}: `{key}` is a table, e.g. [{key}]")
        if name not in known:
            raise unknown(path, what, key, looks | set(TABLES))
        if name not in looks:
            raise refused(f"{path}: {what} `{key}`", f"--{name}")


def option_names(commands: Iterable[str]) -> set[str]:
    """The long names of the options of these commands that settings may give."""
    return _names(parameter for name in commands for parameter in _parameters(name) if is_look(parameter))


def _names(options: Iterable[Any]) -> set[str]:
    return {name[2:] for option in options for name in option.opts if name.startswith("--")}


def is_look(option: Any) -> bool:
    """Whether settings may give this option."""
    return hasattr(option, "may_be_file")


def _parameters(command: str) -> list[Any]:
    from importlib import import_module

    options = import_module(f"archcalc.commands.{command}").command.params
    return [parameter for parameter in options if parameter.param_type_name == "option"]


def _nearest(folder: str) -> tuple[str, dict[str, Any]]:
    while folder:
        for name in ("archcalc.toml", "pyproject.toml"):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                table = _table(path, name == "pyproject.toml")
                if table is not None:
                    return path, table
        parent = os.path.dirname(folder)
        folder = parent if parent != folder else ""
    return "", {}


def _table(path: str, nested: bool) -> dict[str, Any] | None:
    if not project.contains(os.path.dirname(path), path):
        raise RequestError(f"{path} is a link out of its project: settings are not read from there")
    try:
        text = project.read_file(path, _MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(f"cannot read {path!r}: {error}") from None
    if nested and "archcalc" not in text:  # most projects: no need for a TOML parser
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    document: dict[str, Any]
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits does not raise TOMLDecodeError
        said = error if isinstance(error, tomllib.TOMLDecodeError) else "not TOML that can be read"
        raise RequestError(f"{path}: {said}") from None
    if not nested:
        return document
    tools = document.get("tool")
    if not isinstance(tools, dict) or "archcalc" not in tools:
        return None
    if not isinstance(tools["archcalc"], dict):
        raise RequestError(f"{path}: `tool.archcalc` is a table, e.g. [tool.archcalc]")
    return tools["archcalc"]
