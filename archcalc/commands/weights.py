"""`archcalc weights FILE`."""

from __future__ import annotations

import click

from archcalc import hub
from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.reports.weights.report import Report
from archcalc.terminal import complain
from archcalc.weights.files import tensors_of


@click.command(name="weights")
@click.argument("file", metavar="FILE", shell_complete=options.files)
@click.option("--against", metavar="SPEC", help="Compare the number of parameters with a spec or a config.json.")
@options.look(
    "--depth",
    type=options.Whole(1),
    default=2,
    show_default=True,
    help="Number of name components that identify a module.",
)
@options.form("weights")
@options.color
@options.help
@options.guarded
def command(file: str, against: str | None, depth: int, format: str, color: str) -> int:
    """Show the contents of a weight file from its header: types, modules, parameters, bytes.

    FILE is a .safetensors or .gguf file, a model.safetensors.index.json, a folder of these, or hf:ORG/NAME. No
    weights are read.
    """
    report = Report(file, hub.tensors(file) if hub.is_hub(file) else tensors_of(file), depth)
    emit("weights", format, report, color)
    return _compared(report.params, against, color) if against else 0


def _compared(found: int, against: str, color: str) -> int:
    """Report whether a spec has the same number of parameters; exit status 1 if not."""
    from archcalc.cost import Costs
    from archcalc.network.load import load_graph

    wanted = Costs(load_graph(against)).totals.params
    if wanted == found:
        complain(f"{against} has the same number of parameters", color)
        return 0
    more = "more" if found > wanted else "fewer"
    complain(f"{against} has {wanted:,} parameters: the file has {abs(found - wanted):,} {more}", color)
    return 1
