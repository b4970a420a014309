"""`archcalc import SOURCE -o net.yaml`."""

from __future__ import annotations

import os

import click

from archcalc.commands import options
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.expectations import written
from archcalc.network.load import build_graph
from archcalc.opening import read
from archcalc.output import write_file
from archcalc.terminal import write


@click.command(name="import")
@click.argument("source", metavar="SOURCE", shell_complete=options.files)
@click.option("-o", "--output", metavar="FILE", help="File to write; default: standard output.")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@options.color
@options.help
@options.guarded
def command(source: str, output: str | None, force: bool, color: str) -> int:
    """Write the spec of a model that is in a file of another kind.

    SOURCE is a config.json of Hugging Face, a model file of Ultralytics, or `-`. Every command that takes a spec takes it as well.
    """
    read_source = read(source)
    if not read_source.kind:
        raise RequestError(f"{source!r} is a spec already")
    costs = Costs(build_graph(read_source))
    text = read_source.text + written(costs)
    if output is None:
        write(text)
        return 0
    if os.path.exists(output) and not force:
        raise RequestError(f"{output!r} exists; --force overwrites it")
    write_file(output, text, inputs=[source])
    return 0
