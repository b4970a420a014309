"""`archcalc build SPEC -o model.py`."""

from __future__ import annotations

import os

import click

from archcalc.commands import options
from archcalc.diagnostics import RequestError
from archcalc.network.bounds import check_copies
from archcalc.network.load import load_graph
from archcalc.network.parameters import named_parameters
from archcalc.output import write_file
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from archcalc.reports.numbers import shape
from archcalc.terminal import write


@click.command(name="build")
@click.argument("spec", metavar="SPEC", shell_complete=options.files)
@click.option("-o", "--output", metavar="FILE", help="File to write; default: standard output.")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@options.settings
@options.freeze
@options.look(
    "--format",
    "format",
    type=click.Choice(("source", "state-dict")),
    default="source",
    show_default=True,
    help="The module's source, or the names and shapes of its parameters.",
)
@options.color
@options.guarded
def command(
    spec: str, output: str | None, force: bool, set: tuple[str, ...], freeze: tuple[str, ...], format: str, color: str
) -> int:
    """Write a network as PyTorch source that needs nothing but PyTorch."""
    graph = load_graph(spec, options.parse_settings(set), freeze=freeze)
    if format == "state-dict":
        check_copies(graph, "--format state-dict")
        text = "".join(f"{name}  {shape(sizes)}\n" for name, sizes in named_parameters(graph.nodes))
    else:
        try:
            text = module_source(graph)
        except BuildError as error:
            raise RequestError(f"{graph.path}: {error}") from None
    if output is None:
        write(text)
        return 0
    if os.path.exists(output) and not force:
        raise RequestError(f"{output!r} exists; --force overwrites it")
    write_file(output, text, inputs=[graph.path])
    return 0
