"""The options for how a network is run, made from the declaration; a command gets the given ones as `said`.

Deprecated options are hidden in the help; using one prints a message with its replacement.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import click

from archcalc.advice import suggest
from archcalc.commands import options
from archcalc.running import FIELDS, Running
from archcalc.running import old as old_words
from archcalc.running.kinds import Names, Whole, Words
from archcalc.running.refusals import check_said
from archcalc.terminal import complain

_F = TypeVar("_F", bound=Callable[..., Any])

# The run fields of a command that computes memory or time.
ALL = tuple(FIELDS)


def asked(
    names: Collection[str] = ALL, old: Sequence[str] = (), required: Collection[str] = (), several: Collection[str] = ()
) -> Callable[[_F], _F]:
    """Options for run fields, in the order of the declaration.

    Args:
        names: the fields.
        old: renamed options: `dtype`, `mixed`, `generate`, `cache_dtype`.
        required: fields that must be given.
        several: repeatable fields; the command gets their values by name.
    """

    def declared(command: _F) -> _F:
        @functools.wraps(command)
        def run(*args: Any, **kwargs: Any) -> Any:
            taken = {name: kwargs.pop(name) for name in names if name not in several}
            renamed = {name: kwargs.pop(name, None) for name in old}
            said = {name: given for name, given in taken.items() if given}
            run_as = Running(**{**of_old(renamed, said), **said})
            check_said(run_as)
            return command(*args, said=run_as, **kwargs)

        shown: Any = run
        for name in reversed([name for name in FIELDS if name in names]):
            shown = option(name, name in required, name in several)(shown)
        for name in old:
            shown = OLD[name](shown)
        return shown  # type: ignore[no-any-return]

    return declared


def of_old(given: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """The fields set by deprecated options and `mode` values, each with a message."""
    found: dict[str, Any] = {}
    dtype = given.get("dtype")
    entries = [(name, value) for name, value in given.items() if value and (name, bool(given.get("mixed"))) != ("dtype", True)]  # fmt: skip
    if "mode" in said and old_words.is_old_mode(said["mode"]):
        entries.append(("mode", said.pop("mode")))
    for name, value in entries:
        new, sentence = old_words.renamed(name, (dtype or "bf16") if name == "mixed" else value)
        complain(f"archcalc: {sentence}")
        found |= new
    return found


# Types and modes by their names in PyTorch.
_IN_PYTORCH = {
    **dict.fromkeys(("float16", "half"), "fp16"),
    **dict.fromkeys(("float32", "float"), "fp32"),
    **dict.fromkeys(("float64", "double"), "fp64"),
    **dict.fromkeys(("bfloat16", "bfloat"), "bf16"),
    **dict.fromkeys(("eval", "infer", "forward"), "inference"),
}


class _Word(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """A choice, with deprecated values that the help does not show."""

    def __init__(self, words: Sequence[str], old: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.old = old

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word."""
        if value in self.choices or value in self.old:
            return str(value)
        begun = [one for one in self.choices if one.startswith(f"{value}-")]  # `autocast` has no type of its own
        word = str(value).lower().removeprefix("torch.")
        near = " or ".join(begun) or next((one for one in (word, _IN_PYTORCH.get(word)) if one in self.choices), None)
        near = near or suggest(str(value), list(self.choices))
        hint = f"did you mean {near}?" if near else f"expected one of {', '.join(self.choices)}"
        raise click.BadParameter(f"unknown value {value!r}: {hint}", ctx, param)


def option(name: str, required: bool, several: bool) -> Callable[[Any], Any]:
    """The option of a field, with its choices, help and default."""
    field = FIELDS[name]
    kind = field.kind
    attributes: dict[str, Any] = {}
    attributes["help"] = field.help + ("" if required else f"  [default: {field.default}]")
    if isinstance(kind, Words):
        old = tuple(word for word in old_words.MODES) if name == "mode" else ()
        attributes["type"] = _Word(kind.words, old)
    elif isinstance(kind, Whole):
        attributes |= {"type": options.Whole(kind.least, kind.most), "metavar": kind.metavar}
    else:
        attributes["metavar"] = kind.metavar
    if isinstance(kind, Names) or several:
        attributes |= {"multiple": True, "cls": options.Several, "required": required}
        attributes["help"] = field.help + " Repeatable."
    if name == "device":
        attributes |= {"shell_complete": options.devices, "may_be_file": options.is_device_file}
    return (click.option if field.alone else options.look)(field.option, name, **attributes)


_TYPES = ("fp64", "fp32", "tf32", "bf16", "fp16")
OLD = {
    "dtype": options.look("--dtype", help="Deprecated: use --precision.", hidden=True, type=click.Choice(_TYPES)),
    "mixed": options.look("--mixed", help="Deprecated: use --precision mixed-bf16.", hidden=True, is_flag=True),
    "generate": options.look(
        "--generate", help="Deprecated: use --mode generate --new-tokens.", hidden=True, type=options.Whole(1, 2**31)
    ),
    "cache_dtype": options.look(
        "--cache-dtype",
        help="Deprecated: use --cache.",
        hidden=True,
        type=click.Choice(("fp32", "bf16", "fp16", "int8")),
    ),
    "compile": click.option(
        "--compile", "compile", help="Deprecated: use --execution compiled.", hidden=True, is_flag=True
    ),
    "channels_last": options.look(
        "--channels-last", help="Deprecated: use --memory-format channels-last.", hidden=True, is_flag=True
    ),
}
