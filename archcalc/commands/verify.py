"""`archcalc verify SPEC...`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import Graph, load_graph
from archcalc.pytorch.needs import require
from archcalc.quoting import visible
from archcalc.terminal import complain, write

_MOST = 20


@click.command(name="verify")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@options.freeze
@options.batch
@options.color
@options.guarded
def command(specs: tuple[str, ...], set: tuple[str, ...], freeze: tuple[str, ...], batch: int, color: str) -> int:
    """Build each network on PyTorch's meta device and compare: shapes, parameters, buffers, FLOPs."""
    require("verify")
    values = options.parse_settings(set)
    status = 0
    for spec in specs:
        try:
            same = _one(load_graph(spec, values, batch, freeze))
            status = max(status, 0 if same else 1)
        except SpecError as error:
            options.report(error.diagnostics, color)
            status = max(status, 1)
        except RequestError as error:
            complain(f"archcalc: {visible(str(error))}", color)
            status = 2
    return status


def _one(graph: Graph) -> bool:
    from archcalc.pytorch.names import BuildError
    from archcalc.pytorch.peer import torchinfo_totals
    from archcalc.pytorch.verify import verify

    try:
        result = verify(graph)
    except BuildError as error:
        raise RequestError(f"{graph.path}: {error}") from None
    if not result.differences:
        peer = torchinfo_totals(graph)
        write(
            f"{graph.model}: {result.layers:,} layers, {result.parameters:,} named parameters "
            f"({result.params:,}), {result.flops:,} forward and {result.backward_flops:,} backward FLOPs equal PyTorch's\n"
        )
        if result.declared:
            one = result.declared == 1
            which = "1 opaque layer is" if one else f"{result.declared:,} opaque layers are"
            write(f"  but {which} not compared: what {'it costs' if one else 'they cost'} is declared\n")
        if peer is not None and peer.reasons:
            counts = f"{peer.params:,} parameters and {peer.mult_adds:,} mult-adds"
            write(f"  torchinfo says {counts}: {'; '.join(peer.reasons)}\n")
        return True
    count = len(result.differences)
    write(f"{graph.model}: {count} {'difference' if count == 1 else 'differences'}\n")
    for difference in result.differences[:_MOST]:
        write(f"  {difference}\n")
    if len(result.differences) > _MOST:
        write(f"  and {len(result.differences) - _MOST} more\n")
    return False
