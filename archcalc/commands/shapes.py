"""`archcalc shapes SPEC...`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.commands.progress import watched
from archcalc.commands.reading import Reading
from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.diagnostics import RequestError
from archcalc.expectations import unmet
from archcalc.network.bounds import check_copies
from archcalc.network.freezing import idle
from archcalc.network.load import load_graph
from archcalc.network.misread import misread
from archcalc.network.unused import unused
from archcalc.peers import NAMES
from archcalc.records import NamedTuple
from archcalc.reports.rows import SORT_KEYS
from archcalc.reports.shapes.columns import NAMES as COLUMNS
from archcalc.reports.shapes.columns import parsed
from archcalc.reports.shapes.report import Report

# From this many specs on, show a progress bar.
_MANY = 200


class _Asked(NamedTuple):
    """The options of `archcalc shapes`."""

    specs: tuple[str, ...]
    set: tuple[str, ...]
    freeze: tuple[str, ...]
    batch: int
    depth: int
    expand: bool
    sort: str | None
    number: int | None
    columns: str | None
    formulas: bool
    causal: str
    like: str | None
    dtype: str
    symbolic: tuple[str, ...] | None
    format: str
    color: str


@click.command(name="shapes")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@options.freeze
@options.batch
@options.look("--depth", type=options.Whole(1), default=1, show_default=True, help="Levels of blocks to open.")
@options.look("--expand", is_flag=True, help="Open every block, and show each copy of a repeat.")
@options.look(
    "--sort", type=click.Choice(SORT_KEYS), help="List layers without nesting, largest by this measure first."
)
@options.look(
    "-n",
    "--number",
    type=options.Whole(1),
    help="Show only this many of the largest layers, and the rest in one row.",
)
@options.look("--columns", metavar="NAMES", help=f"Columns of the table: {', '.join(COLUMNS)}.")
@options.look("--formulas", is_flag=True, help="Show the formula of each parameter count.")
@options.look("--causal", type=click.Choice(("dense", "half")), default="dense", show_default=True,
              help="Count all scores of causal attention, or only the unmasked half.")  # fmt: skip
@options.look("--like", type=click.Choice(NAMES), help="Compare with this tool's counts, and explain the differences.")
@options.look(
    "--dtype", type=click.Choice(tuple(DTYPE_BYTES)), default="fp32", show_default=True, help="Type of the activations."
)
@options.symbolic
@options.form("shapes")
@options.color
@options.help
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Show the output shape, parameters, operations and bytes of every layer.

    SPEC is a file, `file.yaml@variant` or `-`. Several specs get one row each.
    """
    values = options.parse_settings(asked.set)
    chosen = () if asked.columns is None else parsed(asked.columns)
    if chosen and (len(asked.specs) > 1 or asked.format in ("json", "csv") or asked.like or asked.symbolic):
        raise RequestError(
            "--columns applies to a single network, as text, markdown or latex; json and csv have all columns"
        )
    if asked.like:
        from archcalc.commands.shapes_like import print_comparison, refuse

        refuse(
            {
                "--sort": bool(asked.sort),
                "--number": bool(asked.number),
                "--formulas": asked.formulas,
                "--causal": asked.causal != "dense",
                "--dtype": asked.dtype != "fp32",
                "--symbolic": bool(asked.symbolic),
            }
        )
    if asked.symbolic:
        if len(asked.specs) > 1 or asked.expand or asked.formulas or asked.freeze:
            raise RequestError("--symbolic takes one spec and cannot be combined with --expand, --formulas or --freeze")
        from archcalc.commands.shapes_symbolic import print_formulas

        costs_of = (values, asked.batch, asked.causal == "half", asked.dtype)
        return print_formulas(
            asked.specs[0], asked.symbolic, costs_of, asked.depth, asked.sort, asked.number, asked.format, asked.color
        )
    reading = Reading(asked.color)

    def read(spec: str) -> Iterator[Costs]:
        costs = Costs(load_graph(spec, values, asked.batch, asked.freeze), asked.causal == "half", asked.dtype)
        if asked.expand:
            check_copies(costs.graph, "--expand")
        for diagnostic in (*unmet(costs), *unused(costs.graph), *idle(costs.graph), *misread(costs.graph)):
            options.report([diagnostic], asked.color)
        yield costs

    # Read one at a time, as they are printed.
    networks = reading.each(watched(asked.specs, len(asked.specs), "reading", _MANY), read)
    if networks is None:
        return reading.status
    several = len(asked.specs) > 1
    if asked.like:
        print_comparison(
            [costs.graph for costs in networks],
            asked.like,
            several,
            asked.depth,
            asked.expand,
            asked.format,
            asked.color,
        )
    else:
        emit(
            "shapes",
            asked.format,
            Report(networks, several, asked.depth, asked.expand, asked.sort, asked.number, asked.formulas, chosen),
            asked.color,
        )
    return reading.status
