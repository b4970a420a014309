"""`archcalc diff BASE HEAD`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Sequence

import click

from archcalc.advice import suggest
from archcalc.commands import options
from archcalc.commands import running as run
from archcalc.commands.diff_folders import Files, pairs
from archcalc.commands.printing import emit
from archcalc.diagnostics import Diagnostic, RequestError
from archcalc.difference.files import Outcome, Task, compare
from archcalc.difference.growth import over_limit
from archcalc.difference.side import BUDGETED, MEASURES, PEAKS
from archcalc.language.amounts import parse_percent
from archcalc.reports import forms
from archcalc.reports.difference.report import Report
from archcalc.revision import Place, checked_out, is_revision_alone
from archcalc.running import Running
from archcalc.running.declaration import GENERATE, INFERENCE
from archcalc.running.refusals import OF
from archcalc.terminal import complain
from archcalc.workers import each, processes

# Starting a process takes as long as comparing this many pairs of files.
_WORTH = 40
# How a network is run affects only its peak memory, except for these fields, which affect other costs too.
_COSTS = ("batch", "freeze", "lora", "lora_on")


@click.command(name="diff")
@click.argument("base", shell_complete=options.files)
@click.argument("head", shell_complete=options.files)
@options.settings
@run.asked()
@options.look(
    "--max-growth",
    "max_growth",
    cls=options.Several,
    metavar="MEASURE=PERCENT",
    multiple=True,
    help="Exit with status 1 if a measure grows by more, e.g. params=5%. Measures: "
    + ", ".join([*MEASURES, *BUDGETED])
    + ".",
)
@options.look(
    "--memory",
    is_flag=True,
    help="Include the peak memory of training, or of inference with --mode inference. Implied by any option that affects "
    "only memory; json, csv and markdown always include it.",
)
@options.form("difference")
@options.color
@options.guarded
def command(
    base: str,
    head: str,
    set: tuple[str, ...],
    said: Running,
    max_growth: tuple[str, ...],
    memory: bool,
    format: str,
    color: str,
) -> int:
    """Show what changed between two networks, and the effect on costs.

    BASE and HEAD are specs, `REV:path` of a git revision, saved JSON of `archcalc shapes`, or
    folders of specs. Variants are compared too. In folders, identical files are skipped.
    """
    limits = _limits(max_growth)
    values = options.parse_settings(set)
    needs = forms.module("difference", format).NEEDS
    peaks = _peaks(said, memory)
    wanted = tuple(dict.fromkeys([*needs.measures, *limits, *peaks]))
    if is_revision_alone(base):
        raise RequestError(f"{base!r} is a revision: say what to read of it, e.g. `archcalc diff {base}:{head} {head}`")
    with checked_out(base) as old, checked_out(head) as new:
        folders = os.path.isdir(new.path)
        if os.path.isdir(old.path) != folders:
            raise RequestError("compare two specs, or two folders")
        if not folders:
            gc.disable()  # the process ends soon, so collecting two graphs is wasted time
        files = pairs(old.path, new.path) if folders else [Files("", old.path, new.path)]
        tasks = [Task(*paths, values, said, wanted, needs.budget, needs.whole) for paths in files]
        outcomes = list(each(compare, tasks, processes(len(tasks), _WORTH)))
    status = _complain(outcomes, (old, new), folders, color)
    found = [one for outcome in outcomes for one in outcome.differences]
    if folders or status == 0:
        same = sum(outcome.equal for outcome in outcomes)
        if peaks and any(side.saved for one in found for side in (one.base, one.head)):
            raise RequestError("saved JSON holds no peak memory: compare specs")
        emit("difference", format, Report(found, folders, same, peaks), color)
    sentences = [sentence for one in found for sentence in over_limit(one, limits)]
    unread = [outcome.base_invalid[0].place.source.path for outcome in outcomes if limits and outcome.base_invalid]
    if unread:
        sentences.append(f"growth is unknown because the base is invalid: {', '.join(unread)}")
    for sentence in sentences:
        complain(f"archcalc: {sentence}", color)
    return 1 if sentences else status


def _peaks(said: Running, memory: bool) -> tuple[str, ...]:
    """The peak memory, if --memory or an option that affects only memory asks for it. Raises `RequestError` for generation."""
    if said.mode == GENERATE or any(OF.get(name) == GENERATE for name in said.said):
        raise RequestError("diff compares the memory of training and inference: use --mode train or --mode inference")
    asked = memory or said.said.keys() - {*_COSTS}
    return (PEAKS[said.mode == INFERENCE],) if asked else ()


def _complain(outcomes: Iterable[Outcome], places: Sequence[Place], folders: bool, color: str) -> int:
    """Report invalid specs; 1 if they fail the run. An invalid base fails it only outside folders."""
    unread = [sentence for place in places for sentence in place.unread()]
    for sentence in unread:
        complain(f"archcalc: {sentence}", color)
    status = 1 if unread else 0
    for outcome in outcomes:
        wrong = [*outcome.base_invalid, *outcome.head_invalid]
        if wrong:
            options.report(_as_named(wrong, places), color)
        if outcome.head_invalid or (outcome.base_invalid and not folders):
            status = 1
    return status


def _as_named(findings: list[Diagnostic], places: Sequence[Place]) -> list[Diagnostic]:
    """Findings with paths as the user writes them, not those of a revision's temporary copy."""
    for source in {id(one.place.source): one.place.source for one in findings}.values():
        for place in places:
            source.path = place.told(source.path)
    return findings


def _limits(growth: tuple[str, ...]) -> dict[str, float]:
    limits = {}
    for entry in growth:
        given, _, amount = entry.partition("=")
        measure = BUDGETED.get(given, given)
        if measure not in MEASURES:
            near = suggest(given, MEASURES)
            raise RequestError(
                f"--max-growth: no measure is named {given!r}: "
                + (f"did you mean `{near}`?" if near else f"expected one of {', '.join(MEASURES)}")
            )
        limit = parse_percent(amount if amount.endswith("%") else f"{amount}%")
        if limit is None:
            raise RequestError(f"--max-growth takes MEASURE=PERCENT, e.g. params=5%, not {entry!r}")
        limits[measure] = limit
    return limits
