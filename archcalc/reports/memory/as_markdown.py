"""Memory as tables in GitHub's markdown."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.memory.assessment import TITLES, Assessment
from archcalc.memory.definitions import DEFINITIONS
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.memory.report import Report
from archcalc.reports.memory.words import runs, sentence, verdict, where
from archcalc.reports.running import lines as run_lines
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """The parts of the peaks of one network, or a row for each of several."""
    if report.several:
        return comparison(report.answers)
    (answer,) = report.answers
    return network(answer)


def network(answer: Assessment) -> str:
    """One network: the parts of its peaks, with a column for each mode."""
    lines = []
    for key, definition in DEFINITIONS.items():
        cells = [numbers.size(mode.found.parts.get(key, 0)) for mode in answer.modes]
        if any(cells):
            lines.append((definition.name, *cells))
    lines.append(("**peak**", *(f"**{numbers.size(mode.found.peak)}**" for mode in answer.modes)))
    said = "".join(f"* {escape(line)}\n" for line in run_lines(runs(answer)))
    fits = "".join(f"**{escape(verdict(mode, answer.chip))}**\n\n" for mode in answer.modes if mode.limit is not None)
    heading = f"### {escape(answer.graph.model)}\n\n{fits}{said}\n"
    text = heading + table(
        ("", *(mode.name for mode in answer.modes)), "l" + "r" * len(answer.modes), [tuple(line) for line in lines]
    )
    notes = [f"{mode.name} peaks {where(mode.found)}" for mode in answer.modes]
    notes += [f"{mode.name}: {sentence(limit)}" for mode in answer.modes for limit in mode.limits]
    return text + "\n" + "".join(f"* {note}\n" for note in notes)


def comparison(answers: Iterable[Assessment]) -> str:
    """A row for each network."""
    lines = []
    for answer in answers:
        peaks = {mode.name: numbers.size(mode.found.peak) for mode in answer.modes}
        inputs = ", ".join(numbers.shape(x.shape) for x in answer.graph.inputs.values())
        lines.append((escape(answer.graph.model), inputs, peaks))
    shown = [name for name in TITLES.values() if any(name in peaks for _, _, peaks in lines)]
    rows = [(model, inputs, *(peaks.get(name, "") for name in shown)) for model, inputs, peaks in lines]
    return table(("model", "input", *shown), "ll" + "r" * len(shown), rows)
