"""A prediction for machines: JSON, CSV and markdown; seconds, with the bounds between which they are expected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.prediction.answer import Answer
from archcalc.prediction.estimate import BASES, BOUNDS, Estimate
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.prediction.rows import TimedRow
from archcalc.reports.prediction.text import between, notes
from archcalc.reports.sheet import sheet


def documents(answers: Iterable[tuple[Answer, Iterable[TimedRow]]], several: bool) -> dict[str, Any]:
    """One prediction, or `predictions` with several."""
    found = [data(answer, rows) for answer, rows in answers]
    return {"version": 1, "predictions": found} if several else found[0]


def data(answer: Answer, rows: Iterable[TimedRow]) -> dict[str, Any]:
    """Everything, version 1. The totals are the sums over the layers, the loss and the step."""
    one, decoding = answer.prediction, answer.decoding
    calibration = one.device.calibration or {}
    document: dict[str, Any] = {
        "version": 1,
        "model": one.graph.model,
        "path": one.graph.path,
        "batch": one.graph.batch,
        "device": one.device.name,
        "title": one.device.title,
        "dtype": one.dtype,
        "threads": calibration.get("threads"),
        "mode": one.mode,
        "optimizer": one.optimizer if one.mode == "train" else None,
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
        "memory_bytes": answer.memory.shown if answer.memory else None,
        "fits": answer.memory.fits if answer.memory else None,
        "layers": [_layer(row) for row in rows],
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
    return document


def _phases(answer: Answer) -> dict[str, dict[str, float]]:
    one = answer.prediction
    if answer.decoding is not None:
        return {"prompt": _times(one.forward), "tokens": _times(answer.decoding.step.times(answer.decoding.tokens))}
    if one.mode == "forward":
        return {"forward": _times(one.forward)}
    passes = {"forward": one.forward, "loss": one.loss, "backward": one.backward, "step": one.step}
    return {name: _times(each) for name, each in passes.items()}


def _times(one: Estimate) -> dict[str, float]:
    return {"seconds": one.seconds, "low_seconds": one.low, "high_seconds": one.high}


def _shares(found: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    return {f"{name}_seconds": found.get(name, 0.0) for name in names}


def _layer(row: TimedRow) -> dict[str, Any]:
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


def csv(answers: Iterable[tuple[Answer, Iterable[TimedRow]]]) -> str:
    """One line for each layer of each prediction."""
    found = [
        {"model": answer.prediction.graph.model, "device": answer.prediction.device.name, **_layer(row)}
        for answer, rows in answers
        for row in rows
    ]
    return sheet(found[0].keys() if found else ["model"], [row.values() for row in found])


def markdown(answer: Answer, rows: Iterable[TimedRow]) -> str:
    """A table for a pull request or a README."""
    one, whole = answer.prediction, answer.total.seconds or 1.0
    what = "training step" if one.mode == "train" else "forward"
    if answer.decoding is not None:
        what = f"generating {answer.decoding.tokens:,} tokens"
    lines = [
        f"### {escape(one.graph.model)} on {one.device.title}",
        "",
        f"{what.capitalize()}, batch {one.graph.batch}, {one.dtype}: {between(answer.total)}.",
        "",
        "| layer | time | share | waits for | known from |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        time = row.total
        if time.seconds:
            level = row.row.level if row.row is not None else 0
            copies = f" ×{row.row.copies:,}" if row.row is not None and row.row.copies > 1 else ""
            cells = (
                "&emsp;" * level + escape(row.label) + copies,
                numbers.seconds(time.seconds),
                f"{100 * time.seconds / whole:.1f} %",
                time.bound,
                time.basis,
            )
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"* {escape(note)}" for note in notes(answer))]
    return "\n".join(lines) + "\n"
