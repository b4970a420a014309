"""A sweep as a table in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.sweep import words
from archcalc.reports.sweep.report import Report
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """Rows on the Pareto front are bold."""
    results, (rows, _) = report.results, report.rows()
    headers = ("configuration", *(words.header(measure) for measure in results.measures))
    lines = []
    for index in rows:
        one = results.outcomes[index]
        values = [words.shown(one.values[measure.name], measure.unit) for measure in results.measures if one.is_valid]
        cells = [escape(results.label(one)), *(values or ["not possible", *("" for _ in results.measures[1:])])]
        lines.append(tuple(f"**{cell}**" if results.front[index] and cell else cell for cell in cells))
    facts = "; ".join((words.count(results), *words.conditions(results)))
    notes = [words.front(results.drawn)] if results.drawn else []
    notes += [escape(sentence) for sentence in words.refusals(results)]
    return (
        f"### {escape(words.title(results))}\n\n{facts}.\n\n"
        + table(headers, "l" + "r" * len(results.measures), lines)
        + ("\n" if notes else "")
        + "".join(f"* {note}\n" for note in notes)
    )
