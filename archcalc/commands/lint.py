"""`archcalc lint PATH...`."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from archcalc.advice import suggest
from archcalc.commands import options, running
from archcalc.commands.lint_tables import Tables, read_tables
from archcalc.commands.printing import emit, text_of
from archcalc.commands.progress import watched
from archcalc.configuration import LINT_TABLES
from archcalc.diagnostics import Note, RequestError
from archcalc.network.load import split_variant
from archcalc.output import write_file
from archcalc.quoting import visible
from archcalc.records import NamedTuple
from archcalc.reports.findings.report import Report, plural
from archcalc.reports.forms import forms as forms_of
from archcalc.reports.forms import summary as summary_of
from archcalc.rules.base import SEVERITIES, Finding
from archcalc.rules.check import Selection, by_severity
from archcalc.rules.paths import specs_in, with_variants
from archcalc.rules.runner import Outcome, Task, run
from archcalc.running import Running
from archcalc.terminal import complain, write

if TYPE_CHECKING:
    from archcalc.commands.lint_base import Base
    from archcalc.devices import Device

# From this many specs on, show a progress bar.
_MANY = 200

# Run fields that budgets and device rules depend on.
_ABOUT = (
    "mode", "batch", "precision", "weights", "gradients", "optimizer", "accumulate", "update", "offload", "attention",
    "checkpoint", "checkpoint_every", "recompute", "threads", "device",
)  # fmt: skip


class _Asked(NamedTuple):
    """The options of `archcalc lint`."""

    context: click.Context
    paths: tuple[str, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    fail_on: str
    format: str
    output: tuple[str, ...]
    fix: bool
    unsafe_fixes: bool
    diff: bool
    said: Running
    base: str | None
    variants: bool
    jobs: int
    color: str


@click.command(name="lint")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=options.files)
@options.look("--select", cls=options.Several, multiple=True, metavar="CODES",
              help="Rules to run: codes, prefixes, names, ALL or DEFAULT, separated by commas. Repeatable.")  # fmt: skip
@options.look(
    "--ignore",
    cls=options.Several,
    multiple=True,
    metavar="CODES",
    help="Rules to skip; the more specific of --select and --ignore wins. Repeatable.",
)
@options.look("--fail-on", type=click.Choice((*SEVERITIES, "never")), default="error", show_default=True,
              help="Exit with status 1 on findings of this severity or higher.")  # fmt: skip
@options.form("findings")
@click.option(
    "--output",
    cls=options.Several,
    multiple=True,
    metavar="FORMAT=FILE",
    help="Also write findings to a file in this format. Repeatable.",
)
@click.option("--fix", is_flag=True, help="Apply fixes that do not change what is computed.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply fixes that change what is computed.")
@click.option("--diff", is_flag=True, help="Show what fixes would change without writing it.")
@running.asked(_ABOUT)
@click.option(
    "--base",
    metavar="REV|PATH",
    help="Earlier specs that `growth:` compares with: a git revision, a file or a folder.",
)
@options.look("--variants", is_flag=True, help="Also check every variant of each spec.")
@options.look("--jobs", type=options.Whole(0), default=0, help="Number of processes; default: chosen automatically.")
@options.color
@options.help
@click.pass_context
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Find errors, waste and exceeded budgets in networks.

    PATH is a spec, `file.yaml@variant`, a folder to search for specs, or `-`. A comment
    `# archcalc: ignore[CODE] reason` on the line of a finding, or on its own line above, suppresses it.
    `archcalc rule` lists the rules.
    """
    tables = read_tables(*(asked.context.default_map or {}).get(LINT_TABLES, ("", {})))
    selection = Selection(
        _split(asked.select), _split(asked.ignore), tables.severity, _device(asked.said.device), asked.said
    )
    selection.check()
    forms = {"": asked.format, **_outputs(asked.output)}
    named = specs_in(asked.paths)
    specs = with_variants(named) if asked.variants else named
    changed = False
    with _bases(asked.base, specs) as base_of:
        tasks = [
            Task(spec, tables.budget(split_variant(spec)[0]), base_of(spec), asked.said.batch or None) for spec in specs
        ]
        if asked.fix or asked.unsafe_fixes or asked.diff:
            outcomes, changed = _mend(tasks, selection, tables, asked.unsafe_fixes, asked.diff, asked.color)
        else:
            outcomes = list(watched(run(tasks, selection, asked.jobs), len(tasks), "checking", _MANY))
    for outcome in outcomes:
        if outcome.error is not None:
            complain(f"archcalc: {visible(outcome.error)}", asked.color)
    checked = [outcome.spec if outcome.spec != "-" else "<stdin>" for outcome in outcomes if outcome.error is None]
    if outcomes and not checked:  # nothing was checked, so there is nothing to report
        return 2
    met = [one for outcome in outcomes for one in outcome.met]
    report = Report(by_severity(_told(outcomes, tables, set(named))), checked, asked.fail_on, met)
    if asked.diff:
        if report.findings:
            complain(f"not fixed: {report.summary()}", asked.color)
    else:
        _write(report, forms, asked.color, to_stderr=bool(asked.fix or asked.unsafe_fixes) and "-" in asked.paths)
    if any(outcome.error is not None for outcome in outcomes):
        return 2
    return 1 if (asked.diff and changed) or any(report.fails(finding) for finding in report.findings) else 0


