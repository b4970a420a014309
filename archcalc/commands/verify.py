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


@click.command(name="verify")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@options.freeze
@options.batch
@options.form("verification")
@options.color
@options.guarded
def command(
    specs: tuple[str, ...], set: tuple[str, ...], freeze: tuple[str, ...], batch: int, format: str, color: str
) -> int:
    """Build each network on PyTorch's meta device and compare: shapes, parameters, buffers, FLOPs."""
    require("verify")
    values = options.parse_settings(set)
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


def _verified(graph: Graph) -> Verified:
    from archcalc.pytorch.names import BuildError
    from archcalc.pytorch.peer import torchinfo_totals
    from archcalc.pytorch.verify import verify

    try:
        result = verify(graph)
    except BuildError as error:
        raise RequestError(f"{graph.path}: {error}") from None
    return Verified(graph.model, graph.path, result, None if result.differences else torchinfo_totals(graph))
