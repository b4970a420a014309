"""Memory over time as an SVG: plain text, no scripts, readable on light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.diagnostics import RequestError
from archcalc.memory.assessment import Assessment
from archcalc.memory.footprint import STACK, Sample
from archcalc.quoting import xml
from archcalc.reports import numbers
from archcalc.reports.memory.samples import resample
from archcalc.reports.memory.words import where

_WIDTH, _HEIGHT = 760, 360
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 76, 740, 292
_MOST_POINTS = 660
# Distinct in grey and for colour-blind readers; from the bottom of the stack to its top.
_COLORS = ("#4c78a8", "#72b7b2", "#eeca3b", "#b279a2")
_STYLE = """
  svg { font: 12px system-ui, sans-serif; color: #24292f; background: #ffffff; }
  text { fill: currentColor; } .small { opacity: 0.7; } .axis { stroke: currentColor; stroke-opacity: 0.35; }
  @media (prefers-color-scheme: dark) { svg { color: #d0d7de; background: #0d1117; } }
"""


def network(answer: Assessment) -> str:
    """The first mode with moments over time: training, if it was requested.

    Raises:
        RequestError: none of the modes has moments to draw.
    """
    drawn = next((mode for mode in answer.modes if mode.found.run is not None and mode.found.run.moments), None)
    if drawn is None:
        raise RequestError(f"-o draws a run of {answer.graph.model} over time: ask for --mode train or inference")
    title = f"{answer.graph.model}: {drawn.name} peaks at {numbers.size(drawn.found.peak)} {where(drawn.found)}"
    return timeline(drawn.found.samples(), title, str(drawn.found.running))


def timeline(samples: Sequence[Sample], title: str, facts: str) -> str:
    """The drawing.

    Args:
        samples: the moments in order.
        title, facts: the two lines above it.
    """
    columns = resample(samples, _MOST_POINTS) if len(samples) > _MOST_POINTS else list(samples)
    peak = max(sample.total for sample in columns)
    scale = peak or 1
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{xml(title)}">',
        f"  <title>{xml(title)}</title>",
        f"  <style>{_STYLE}  </style>",
        f'  <text x="20" y="26" font-size="16" font-weight="bold">{xml(title)}</text>',
        f'  <text x="20" y="46" class="small">{xml(facts)}</text>',
        *_grid(scale),
        *_areas(columns, scale),
        *_phases(columns),
        *_peak(columns, scale),
        *_legend(columns),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _x(index: int, count: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * index / count


def _y(bytes: float, scale: int) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * bytes / scale


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _grid(scale: int) -> Iterator[str]:
    """Lines at zero, at the halves and at the peak, with their bytes."""
    for quarter in range(5):
        bytes = scale * quarter // 4
        y = _number(_y(bytes, scale))
        yield f'  <line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" class="axis"/>'
        yield f'  <text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end" class="small">{numbers.size(bytes) or "0"}</text>'


def _areas(columns: Sequence[Sample], scale: int) -> Iterator[str]:
    """An area for each part, the top of the stack first: lower ones are drawn over it."""
    count = len(columns)
    for index in reversed(range(len(STACK))):
        most = max(column.parts[index] for column in columns)
        if not most:
            continue
        path, last = f"M{_LEFT} {_BOTTOM}", ""
        for at, column in enumerate(columns):
            y = _number(_y(sum(column.parts[: index + 1]), scale))
            if y != last:
                path += f"H{_number(_x(at, count))}V{y}"
            last = y
        path += f"H{_RIGHT}V{_BOTTOM}Z"
        title = f"{xml(STACK[index])}: at most {most:,} bytes"
        yield f'  <path d="{path}" fill="{_COLORS[index]}"><title>{title}</title></path>'


def _phases(columns: Sequence[Sample]) -> Iterator[str]:
    """The name of each phase under its middle, and a line where it begins."""
    count, start = len(columns), 0
    for index in range(1, count + 1):
        if index < count and columns[index].phase == columns[start].phase:
            continue
        left, right = _x(start, count), _x(index, count)
        if start:
            x = _number(left)
            yield f'  <line x1="{x}" y1="{_TOP}" x2="{x}" y2="{_BOTTOM + 6}" class="axis" stroke-dasharray="3 3"/>'
        wide = right - left > 7 * len(columns[start].phase)
        y = _BOTTOM + (18 if wide else 32)
        yield f'  <text x="{_number((left + right) / 2)}" y="{y}" text-anchor="middle">{xml(columns[start].phase)}</text>'
        start = index


def _peak(columns: Sequence[Sample], scale: int) -> Iterator[str]:
    """A mark at the peak, with its bytes and its layer."""
    at = max(range(len(columns)), key=lambda index: columns[index].total)
    x, y = (_x(at, len(columns)) + _x(at + 1, len(columns))) / 2, _y(columns[at].total, scale)
    anchor = "start" if x < _WIDTH / 3 else "end" if x > 2 * _WIDTH / 3 else "middle"
    where = ", at ".join(filter(None, (columns[at].phase, columns[at].layer)))
    yield f'  <circle cx="{_number(x)}" cy="{_number(y)}" r="3.5" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    yield (
        f'  <text x="{_number(x)}" y="{_number(y - 6)}" text-anchor="{anchor}">{numbers.size(columns[at].total)} in '
        f"{xml(where)}<title>{columns[at].total:,} bytes</title></text>"
    )


def _legend(columns: Sequence[Sample]) -> Iterator[str]:
    x = float(_LEFT)
    for index in reversed(range(len(STACK))):
        if not any(column.parts[index] for column in columns):
            continue
        yield f'  <rect x="{_number(x)}" y="{_HEIGHT - 22}" width="11" height="11" fill="{_COLORS[index]}"/>'
        yield f'  <text x="{_number(x + 16)}" y="{_HEIGHT - 12}">{xml(STACK[index])}</text>'
        x += 16 + 6.6 * len(STACK[index]) + 18
