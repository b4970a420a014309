"""`archcalc specs`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from archcalc import shipped
from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.reports.specs.report import Report, Shipped


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in shipped.names() if name.startswith(incomplete)]


@click.command(name="specs")
@click.argument("word", required=False, shell_complete=_names)
@options.form("specs")
@options.color
@options.help
@options.guarded
def command(word: str | None, format: str, color: str) -> int:
    """List the specs that ship with archcalc, with their parameters and sources.

    With WORD, list only specs whose name or description contains it.
    """
    found = [name for name in shipped.names() if word is None or word.lower() in name or _says(name, word)]
    if not found:
        near = shipped.nearest(word or "")
        hint = f"did you mean `{near}`?" if near else "`archcalc specs` lists all"
        raise RequestError(
            f"no spec has {word!r} in its name or description: {hint}" if word else "this installation has no specs"
        )
    emit("specs", format, Report(_read(found)), color)
    return 0


def _read(names: list[str]) -> Iterator[Shipped]:
    for name in names:
        path = shipped.path_of(name)
        assert path is not None
        yield Shipped(name, Costs(load_graph(path)))


def _says(name: str, word: str) -> bool:
    """Whether the first lines of a spec contain a word."""
    path = shipped.path_of(name)
    assert path is not None
    with open(path, encoding="utf-8") as file:
        said = " ".join(shipped.about(file.read()))
    return re.search(rf"\b{re.escape(word)}\b", said, re.IGNORECASE) is not None
