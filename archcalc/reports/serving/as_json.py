"""What an engine reserves, for machines."""

from __future__ import annotations

from typing import Any

from archcalc.memory.serving import RULE
from archcalc.prediction.estimate import Estimate
from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.running import facts
from archcalc.reports.serving.report import Answer, Report


def render(report: Report) -> str:
    """Everything, for each network and device."""
    return dumps({"version": VERSION, "rule": RULE, "answers": [data(answer) for answer in report.answers]})


def data(answer: Answer) -> dict[str, Any]:
    """One of them."""
    one, timed = answer.serving, answer.timed
    assert one.running.chip is not None
    return {
        "model": one.graph.model,
        "path": one.graph.path,
        "device": one.running.chip.name,
        "run": facts(one.running),
        "share": one.engine.share,
        "usable_bytes": one.usable,
        "weights_bytes": one.weights,
        "activations_bytes": one.activations,
        "context_bytes": one.context,
        "cache_bytes": max(0, one.cache),
        "fits": one.cache > 0,
        "length": one.length,
        "request_bytes": one.bytes_of(one.length),
        "requests": one.requests(one.length),
        "positions": one.positions,
        "longest": one.longest or None,
        "ways": [{"option": option, "requests": count} for option, count in answer.ways],
        "load": [
            {
                "count": each.count,
                "prompt": each.prompt,
                "new_tokens": each.new_tokens,
                "bytes": one.bytes_of(each.length),
            }
            for each in answer.load
        ],
        "holds": answer.holds,
        "first_token": [_times(each) for each in timed.first] if timed else [],
        "next_token": _times(timed.token) if timed else None,
        "tokens_per_second": timed.tokens_per_second if timed else None,
    }


def _times(one: Estimate) -> dict[str, float]:
    return {"seconds": one.seconds, "low_seconds": one.low, "high_seconds": one.high}
