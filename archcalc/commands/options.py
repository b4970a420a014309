"""Options shared by several commands, and error handling for all of them."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archcalc.diagnostics import Diagnostic, RequestError, SpecError
from archcalc.quoting import visible
from archcalc.reports import forms
from archcalc.terminal import COLORS, complain, text_width

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_F = TypeVar("_F", bound=Callable[..., Any])
_Asked = TypeVar("_Asked")


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shell completion for files and shipped specs."""
    from click.shell_completion import CompletionItem

    from archcalc.shipped import names

    shipped = [CompletionItem(name) for name in names() if incomplete and name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *shipped]


def devices(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion for devices."""
    from archcalc.devices import names

    return [name for name in names() if name.startswith(incomplete)]


def look(*names: str, may_be_file: Callable[[str], bool] | None = None, **attributes: Any) -> Callable[[_F], _F]:
    """An option that settings files and the environment can set too.

    An option that decides what is written, overwritten, read or run must be a `click.option`, accepted only on the
    command line, because an untrusted repository can bring its own settings.

    Args:
        may_be_file: whether a value can be a file path, which must then be inside the settings file's folder.
    """
    option = click.option(*names, **attributes)

    def declared(command: _F) -> _F:
        command = option(command)
        command.__click_params__[-1].may_be_file = may_be_file  # type: ignore[attr-defined]
        return command

    return declared


def is_device_file(name: str) -> bool:
    """Whether a device is given by the path of its file."""
    from archcalc.devices import is_file

    return is_file(name)


def asked(kind: Callable[..., _Asked]) -> Callable[[Callable[[_Asked], int]], Callable[..., int]]:
    """Pass a command its options as one object."""

    def given(command: Callable[[_Asked], int]) -> Callable[..., int]:
        @functools.wraps(command)
        def run(*context: Any, **options: Any) -> int:
            return command(kind(*context, **options))

        return run

    return given


class Several(click.Option):
    """A repeatable option; a settings file may give a single value as a string instead of a list."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """The values as a tuple."""
        return super().type_cast_value(ctx, (value,) if isinstance(value, str) else value)


class Whole(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """An integer within bounds; other numbers are rejected, not rounded."""

    name = "number"

    def __init__(self, least: int = 0, most: int = 2**40) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            number = int(str(value))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a whole number", ctx, param) from None
        if number < self.least:
            raise click.BadParameter(f"{number} is too small: the minimum is {self.least}", ctx, param)
        if number > self.most:
            raise click.BadParameter(f"{number} is too large: the maximum is {self.most}", ctx, param)
        return number


class Form(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """A report format; one that the report does not have is rejected with the reason."""

    def __init__(self, report: str) -> None:
        self.report = report
        super().__init__(forms.forms(report))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name of the form."""
        if value not in self.choices and (reason := forms.without(self.report).get(value)):
            raise click.BadParameter(f"there is no {value}: {reason}", ctx, param)
        return super().convert(value, param, ctx)


def form(report: str) -> Callable[[_F], _F]:
    """`--format`, with the formats in the report's folder; the first is the default."""
    kind = Form(report)
    return look("--format", "format", type=kind, default=kind.choices[0], show_default=True, help="Output format.")


color = look("--color", type=click.Choice(COLORS), default="auto", help="Colour the output.")


def _help(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(context.get_help(), file=sys.stdout, color=context.color)
        context.exit()


# click's own looks up a translation, which takes a millisecond.
help = click.option(
    "-h", "--help", is_flag=True, expose_value=False, is_eager=True, callback=_help, help="Show this message and exit."
)
batch = look("--batch", type=Whole(1, 2**40 - 1), default=1, show_default=True, help="Batch size.")
settings = look(
    "--set",
    "set",
    cls=Several,
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an hparam or a dim. Repeatable.",
)
freeze = look(
    "--freeze",
    cls=Several,
    multiple=True,
    metavar="PATTERN",
    help="Freeze a layer or group, by name or id; `*` matches any text. Repeatable.",
)


class Names(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Comma-separated names."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names, at least one."""
        names = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else tuple(value)
        if not names or not all(names):
            raise click.BadParameter(f"{value!r} is not a list of names: write seq,batch", ctx, param)
        return names


symbolic = look(
    "--symbolic",
    type=Names(),
    is_flag=False,
    flag_value="*",
    metavar="[NAMES]",
    help="Print formulas in these hparams, dims and `batch`, e.g. seq,batch; without NAMES, in the batch and all dims.",
)


def needs_sympy() -> None:
    """Raises `RequestError` when sympy is not installed."""
    import importlib.util

    if importlib.util.find_spec("sympy") is None:
        raise RequestError("--symbolic needs sympy: pip install 'archcalc[symbolic]'")


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration, written as `60s`, `2m`, `500ms` or a plain number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds, above 0."""
        text = str(value).strip()
        for unit, scale in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("", 1.0)):
            if text.endswith(unit):
                with contextlib.suppress(ValueError):
                    seconds = float(text[: len(text) - len(unit)]) * scale
                    if 0 < seconds < 1e6:
                        return seconds
        raise click.BadParameter(f"{value!r} is not a time: write 60s or 2m", ctx, param)


def parse_settings(given: tuple[str, ...]) -> dict[str, str]:
    """`width=128` as a mapping. Raises `RequestError` for anything else."""
    values = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise RequestError(f"--set takes NAME=VALUE, e.g. --set width=128, not {entry!r}")
        values[name.strip()] = value.strip()
    return values


def report(diagnostics: list[Diagnostic], color: str) -> None:
    """Print findings to stderr."""
    from archcalc.reports.diagnostics import render

    complain(render(diagnostics, width=text_width()), color)


def guarded(command: _F) -> _F:
    """Run a command; an invalid spec is exit status 1, anything that could not run is 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except SpecError as error:
            report(error.diagnostics, kwargs.get("color", "auto"))
            return 1
        except RequestError as error:
            complain(f"archcalc: {visible(str(error))}", kwargs.get("color", "auto"))
            return 2
        except BrokenPipeError:  # before click treats it as an error
            return 0  # the reader closed the pipe

    return run  # type: ignore[return-value]
