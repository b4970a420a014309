"""`archcalc shapes SPEC...`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain

import click

from archcalc.commands import options
from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.expectations import unmet
from archcalc.network.bounds import check_copies
from archcalc.network.freezing import idle
from archcalc.network.load import load_graph
from archcalc.network.misread import misread
from archcalc.network.unused import unused
from archcalc.peers import NAMES
from archcalc.quoting import visible
from archcalc.reports.rows import SORT_KEYS, Row, flat, largest, nested
from archcalc.terminal import complain, show, wants_color, write

# From this many specs on a run takes long enough for a progress bar.
_MANY = 200


@click.command(name="shapes")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@options.freeze
@options.batch
@options.look("--depth", type=options.Whole(1), default=1, show_default=True, help="Levels of blocks that are opened.")
@options.look("--expand", is_flag=True, help="Open every block, and show each copy of a repeat.")
@options.look("--sort", type=click.Choice(SORT_KEYS), help="Largest layers first, without nesting.")
@options.look("-n", "--number", type=options.Whole(1), help="Only so many layers, the largest; the rest in one row.")
@options.look("--formulas", is_flag=True, help="Show how each parameter count is made.")
@options.look("--causal", type=click.Choice(("dense", "half")), default="dense", show_default=True,
              help="Masked attention: count all scores, or only those a query may see.")  # fmt: skip
@options.look("--like", type=click.Choice(NAMES), help="Beside our counts those of this tool, and why they differ.")
@options.look(
    "--dtype", type=click.Choice(tuple(DTYPE_BYTES)), default="fp32", show_default=True, help="Type of the activations."
)
@options.symbolic
@options.look("--format", "format", type=click.Choice(("text", "json", "csv", "markdown")), default="text", show_default=True,
              help="Form of the output.")  # fmt: skip
@options.color
@options.help
@options.guarded
def command(
    specs: tuple[str, ...],
    set: tuple[str, ...],
    freeze: tuple[str, ...],
    batch: int,
    depth: int,
    expand: bool,
    sort: str | None,
    number: int | None,
    formulas: bool,
    causal: str,
    like: str | None,
    dtype: str,
    symbolic: tuple[str, ...] | None,
    format: str,
    color: str,
) -> int:
    """Show what comes out of every layer, its parameters, operations and bytes.

    SPEC is a file, `file.yaml@variant` or `-`. Several specs give one row each.
    """
    values = options.parse_settings(set)
    if like:
        from archcalc.commands.shapes_like import print_comparison, refuse

        refuse(
            {
                "--sort": bool(sort),
                "--number": bool(number),
                "--formulas": formulas,
                "--causal": causal != "dense",
                "--dtype": dtype != "fp32",
                "--symbolic": bool(symbolic),
            }
        )
    if symbolic:
        if len(specs) > 1 or expand or formulas or freeze:
            raise RequestError("--symbolic takes one spec, and goes without --expand, --formulas and --freeze")
        from archcalc.commands.shapes_symbolic import print_formulas

        costs_of = (values, batch, causal == "half", dtype)
        return print_formulas(specs[0], symbolic, costs_of, depth, sort, number, format, color)
    status = 0

    def read() -> Iterator[Costs]:
        nonlocal status
        for spec in _progress(specs):
            try:
                costs = Costs(load_graph(spec, values, batch, freeze), causal == "half", dtype)
                if expand:
                    check_copies(costs.graph, "--expand")
            except SpecError as error:
                options.report(error.diagnostics, color)
                status = max(status, 1)
            except RequestError as error:
                if len(specs) == 1:
                    raise
                complain(f"archcalc: {visible(str(error))}", color)
                status = 2
            else:
                for diagnostic in (*unmet(costs), *unused(costs.graph), *idle(costs.graph), *misread(costs.graph)):
                    options.report([diagnostic], color)
                yield costs

    def rows(costs: Costs) -> Iterable[Row]:
        if sort or number:
            return largest(costs, sort or "params", number, expand)
        if format in ("json", "csv"):
            return flat(costs, expand)
        return nested(costs, depth, expand)

    found = read()
    first = next(found, None)
    if first is None:
        return status
    networks = chain([first], found)  # read as they are printed: of many, one is held at a time
    several = len(specs) > 1
    if like:
        print_comparison([costs.graph for costs in networks], like, several, depth, expand, format, color)
        return status
    if format == "json":
        from archcalc.reports import json

        documents = [json.network(costs, rows(costs)) for costs in networks]
        write(json.dumps({"version": json.VERSION, "specs": documents} if several else documents[0]))
    elif format == "csv":
        from archcalc.reports import csv

        write(csv.networks((costs, rows(costs)) for costs in networks))
    elif format == "markdown":
        from archcalc.reports import markdown

        write(markdown.comparison(networks) if several else markdown.network(first, rows(first)))
    else:
        from archcalc.reports import text

        rule = sys.stdout.isatty() or wants_color(color, sys.stdout)
        table = text.comparison(networks, rule) if several else text.network(first, rows(first), formulas, rule)
        show(table, color)
    return status


def _progress(specs: tuple[str, ...]) -> Iterator[str]:
    """The specs, with a bar on stderr when there are many and a person watches."""
    if len(specs) < _MANY or not sys.stderr.isatty():
        yield from specs
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(specs, "reading", console=Console(stderr=True), transient=True)
