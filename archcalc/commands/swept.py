"""The run options of `archcalc sweep` and `fit`: each can have several values, which are axes of the grid."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import click

from archcalc.commands import options
from archcalc.commands.running import OLD, of_old, option
from archcalc.diagnostics import RequestError
from archcalc.running import FIELDS, Field
from archcalc.running.texts import JOIN, of_texts
from archcalc.sweep.axis import Axis, parse_values

_F = TypeVar("_F", bound=Callable[..., Any])


def swept(names: Sequence[str], single: Collection[str] = ()) -> Callable[[_F], _F]:
    """Options for run fields; the command gets single values as `said`, and several values of a field as an axis of `runs`.

    Args:
        names: the fields.
        single: those that can have only one value.
    """

    def declared(command: _F) -> _F:
        @functools.wraps(command)
        def run(*args: Any, **kwargs: Any) -> Any:
            said: dict[str, Any] = {}
            axes = []
            dtype = kwargs.pop("dtype", None)
            for name in names:
                given = kwargs.pop(name)
                if name in single:
                    said |= {name: given} if given else {}
                elif len(values := _values(name, given)) > 1:
                    axes.append(Axis(name, values))
                elif values:
                    said[name] = values[0]
            of_text = of_texts(tuple((name, text) for name, text in said.items() if name not in single))
            old = of_old({"dtype": dtype}, said)
            return command(*args, said=of_text.also(**{**old, **_of(said, single)}), runs=axes, **kwargs)

        shown: Any = run
        for name in reversed([name for name in FIELDS if name in names]):
            shown = option(name, False, False)(shown) if name in single else _option(name)(shown)
        return OLD["dtype"](shown)  # type: ignore[no-any-return]

    return declared


def _of(said: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name in names}


def _values(name: str, given: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The alternatives. Names that are given one by one are one alternative, as in other commands."""
    if FIELDS[name].kind.several and len(given) > 1:
        if any(len(one) > 1 for one in given):
            field = FIELDS[name].option
            raise RequestError(
                f"{field} has a list and further values: write {field} {given[0][0]}{JOIN}{given[1][0]},..."
            )
        return (JOIN.join(one[0] for one in given),)
    return tuple(dict.fromkeys(value for one in given for value in one))


class _Values(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Comma-separated values of a field, including ranges of numbers."""

    name = "values"

    def __init__(self, field: Field[Any]) -> None:
        self.field = field

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The values as strings that the field can parse."""
        if isinstance(value, tuple):
            return value
        found = parse_values(str(value), self.field.option)
        for text in found:
            try:
                of_texts(((self.field.name, text),))
            except RequestError as error:
                raise click.BadParameter(str(error), ctx, param) from None
        return found


def _option(name: str) -> Callable[[Any], Any]:
    field = FIELDS[name]
    attributes: dict[str, Any] = {"type": _Values(field), "metavar": "VALUES", "multiple": True, "cls": options.Several}
    if name == "device":
        attributes |= {"shell_complete": options.devices, "may_be_file": options.is_device_file}
    joined = f" {JOIN} joins names." if field.kind.several else ""
    help = f"{field.help}{joined}  [default: {field.default}]"
    return (click.option if field.alone else options.look)(field.option, name, help=help, **attributes)
