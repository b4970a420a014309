r"""The table of a network for a paper, with the rules of the package booktabs; and the comparison of several.

It is only the tabular: caption, label and placement are up to the paper, whose preamble needs `\usepackage{booktabs}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.cost import Costs
from archcalc.network.paths import depth
from archcalc.quoting import visible
from archcalc.reports import numbers
from archcalc.reports.rows import Row
from archcalc.reports.shapes.columns import USUAL, columns, label
from archcalc.reports.shapes.report import Report

_WRITTEN = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$", "·": r"$\cdot$", "−": r"$-$", "…": r"\ldots{}",
    "⌊": r"$\lfloor$", "⌋": r"$\rfloor$", "⌈": r"$\lceil$", "⌉": r"$\rceil$", "→": r"$\to$", "≤": r"$\le$", "≥": r"$\ge$",
    "√": r"$\surd$", "±": r"$\pm$", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    # at the beginning of a row it would be read as an argument of the previous row's end
    "[": "{[}", "\u00a0": "~",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "ε": r"$\epsilon$", "μ": r"$\mu$", "σ": r"$\sigma$", "τ": r"$\tau$",
    "Σ": r"$\Sigma$", "∑": r"$\sum$", "∞": r"$\infty$",
}  # fmt: skip


def render(report: Report) -> str:
    """The rows of one network, or a row for each of several."""
    if report.several:
        return comparison(report.networks)
    (costs,) = report.networks
    return network(costs, report.rows(costs), report.columns or USUAL)


def written(text: str) -> str:
    """A text escaped for LaTeX, after invisible characters are escaped as everywhere."""
    return "".join(_WRITTEN.get(one) or "".join(_WRITTEN.get(each, each) for each in visible(one)) for one in text)


def network(costs: Costs, rows: Iterable[Row], names: Sequence[str]) -> str:
    """One network: its rows, and its totals in the last one."""
    shown = columns(names, costs)
    lines = [
        [
            r"\quad " * row.level + written(label(row).strip().replace("  ", " ")),
            *(written(one.cell(row)) for one in shown),
        ]
        for row in rows
    ]
    total = ["total", *(written(one.total) for one in shown)]
    inputs = ", ".join(numbers.shape(x.shape) for x in costs.graph.inputs.values())
    return (
        f"% {costs.graph.model}: input {inputs}, batch {costs.graph.batch}; needs \\usepackage{{booktabs}}\n"
        + _tabular(["layer", *(one.header for one in shown)], [False, *(one.right for one in shown)], lines, [total])
    )


def comparison(networks: Iterable[Costs]) -> str:
    """A row for each network."""
    lines = [
        [
            written(costs.graph.model),
            written(", ".join(numbers.shape(x.shape) for x in costs.graph.inputs.values())),
            written(numbers.short(costs.totals.params)),
            written(numbers.short(costs.totals.macs)),
            written(numbers.size(costs.totals.activation_bytes)),
            str(depth(costs.graph)),
        ]
        for costs in networks
    ]
    header = ("model", "input", "params", "MACs", "activations", "depth")
    return "% needs \\usepackage{booktabs}\n" + _tabular(header, [False, False, True, True, True, True], lines, [])


def _tabular(header: Sequence[str], right: Sequence[bool], lines: list[list[str]], totals: list[list[str]]) -> str:
    def row(cells: Sequence[str]) -> str:
        return "  " + " & ".join(cells) + r" \\"

    rules = [r"  \midrule"] if totals else []
    body = [
        rf"\begin{{tabular}}{{{''.join('r' if side else 'l' for side in right)}}}",
        r"  \toprule",
        row([written(one) for one in header]),
        r"  \midrule",
        *map(row, lines),
        *rules,
        *map(row, totals),
        r"  \bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(body) + "\n"
