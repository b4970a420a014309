"""Help for an unknown option: similar options, or other commands that have it."""

from __future__ import annotations

from collections.abc import Mapping

import click

from archcalc.advice import nearest
from archcalc.quoting import visible


def about(error: click.NoSuchOption, commands: Mapping[str, click.Command]) -> str:
    """The message for an unknown option: other commands that have it, or similar options; deprecated ones are not shown."""
    name = error.option_name
    said = f"no such option {visible(repr(name))}"
    here = _options(error.ctx.command) if error.ctx is not None else []
    others = [one for one, command in commands.items() if name in _options(command)]
    if others:
        *several, last = others
        return f"{said}: {', '.join(several)} and {last} have it" if several else f"{said}: `{last}` has it"
    instead = next((told for command in commands.values() if (told := _deprecated(command, name, here))), None)
    if instead:
        return f"{said}: {instead}"
    word = name.lstrip("-")
    if error.ctx is not None and (chosen := _choosing(error.ctx.command, word)):
        return f"{said}: use {chosen} {word}"
    near = nearest(word, [option.lstrip("-") for option in here])
    near = near or [option.lstrip("-") for option in here if word.startswith(option.lstrip("-"))]
    return f"{said}: did you mean {' or '.join(f'`--{option}`' for option in near[:3])}?" if near else said


def _deprecated(command: click.Command, name: str, here: list[str]) -> str | None:
    """The replacement that a deprecated option of another command names, if this command has it."""
    for option in command.params:
        if isinstance(option, click.Option) and option.hidden and name in option.opts:
            instead = (option.help or "").partition(": ")[2].rstrip(".")
            return instead if all(word in here for word in instead.split() if word.startswith("--")) else None
    return None


def _choosing(command: click.Command, word: str) -> str | None:
    """The option of which `word` is a value: `--mode` for `train`."""
    found = (one for one in command.params if isinstance(one, click.Option) and not one.hidden)
    return next((one.opts[0] for one in found if word in getattr(one.type, "choices", ())), None)


def _options(command: click.Command) -> list[str]:
    """The long names of the options in the help."""
    return [
        name
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    ]
