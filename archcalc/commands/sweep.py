"""`archcalc sweep SPEC --set width=256..2048:256`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.commands.progress import watched
from archcalc.commands.swept import swept
from archcalc.devices import find
from archcalc.diagnostics import RequestError, cannot
from archcalc.network.load import split_variant
from archcalc.output import write_file
from archcalc.records import NamedTuple
from archcalc.reports.sweep.report import Report
from archcalc.running import Running
from archcalc.running.declaration import INFERENCE, TRAIN
from archcalc.running.defaults import settled
from archcalc.sweep.axis import Axis, parse_axes, parse_batches
from archcalc.sweep.evaluate import check_names, evaluate, usual_batch
from archcalc.sweep.grid import Point, grid, parse_part, read_grid, shard, size
from archcalc.sweep.measures import USUAL, check_axes, measures, usual
from archcalc.sweep.results import sides
from archcalc.terminal import write

# The measures decide the mode, and batches are an axis already.
_RUN = tuple(name for name in running.ALL if name not in ("mode", "batch"))
_MOST = 1_000_000
_MOST_BYTES = 128 * 2**20
# From this many points on, show a progress bar.
_MANY = 2000


class _Asked(NamedTuple):
    """The options of `archcalc sweep`."""

    specs: tuple[str, ...]
    set: tuple[str, ...]
    batch: str | None
    show: tuple[str, ...] | None
    plot: str | None
    front: bool
    output: str | None
    said: Running
    runs: Sequence[Axis]
    sort: str | None
    number: int | None
    grid: str | None
    list: bool
    shard: str | None
    jobs: int
    format: str
    color: str


def _no_mode(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Tell those who know --mode from other commands what to use here. Raises `UsageError`."""
    if value is not None:
        measure = {"generate": "generation_memory", "inference": "inference_memory"}.get(value, "memory")
        message = f"sweep has no --mode: its measures decide that; use --show, e.g. --show {measure}"
        raise click.UsageError(message, context)


@click.command(name="sweep")
@click.argument("specs", nargs=-1, metavar="[SPEC...]", shell_complete=options.files)
@options.look("--set", "set", cls=options.Several, metavar="NAME=VALUES", multiple=True,
              help="Values of an hparam or dim: 6,12,24 or 256..2048:256 or 1..64:*2; repeat it for all "
                   "combinations.")  # fmt: skip
@options.look("--batch", metavar="VALUES", help="Batch sizes, written the same way.  [default: the spec's, or 1]")
@options.look("--show", type=options.Names(), metavar="NAMES",
              help=f"Measures to compute: {','.join(USUAL)}; flops, other_flops, depth, memory, inference_memory, "
              "generation_memory; with a device time, step_time, generation_time, token_time.  "
              "[default: those that depend on what varies]")  # fmt: skip
@options.look("--plot", metavar="X,Y", help="Plot two of the set or shown values and mark the Pareto front: smaller "
                                            "costs, larger other values; -NAME or +NAME overrides this.")  # fmt: skip
