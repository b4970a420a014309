"""`archcalc diff BASE HEAD`."""

from __future__ import annotations

import json
import os

import click

from archcalc.commands import options
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, suggest
from archcalc.difference import MEASURES, Difference, Side, difference, over_limit, side_of, side_of_json
from archcalc.network.load import load_graph
from archcalc.reports import difference as report
from archcalc.revision import checked_out
from archcalc.terminal import complain, write

_EMPTY = Side("nothing", dict.fromkeys(MEASURES, 0), [])


@click.command(name="diff")
@click.argument("base")
@click.argument("head")
@options.settings
@options.batch
@click.option(
    "--max-growth",
    "max_growth",
    metavar="MEASURE=PERCENT",
    multiple=True,
    help="Exit with 1 when it grew more, as params=5%. Measures: " + ", ".join(MEASURES) + ".",
)
@click.option(
    "--format",
    "format",
    type=click.Choice(("text", "json", "markdown")),
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
    folders of specs.
    """
    limits = _limits(max_growth)
    values = options.parse_settings(set)
    with checked_out(base) as old, checked_out(head) as new:
        if os.path.isdir(old) != os.path.isdir(new):
            raise RequestError("compare two specs, or two folders")
        found = _folders(old, new, values, batch) if os.path.isdir(old) else [_pair(old, new, values, batch)]
    if format == "json":
        documents = [report.data(one) for one in found]
        document = {"version": 1, "specs": documents} if os.path.isdir(head) else documents[0]
        write(json.dumps(document, ensure_ascii=False) + "\n")
    elif format == "markdown":
        write(report.markdown(found))
    else:
        changed = [one for one in found if not one.is_empty]
        write("\n".join(report.text(one) for one in changed) or "nothing changed\n")
    sentences = [sentence for one in found for sentence in over_limit(one, limits)]
    for sentence in sentences:
        complain(f"archcalc: {sentence}", color)
    return 1 if sentences else 0


def _pair(base: str, head: str, values: dict[str, str], batch: int) -> Difference:
    return difference(_side(base, values, batch), _side(head, values, batch))


def _side(spec: str, values: dict[str, str], batch: int) -> Side:
    if spec.endswith(".json"):
        try:
            with open(spec, encoding="utf-8") as file:
                return side_of_json(file.read(), spec)
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"cannot read {spec!r}: {getattr(error, 'strerror', None) or error}") from None
    return side_of(Costs(load_graph(spec, values, batch)))


def _folders(base: str, head: str, values: dict[str, str], batch: int) -> list[Difference]:
    """Specs of one name in both folders; one that is new or gone is compared with nothing."""
    names = sorted({name for folder in (base, head) for name in os.listdir(folder) if _is_spec(folder, name)})
    found = []
    for name in names:
        sides = [
            _side(os.path.join(folder, name), values, batch) if os.path.exists(os.path.join(folder, name)) else _EMPTY
            for folder in (base, head)
        ]
        found.append(difference(*sides))
    return found


def _is_spec(folder: str, name: str) -> bool:
    """A YAML file with a model; others are blocks to include."""
    if not name.endswith((".yaml", ".yml")):
        return False
    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
        return any(line.startswith("model:") for line in file)


def _limits(growth: tuple[str, ...]) -> dict[str, float]:
    limits = {}
    for entry in growth:
        measure, _, amount = entry.partition("=")
        if measure not in MEASURES:
            near = suggest(measure, MEASURES)
            raise RequestError(
                f"--max-growth: no measure is named {measure!r}: "
                + (f"did you mean `{near}`?" if near else f"there are {', '.join(MEASURES)}")
            )
        try:
            limits[measure] = float(amount.removesuffix("%")) / 100
        except ValueError:
            raise RequestError(f"--max-growth takes MEASURE=PERCENT, as params=5%, not {entry!r}") from None
    return limits
