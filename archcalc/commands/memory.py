"""`archcalc memory SPEC...`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.commands.reading import Reading
from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.language.document import parse_amount
from archcalc.memory.assessment import Question, assess
from archcalc.memory.footprint import GENERATION, MODES
from archcalc.memory.plan import ATTENTION, OPTIMIZERS, WIDTHS, Plan
from archcalc.network.load import load_graph, split_variant
from archcalc.output import write_file
from archcalc.reports.memory.report import Report
from archcalc.terminal import text_width, write


def _definitions(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from archcalc.reports.memory.definitions import text

        write(text(text_width()))
        context.exit()


@click.command(name="memory")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.look("--mode", type=click.Choice(MODES), help="Only this; default: all that apply.")
@options.settings
@options.freeze
@options.batch
@options.look("--dtype", type=click.Choice(tuple(WIDTHS)), help="Type of weights and activations.  [default: fp32]")
@options.look("--mixed", is_flag=True, help="Weights of 16 bits, with an fp32 copy and states for the optimizer.")
@options.look("--optimizer", type=click.Choice(tuple(OPTIMIZERS)), default="adam", show_default=True,
              help="Optimizer of the training step.")  # fmt: skip
@options.look("--checkpoint", metavar="BLOCK", cls=options.Several, multiple=True,
              help="A block or group that keeps its input alone and runs again in backward; may be given several times.")  # fmt: skip
@options.look("--attention", type=click.Choice(ATTENTION), help="Kernel of attention; default: what PyTorch picks.")
@options.look("--length", type=options.Whole(1, 2**40), help="Generation: positions that are there, prompt included.")
@options.look(
    "--cache-dtype", type=click.Choice(("fp32", "bf16", "fp16", "int8")), help="Generation: type of the cache."
)
@options.look(
    "--device",
    shell_complete=options.devices,
    may_be_file=options.is_device_file,
    metavar="NAME|FILE",
    help="What it is to run on, as h100: three numbers, and what fits.",
)
@options.look("--room", metavar="BYTES", help="What it is to fit, as 24GB, instead of a device.")
@options.look(
    "--fit",
    cls=options.Several,
    metavar="NAME",
    multiple=True,
    help="The largest batch or dim that fits; default: all of them.",
)
@options.look("-n", "--number", type=options.Whole(0), default=5, show_default=True, help="Layers listed.")
@click.option("--definitions", is_flag=True, is_eager=True, expose_value=False, callback=_definitions,
              help="What every number means and how sure it is, and exit.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the drawing over time as SVG.")
@options.form("memory")
@options.color
@options.guarded
def command(
    specs: tuple[str, ...],
    mode: str | None,
    set: tuple[str, ...],
    freeze: tuple[str, ...],
    batch: int,
    dtype: str | None,
    mixed: bool,
    optimizer: str,
    checkpoint: tuple[str, ...],
    attention: str | None,
    length: int | None,
    cache_dtype: str | None,
    device: str | None,
    room: str | None,
    fit: tuple[str, ...],
    number: int,
    output: str | None,
    format: str,
    color: str,
) -> int:
    """Predict the memory of inference, training and generation, without running.

    SPEC is a file, `file.yaml@variant` or `-`. Several specs give one row each.
    """
    if mixed and dtype not in (None, "bf16", "fp16"):
        raise RequestError(f"--mixed has weights of 16 bits: give --dtype bf16 or fp16, not {dtype}")
    if output is not None and len(specs) > 1:
        raise RequestError("-o draws one network: name one spec")
    if output is not None and not output.lower().endswith(".svg"):
        raise RequestError(f"-o {output}: the drawing is SVG: give a name that ends in .svg")
    for option, given in (("--length", length), ("--cache-dtype", cache_dtype)):
        if given is not None and mode not in (None, GENERATION):
            raise RequestError(f"{option} is about generation, --mode {mode} asks for something else: leave one out")
    plan = Plan(
        dtype=dtype or ("bf16" if mixed else "fp32"), optimizer=optimizer, mixed=mixed, checkpoint=checkpoint,
        attention=attention,
    )  # fmt: skip
    question = Question(plan, mode, length, cache_dtype, find(device) if device else None, _bytes(room), fit)
    values = options.parse_settings(set)
    reading = Reading(color)
    # Assessed as they are printed: of many, one is held at a time.
    answers = reading.each(specs, lambda spec: [assess(load_graph(spec, values, batch, freeze), question)])
    if answers is None:
        return reading.status
    if output is not None:
        from archcalc.reports.memory import svg

        (only,) = answers
        write_file(output, svg.network(only), inputs=[split_variant(spec)[0] for spec in specs])
        answers = iter([only])
    emit("memory", format, Report(answers, len(specs) > 1, number), color)
    return reading.status


def _bytes(room: str | None) -> int | None:
    found = parse_amount(room.strip()) if room is not None else None
    if room is not None and not found:
        raise RequestError(f"--room takes bytes, as 24GB or 80GiB, not {room!r}")
    return found
