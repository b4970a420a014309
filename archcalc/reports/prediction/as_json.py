"""Seconds, with the expected range."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.prediction.answer import Answer
from archcalc.prediction.estimate import BASES, BOUNDS, Estimate
from archcalc.prediction.whole import Whole
from archcalc.reports.documents import VERSION, one_or_several
from archcalc.reports.prediction.report import Report
from archcalc.reports.prediction.rows import TimedRow
from archcalc.reports.running import facts


def render(report: Report) -> str:
    """One prediction, or `predictions` with several."""
    documents = [data(answer, report.layers(answer), report.whole(answer)) for answer in report.answers]
    return one_or_several(documents, report.several, "predictions")


def data(answer: Answer, rows: Iterable[TimedRow], run: Whole | None = None) -> dict[str, Any]:
    """Everything. The totals are the sums over the layers, the loss and the step."""
    one, decoding = answer.prediction, answer.decoding
    calibration = one.device.calibration or {}
    document: dict[str, Any] = {
        "version": VERSION,
        "model": one.graph.model,
        "path": one.graph.path,
        "batch": one.graph.batch,
        "device": one.device.name,
        "title": one.device.title,
        "run": facts(one.running),
        "calibration": {name: calibration.get(name) for name in ("source", "dtype", "date", "torch", "error")}
        if calibration
        else None,
        **_times(answer.total),
        "by_basis": _shares(answer.total.bases, BASES),
        "by_bound": _shares(answer.total.bounds, BOUNDS),
        "samples_per_second": None if decoding else one.samples_per_second,
        "tokens_per_second": answer.tokens_per_second or None,
        "flops": one.costs.totals.flops,
        "phases": _phases(answer),
        "peak_bytes": answer.footprint.peak,
        "memory_bytes": answer.memory.shown,
        "fits": answer.memory.fits,
        "layers": [layer(row) for row in rows],
        "warnings": answer.warnings,
    }
    if decoding is not None:
        document["generation"] = {
            "prompt_tokens": decoding.memory.length - decoding.tokens,
            "tokens": decoding.tokens,
            "position": decoding.position,
            "cache_bytes": decoding.memory.cache_bytes,
            "step": _times(decoding.step),
        }
    if run is not None:
        document["whole"] = {
            run.of: run.amount,
            "steps": run.steps,
            **_times(run.time),
            "device_hours": run.time.seconds / 3600,
            "kilowatt_hours_at_most": run.kilowatt_hours(run.time.seconds) if run.power else None,
            "watts": run.power or None,
        }
    return document


def _phases(answer: Answer) -> dict[str, dict[str, float]]:
    one = answer.prediction
    if answer.decoding is not None:
        return {"prompt": _times(one.forward), "tokens": _times(answer.decoding.step.times(answer.decoding.tokens))}
    if not one.running.trains:
        return {"forward": _times(one.forward)}
    passes = {"forward": one.forward, "loss": one.loss, "backward": one.backward, "step": one.step}
    return {name: _times(each) for name, each in passes.items()}


def _times(one: Estimate) -> dict[str, float]:
    return {"seconds": one.seconds, "low_seconds": one.low, "high_seconds": one.high}


def _shares(found: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    return {f"{name}_seconds": found.get(name, 0.0) for name in names}


def layer(row: TimedRow) -> dict[str, Any]:
    """A row; it has an id only if it is a layer."""
    node = row.row.node if row.row is not None else None
    return {
        "id": row.row.id if row.row is not None else "",
        "op": node.op if node is not None else "",
        "label": row.label,
        "count": row.row.count if row.row is not None else 1,
        **_times(row.total),
        "forward_seconds": row.forward.seconds,
        "backward_seconds": row.backward.seconds,
        "generating_seconds": row.steps.seconds,
        "bound": row.total.bound or None,
        "basis": row.total.basis or None,
        "flops": row.row.own.flops if row.row is not None else 0,
    }
