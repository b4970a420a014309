"""`archcalc diff BASE HEAD`."""

from __future__ import annotations

import os

import click

from archcalc.commands import options
from archcalc.commands.diff_folders import pairs
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError, cannot, suggest
from archcalc.difference.compare import Difference, difference
from archcalc.difference.growth import over_limit
from archcalc.difference.saved import side_of_json
from archcalc.difference.side import MEASURES, Side, side_of
from archcalc.language.document import parse_percent
from archcalc.network.load import load_graph
from archcalc.reports.difference import FORMATS, render
from archcalc.reports.difference.report import Report
from archcalc.revision import checked_out
from archcalc.terminal import complain, write

# Measures as `budget:` names them.
_BUDGETED = {"memory": "training_memory_bytes", "inference_memory": "inference_memory_bytes"}
_EMPTY = Side("nothing", dict.fromkeys(MEASURES, 0), [])


@click.command(name="diff")
@click.argument("base", shell_complete=options.files)
@click.argument("head", shell_complete=options.files)
@options.settings
@options.batch
@click.option(
    "--max-growth",
    "max_growth",
    cls=options.Several,
    metavar="MEASURE=PERCENT",
    multiple=True,
    help="Exit with 1 when it grew more, as params=5%. Measures: " + ", ".join([*MEASURES, *_BUDGETED]) + ".",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the output.",
)
@options.color
@options.guarded
def command(
    base: str,
    head: str,
    set: tuple[str, ...],
    batch: int,
    max_growth: tuple[str, ...],
    format: str,
    color: str,
) -> int:
    """Show what changed between two networks, and what it costs.

    BASE and HEAD are specs, `REV:path` of a git revision, saved JSON of `archcalc shapes`, or
    folders of specs, whose variants are compared as well.
    """
    limits = _limits(max_growth)
    values = options.parse_settings(set)
    with checked_out(base) as old, checked_out(head) as new:
        if os.path.isdir(old) != os.path.isdir(new):
            raise RequestError("compare two specs, or two folders")
        sides = _Sides({old: base, new: head}, values, batch, color)
        folders = os.path.isdir(old)
        found = sides.of_folders(old, new) if folders else [sides.pair(old, new)]
        write(render(format, Report(found, folders)))
    sentences = [sentence for one in found for sentence in over_limit(one, limits)]
    for sentence in sentences:
        complain(f"archcalc: {sentence}", color)
    return 1 if sentences or sides.invalid else 0


class _Sides:
    """The networks that are compared. `names` says what the user called the two places they lie at."""

    def __init__(self, names: dict[str, str], values: dict[str, str], batch: int, color: str) -> None:
        self.names = names
        self.values = values
        self.batch = batch
        self.color = color
        self.invalid = False

    def pair(self, base: str, head: str) -> Difference:
        """Two networks. Raises `SpecError` when one is not valid."""
        return difference(self._side(base), self._side(head))

    def of_folders(self, base: str, head: str) -> list[Difference]:
        """Every network of two folders; one that is new or gone is compared with nothing.

        One that is not valid is told and left out: that fails the run, unless only the base's is not.
        """
        found = []
        for old, new in pairs(base, head):
            after = self._valid(new)
            before = self._valid(old) if new is None or after is not None else None
            if new is not None and after is None:
                self.invalid = True
            elif old is None or before is not None:
                found.append(difference(before or _EMPTY, after or _EMPTY))
        return found

    def _valid(self, spec: str | None) -> Side | None:
        try:
            return self._side(spec) if spec is not None else None
        except SpecError as error:
            options.report(error.diagnostics, self.color)
            return None

    def _side(self, spec: str) -> Side:
        try:
            if spec.endswith(".json"):
                return _saved(spec)
            return side_of(Costs(load_graph(spec, self.values, self.batch)))
        except SpecError as error:
            for source in {id(one.place.source): one.place.source for one in error.diagnostics}.values():
                source.path = self._shown(source.path)
            raise

    def _shown(self, path: str) -> str:
        """A path in a copy of a revision as the user would write it."""
        for place, name in self.names.items():
            if place != name and path.startswith(place.partition("@")[0]):
                return name.partition("@")[0] + path[len(place.partition("@")[0]) :]
        return path


def _saved(path: str) -> Side:
    try:
        with open(path, encoding="utf-8") as file:
            return side_of_json(file.read(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise cannot("read", path, error) from None


def _limits(growth: tuple[str, ...]) -> dict[str, float]:
    limits = {}
    for entry in growth:
        given, _, amount = entry.partition("=")
        measure = _BUDGETED.get(given, given)
        if measure not in MEASURES:
            near = suggest(given, MEASURES)
            raise RequestError(
                f"--max-growth: no measure is named {given!r}: "
                + (f"did you mean `{near}`?" if near else f"there are {', '.join(MEASURES)}")
            )
        limit = parse_percent(amount if amount.endswith("%") else f"{amount}%")
        if limit is None:
            raise RequestError(f"--max-growth takes MEASURE=PERCENT, as params=5%, not {entry!r}")
        limits[measure] = limit
    return limits