@options.look("--front", is_flag=True, help="Show only the Pareto front of --plot.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the plot as SVG, PNG or PDF.")
@swept(_RUN)
@options.look("--sort", metavar="NAME", help="Sort rows by this measure, the smallest first.")
@options.look(
    "-n", "--number", type=options.Whole(0), help="Show only this many rows; 0 shows all.  [default: 60 in text]"
)
@click.option(
    "--grid", metavar="FILE", help="Read the points from FILE or -, one JSON object per line, as --list writes them."
)
@options.look(
    "--list", "list", is_flag=True, help="Write the points of the grid, one per line, without computing them."
)
@click.option("--shard", metavar="I/N", help="Compute only part I of N of the grid, so that a scheduler can split it.")
@options.look("--jobs", type=options.Whole(0), default=0, help="Number of processes; default: chosen automatically.")
@click.option("--mode", hidden=True, expose_value=False, callback=_no_mode)
@options.form("sweep")
@options.color
@options.help
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Compute a network at every combination of values.

    Impossible combinations stay in the table, with the reason. Exit with status 1 if none is possible.
    """
    _check(asked.said, asked.runs)
    has_device = bool(asked.said.device or any(axis.name == "device" for axis in asked.runs))
    points = _points(asked.specs, asked.set, asked.batch, asked.runs, asked.grid, asked.shard)
    if asked.list:
        for point in points:
            write(point.line + "\n")
        return 0
    names = [*dict.fromkeys(name for point in points for name, _ in (*point.settings, *point.run))]
    drawn = sides(asked.plot, names, has_device) if asked.plot else None
    if (asked.front or asked.output) and drawn is None:
        raise RequestError(f"{'--front' if asked.front else '-o'} needs --plot, e.g. --plot macs,params")
    if asked.output:
        from archcalc.reports.sweep import figure

        figure.check(asked.output)
    extra = [side.measure.name for side in drawn or () if side.measure] + ([asked.sort] if asked.sort else [])
    wanted = measures([*(asked.show or usual(asked.said, asked.runs, has_device)), *extra], has_device)
    check_axes(asked.runs, wanted)
    outcomes = watched(evaluate(points, wanted, asked.said, asked.jobs), len(points), "computing", _MANY)
    report = Report(outcomes, wanted, asked.said, drawn, asked.front, asked.sort, asked.number)
    if asked.output:
        inputs = [*(split_variant(spec)[0] for spec in asked.specs), asked.grid or ""]
        write_file(asked.output, figure.draw(report.results, asked.output), inputs=inputs)
    emit("sweep", asked.format, report, asked.color)
    return 0 if report.possible or not points else 1


def _check(said: Running, runs: Sequence[Axis]) -> None:
    """Raise `RequestError` for unknown devices, and for settings that are incompatible at every point."""
    for axis in runs:
        if axis.name == "device":
            for name in axis.values:
                find(name)
    for mode in (TRAIN, INFERENCE) if not runs else ():
        settled(said, mode)


def _points(
    specs: Sequence[str],
    set: Sequence[str],
    batch: str | None,
    runs: Sequence[Axis],
    path: str | None,
    part: str | None,
) -> Sequence[Point]:
    """The requested points; names from options are checked to exist."""
    axes = parse_axes(set)
    points: Sequence[Point]
    if path is not None:
        if axes or len(specs) > 1:
            raise RequestError("--grid has its own settings: leave out --set, and name at most one spec")
        points = read_grid(_lines(path), path, specs[0] if specs else None)
        if not points:
            raise RequestError(f"{path}: it has no points")
        if len(points) > _MOST:
            raise RequestError(f"{path}: {len(points):,} points are more than {_MOST:,}: split the file")
        check_names([*{(point.spec, *(name for name, _ in point.settings)): point for point in points}.values()])
    else:
        if not specs:
            raise RequestError("name a spec, or a file of points with --grid")
        batches = parse_batches(batch) if batch is not None else []
        if (count := size(specs, axes, batches or [1], runs)) > _MOST:
            raise RequestError(f"{count:,} combinations are more than {_MOST:,}: take larger steps, or fewer names")
        check_names(list(grid(specs, [Axis(axis.name, axis.values[:1]) for axis in axes], batches[:1] or [1])))
        points = [point for spec in specs for point in grid([spec], axes, batches or [usual_batch(spec)], runs)]
    return shard(points, *parse_part(part)) if part else points


def _lines(path: str) -> list[str]:
    """The lines of a file, a pipe, or standard input (`-`)."""
    try:
        with click.open_file(path, "rb") as file:
            data: bytes = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise RequestError(f"{path}: a grid file can have at most {_MOST_BYTES // 2**20} MiB: split it")
        return data.decode("utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise RequestError(f"{path}: not text: save the file as UTF-8") from None
        raise cannot("read", path, error) from None
