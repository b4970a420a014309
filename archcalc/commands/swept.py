"""The run options of `archcalc sweep`: each can have several values, which are axes of the grid."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from archcalc.commands import options
from archcalc.commands.running import ALL, OLD, of_old, option
from archcalc.running import FIELDS, Field, Running
from archcalc.sweep.axis import Axis, parse_values

_F = TypeVar("_F", bound=Callable[..., Any])
# The measures decide the mode, and batches are an axis already.
_SWEPT = tuple(name for name in ALL if name not in ("mode", "batch", "cache", "length", "new_tokens"))


def swept(command: _F) -> _F:
    """Options for all fields; choices and numbers can have several values, which are the axes `runs`."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        said: dict[str, Any] = {}
        axes = []
        renamed = {name: kwargs.pop(name, None) for name in ("dtype",)}
        for name in _SWEPT:
            given = kwargs.pop(name)
            if isinstance(given, tuple) and len(given) > 1 and not FIELDS[name].kind.several:
                axes.append(Axis(name, given))
            elif given:
                said[name] = given if FIELDS[name].kind.several else given[0]
        return command(*args, said=Running(**{**of_old(renamed, said), **said}), runs=axes, **kwargs)

    shown: Any = run
    for name in reversed(_SWEPT):
        shown = (option(name, False, False) if FIELDS[name].kind.several else _values(name))(shown)
    return OLD["dtype"](shown)  # type: ignore[no-any-return]


class _Values(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Comma-separated values of a field, including ranges of numbers."""

    name = "values"

    def __init__(self, field: Field[Any]) -> None:
        self.field = field

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The values as strings that the field can parse."""
        if isinstance(value, tuple):
            return value
        found = parse_values(value, self.field.option)
        for text in found:
            try:
                self.field.kind.read(text)
            except ValueError as error:
                raise click.BadParameter(f"{self.field.name} {error}", ctx, param) from None
        return found


def _values(name: str) -> Callable[[Any], Any]:
    field = FIELDS[name]
    attributes: dict[str, Any] = {}
    if name == "device":
        attributes = {"shell_complete": options.devices, "may_be_file": options.is_device_file}
    help = f"{field.help}  [default: {field.default}]"
    return options.look(field.option, name, type=_Values(field), metavar="VALUES", help=help, **attributes)