def _device(name: str) -> Device | None:
    """The device of this name; None for "". Raises `RequestError` for an unknown one."""
    if not name:
        return None
    from archcalc.devices import find  # most runs have no device

    return find(name)


def _bases(base: str | None, specs: Sequence[str]) -> AbstractContextManager[Base]:
    """The location of each spec in the base."""
    if base is None:
        return nullcontext(lambda spec: None)
    from archcalc.commands.lint_base import bases  # most runs have no base

    return bases(base, specs)


def _split(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.strip() for entry in words for word in entry.split(",") if word.strip())


def _outputs(given: Iterable[str]) -> dict[str, str]:
    """`sarif=out.sarif` as a mapping from file to format."""
    forms = {}
    for entry in given:
        form, equals, path = entry.partition("=")
        if not equals or not path:
            raise RequestError(f"--output takes FORMAT=FILE, e.g. --output sarif=lint.sarif, not {entry!r}")
        known = forms_of("findings")
        if form not in known:
            near = suggest(form, known)
            hint = f"did you mean `{near}`?" if near else f"expected one of {', '.join(known)}"
            raise RequestError(f"--output: no format is named `{form}`: {hint}")
        forms[path] = form
    return forms


def _told(outcomes: Iterable[Outcome], tables: Tables, named: Collection[str]) -> Iterator[Finding]:
    """The findings, without duplicates in blocks that several specs include; an implied variant is noted."""
    seen: set[tuple[object, ...]] = set()
    for outcome in outcomes:
        own, variant = split_variant(outcome.spec)
        more = (Note(f"in variant `{variant}`"),) if outcome.spec not in named else ()
        for finding in outcome.findings:
            place = finding.place
            where = (finding.code, os.path.normpath(place.source.path), place.line, place.column)
            # messages at one location can differ between variants, mostly in numbers
            key = (*where, finding.message if place.source.path == own else "")
            known = where in seen if more and not finding.code.startswith("BUD") else key in seen
            if not known and not tables.hides(finding):
                seen |= {where, key}
                yield finding.but(notes=(*finding.notes, *more)) if more else finding


def _write(report: Report, forms: dict[str, str], color: str, to_stderr: bool) -> None:
    for path, form in forms.items():
        if path:
            inputs = [split_variant(spec)[0] for spec in report.specs]
            write_file(path, text_of("findings", form, report), inputs=inputs)
        else:
            emit("findings", form, report, color, to_stderr)
        page, summary = os.environ.get("GITHUB_STEP_SUMMARY"), summary_of("findings", form)
        if (
            page and summary and report.findings
        ):  # a step shows only ten annotations of each kind; the summary page shows all
            write_file(page, text_of("findings", summary, report), append=True)


def _mend(
    tasks: Sequence[Task], selection: Selection, tables: Tables, unsafe: bool, diff: bool, color: str
) -> tuple[list[Outcome], bool]:
    """Fix every spec; returns the remaining findings of each, and whether anything changed."""
    from archcalc.rules.fixes import fix, unified_diff, write_fixed

    outcomes = []
    files = count = 0
    for task in tasks:
        try:
            fixed = fix(task, selection, unsafe, lambda finding: not tables.hides(finding))
            if diff:
                write(unified_diff(fixed))
            elif task.spec == "-":
                write(fixed.text)
            elif fixed.applied:
                write_fixed(fixed)
        except RequestError as error:
            outcomes.append(Outcome(task.spec, [], str(error)))
            continue
        files += bool(fixed.applied)
        count += fixed.applied
        for sentence in fixed.refused:
            complain(f"archcalc: {sentence}", color)
        outcomes.append(Outcome(task.spec, fixed.findings))
    if count:
        complain(f"{'would fix' if diff else 'fixed'} {plural(count, 'finding')} in {plural(files, 'file')}", color)
    return outcomes, bool(count)
