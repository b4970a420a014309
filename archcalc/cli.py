"""The command line: each command's module is imported only when it is named."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from importlib import import_module

import click

from archcalc import __version__
from archcalc.advice import suggest
from archcalc.commands import options
from archcalc.commands.helping import Context
from archcalc.diagnostics import RequestError
from archcalc.quoting import visible
from archcalc.terminal import complain, prepare

COMMANDS = {
    "shapes": "Show what comes out of every layer, and what it costs.",
    "explain": "Derive the numbers of a layer, a block or a network.",
    "watch": "Show the table of a spec, updated whenever the file is saved.",
    "lint": "Find errors and waste in networks, and fix them.",
    "diff": "Show what changed between two networks, and what it costs.",
    "specs": "List the specs that come with archcalc.",
    "import": "Write the spec of a model from another file format or from Python.",
    "weights": "Show the contents of a weight file, from its header alone.",
    "build": "Write a network as PyTorch source.",
    "verify": "Compare the numbers with PyTorch's.",
    "profile": "Measure time and memory on this machine.",
    "predict": "Predict how long a network takes on a device.",
    "serve": "Predict what a serving engine reserves, and how many requests fit.",
    "devices": "List the known devices.",
    "calibrate": "Measure this machine for predict.",
    "memory": "Predict the memory of inference, training and generation.",
    "sweep": "Compute a network at many settings: tables, plots, the Pareto front.",
    "fit": "Find the largest width, depth, batch, ... within limits.",
    "layers": "List the layers of the language.",
    "layer": "Describe one layer: keys, shapes, formulas.",
    "rule": "Describe a rule of the linter, or list all.",
    "schema": "Print the JSON Schema of a spec, for editors.",
}


class Commands(click.Group):
    """Commands that are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, or None."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"archcalc.commands.{name}").command
        command.context_class = Context
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a name that does not exist."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = suggest(name, list(COMMANDS))
            ctx.fail(f"no command is named `{name}`" + (f": did you mean `{near}`?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help page without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"archcalc {__version__}")
        context.exit()


# Not click's own: it looks for a translation of its text, which takes a millisecond.
@click.group(
    cls=Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ARCHCALC"},
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and exit."
)
@options.help
@click.pass_context
def group(ctx: click.Context) -> None:
    """Calculate and check neural-network architectures, without PyTorch.

    A spec is a small YAML file; `archcalc layers` lists what it can contain.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), file=sys.stderr)
        ctx.exit(2)
    from archcalc.configuration import defaults

    ctx.default_map = defaults(COMMANDS, ctx.invoked_subcommand)


def _choice_meant(error: click.UsageError) -> str:
    """Which of an option's choices a word was probably meant to be, as the end of the message; empty if none is close."""
    kind = getattr(getattr(error, "param", None), "type", None)
    wrong = re.search(r"'([^']*)' is not one of", error.message) if isinstance(kind, click.Choice) else None
    if wrong is None or not isinstance(kind, click.Choice):
        return ""
    near = suggest(wrong[1], [str(one) for one in kind.choices])
    return f": did you mean `{near}`?" if near else ""


def _refusal(error: click.UsageError) -> str:
    """What is wrong with the command line, where that comes from if elsewhere, and where to get help."""
    if isinstance(error, click.NoSuchOption):
        from archcalc.commands.misspelt import about

        commands = {name: group.get_command(click.Context(group), name) for name in COMMANDS}
        said = about(error, {name: command for name, command in commands.items() if command is not None})
    else:
        message = error.format_message().rstrip(".")
        said = message[:1].lower() + message[1:]
        if error.ctx is not None and error.ctx.info_name == "layers" and "extra argument" in said:
            said += ": `archcalc layer NAME` describes one"
        said += _choice_meant(error)
    context, parameter = error.ctx, getattr(error, "param", None)
    if context is None:
        return said
    if parameter is not None:
        source = context.get_parameter_source(parameter.name)
        if source is click.core.ParameterSource.DEFAULT_MAP:
            from archcalc.configuration import settings_file

            said += f" (in {visible(settings_file())})"
        elif source is click.core.ParameterSource.ENVIRONMENT:
            said += f" (in {context.auto_envvar_prefix}_{parameter.name.upper()})"
    return f"{said}\nTry `{context.command_path} --help`."


# The system's errors when a resource has run out.
_FEW = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


def _ended_by(error: OSError) -> int:
    """The exit status after a system error, which is reported: a resource has run out, or the output was closed."""
    reason = (error.strerror or str(error)).lower()
    if error.filename is not None:
        complain(f"archcalc: cannot open {error.filename!r}: {reason}")
        return 2
    if error.errno in _FEW:
        complain(f"archcalc: the system is out of resources: {reason}")
        return 2
    ends = error.errno in (errno.EPIPE, errno.EINVAL)  # the reader closed the pipe: it has what it wanted
    if not ends:
        complain(f"archcalc: cannot write the output: {reason}")
    with suppress(OSError):  # nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if ends else 2


def main() -> None:
    """Run the program. Exit status: 0 clean, 1 findings, 2 could not run."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whatever started the program
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        prepare(getattr(sys, name))
    try:
        if any(":" in word for word in sys.argv[1:]):
            from archcalc.hub import allow as allow_hub
            from archcalc.pytorch.capture.named import allow

            allow_hub(sys.argv[1:])
            allow(sys.argv[1:])  # only these words: no spec, setting or file may name a module
        status = group.main(prog_name="archcalc", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        status = 130
    except click.UsageError as error:
        complain(f"archcalc: {_refusal(error)}")
        status = 2
    except RequestError as error:  # from the settings file, before a command runs
        complain(f"archcalc: {visible(str(error))}")
        status = 2
    except OSError as error:
        status = _ended_by(error)
    except ImportError as error:  # an installed library that cannot be loaded: memory or descriptors have run out
        if (error.name or "archcalc").startswith("archcalc"):
            raise
        complain(f"archcalc: cannot load {error.name}: {visible(str(error))}")
        status = 2
    sys.exit(status if isinstance(status, int) else 0)
