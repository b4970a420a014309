"""`archcalc build SPEC -o model.py`."""

from __future__ import annotations

import os

import click

from archcalc.commands import options
from archcalc.commands.printing import emit, text_of
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.output import write_file
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from archcalc.reports.module.report import Report


@click.command(name="build")
@click.argument("spec", metavar="SPEC", shell_complete=options.files)
@click.option("-o", "--output", metavar="FILE", help="File to write; default: standard output.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@options.settings
@options.freeze
@options.form("module")
@options.color
@options.guarded
def command(
    spec: str, output: str | None, force: bool, set: tuple[str, ...], freeze: tuple[str, ...], format: str, color: str
) -> int:
    """Write a network as PyTorch source that depends only on PyTorch."""
    graph = load_graph(spec, options.parse_settings(set), freeze=freeze)
    report = Report(graph, module_source)
    try:
        if output is None:
            emit("module", format, report)
            return 0
        text = text_of("module", format, report)
    except BuildError as error:
        raise RequestError(f"{graph.path}: {error}") from None
    if os.path.exists(output) and not force:
        raise RequestError(f"{output!r} exists: use --force to overwrite it")
    write_file(output, text, inputs=[graph.path])
    return 0
