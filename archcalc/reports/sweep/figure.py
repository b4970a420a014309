"""Two sides of a sweep as a picture, SVG, PNG or PDF, drawn by matplotlib."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from archcalc.diagnostics import RequestError
from archcalc.quoting import visible
from archcalc.reports.sweep import words
from archcalc.reports.sweep.plot import Scale, coordinates
from archcalc.sweep.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = (".svg", ".png", ".pdf")
# Distinct in grey and for colour-blind readers.
_POINT, _FRONT = "#72b7b2", "#b2396b"
# The least distance between labelled points of the front, as a fraction of the width.
_APART = 0.09


def check(path: str) -> None:
    """Raises `RequestError` if no picture can be written under this name."""
    if Path(path).suffix.lower() not in KINDS:
        raise RequestError(f"-o {path}: a picture ends in {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    if find_spec("matplotlib") is None:
        raise RequestError("-o needs matplotlib to draw: pip install 'archcalc[plot]'")


def draw(results: Results, path: str) -> bytes:
    """The picture, in the format of the suffix of `path`; the same sweep gives the same bytes.

    Raises:
        RequestError: there is nothing to draw.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    assert results.drawn is not None
    points = coordinates(results)
    matplotlib.rcdefaults()  # a `matplotlibrc` in the working directory may name programs to run
    matplotlib.rcParams.update(
        {"svg.hashsalt": "archcalc", "svg.fonttype": "none", "font.family": "sans-serif", "text.parse_math": False}
    )
    figure = Figure(figsize=(7.6, 5.0), layout="constrained")
    axes = figure.add_subplot()
    rest = [point for point in points if not point[2]]
    front = sorted(point for point in points if point[2])
    if rest:
        axes.scatter([x for x, _, _ in rest], [y for _, y, _ in rest], s=14, color=_POINT, label="configurations")
    axes.plot([x for x, _, _ in front], [y for _, y, _ in front], "o-", ms=5, lw=1, color=_FRONT, label="Pareto front")
    scales = [Scale(side, [point[index] for point in points]) for index, side in enumerate(results.drawn)]
    for scale, axis, set_scale, set_label in (
        (scales[0], axes.xaxis, axes.set_xscale, axes.set_xlabel),
        (scales[1], axes.yaxis, axes.set_yscale, axes.set_ylabel),
    ):
        if scale.is_log:
            set_scale("log")
        unit = scale.side.unit
        axis.set_major_formatter(FuncFormatter(lambda value, _, unit=unit: words.shown(value, unit)))
        set_label(visible(scale.name))
    _annotate(results, scales[0], axes)
    facts = ", ".join((words.count(results), *words.conditions(results)))
    axes.set_title(f"{visible(words.title(results))}\n{visible(facts)}", loc="left", fontsize=10)
    axes.grid(alpha=0.25, which="both")
    axes.legend(frameon=False)
    kind, picture = Path(path).suffix.lower()[1:], io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that matplotlib's own font lacks: an SVG holds its text, the others a box for each letter.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure.savefig(picture, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return picture.getvalue()


def _annotate(results: Results, scale: Scale, axes: Axes) -> None:
    """Label points of the front, as far as there is room."""
    assert results.drawn is not None
    x, y = results.drawn
    marked = {x.of(one): one for one, on_front in zip(results.outcomes, results.front) if on_front}
    last = -1.0
    for value in sorted(value for value in marked if value is not None):
        place = scale.place(value)
        if place - last < _APART:
            continue
        last, is_left = place, place < 0.5
        axes.annotate(
            visible(results.label(marked[value])),
            (value, y.of(marked[value])),
            textcoords="offset points",
            xytext=(7, -10) if is_left else (-7, 5),
            ha="left" if is_left else "right",
            fontsize=7,
            color=_FRONT,
        )
