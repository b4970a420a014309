"""`archcalc verify SPEC...`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.commands.reading import Reading
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph, load_graph
from archcalc.pytorch.needs import require
from archcalc.reports.verification.report import Report, Verified
from archcalc.terminal import write


@click.command(name="verify")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@options.freeze
@options.batch
@click.option(
    "--against",
    metavar="MODULE",
    help="Compare with a PyTorch module, which is run: pkg.module:Net, net.py:Net, timm:NAME.",
)
@options.form("verification")
@options.color
@options.guarded
def command(
    specs: tuple[str, ...],
    set: tuple[str, ...],
    freeze: tuple[str, ...],
    batch: int,
    against: str | None,
    format: str,
    color: str,
) -> int:
    """Build each network on PyTorch's meta device and compare shapes, parameters, buffers and FLOPs.

    With --against, compare parameters, MACs and outputs with those of a module.
    """
    require("verify")
    values = options.parse_settings(set)
    if against is not None:
        return _against(specs, values, against)
    reading = Reading(color)

    def verified(spec: str) -> Iterator[Verified]:
        one = _verified(load_graph(spec, values, batch, freeze))
        if one.result.differences:
            reading.status = max(reading.status, 1)
        yield one

    networks = reading.each(specs, verified)
    if networks is not None:
        emit("verification", format, Report(networks, len(specs) > 1), color)
    return reading.status


def _against(specs: tuple[str, ...], values: dict[str, str], module: str) -> int:
    """Compare each spec with a module called with inputs of its sizes; 1 if they differ."""
    from archcalc.pytorch.capture.against import compared
    from archcalc.pytorch.capture.named import recognises

    if not recognises(module):
        raise RequestError(f"--against takes a module, e.g. pkg.module:Net, net.py:Net or timm:NAME, not {module!r}")
    status = 0
    for spec in specs:
        comparison = compared(load_graph(spec, values, 1), module)
        write("".join(f"{line}\n" for line in comparison.lines(f"{spec} and {module}")))
        status = max(status, 0 if comparison.equal else 1)
    return status


def _verified(graph: Graph) -> Verified:
    from archcalc.pytorch.names import BuildError
    from archcalc.pytorch.peer import torchinfo_totals
    from archcalc.pytorch.verify import verify

    try:
        result = verify(graph)
    except BuildError as error:
        raise RequestError(f"{graph.path}: {error}") from None
    return Verified(graph.model, graph.path, result, None if result.differences else torchinfo_totals(graph))
