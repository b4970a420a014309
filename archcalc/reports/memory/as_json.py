"""Exact integers, with the unit in the key.

`peak_bytes` is the sum of `parts`; each part's key is that of its definition. `timeline` lists the
moments of a run in order: what is alive while a layer runs, in total and by kind. A moment with a
`count` above 1 stands for that many copies.
"""

from __future__ import annotations

from typing import Any

from archcalc.memory.allocator import Taken
from archcalc.memory.assessment import Assessment, Mode
from archcalc.memory.footprint import Footprint
from archcalc.memory.generation import Generation
from archcalc.memory.limits import Limit
from archcalc.memory.run import Run
from archcalc.reports.documents import VERSION, one_or_several
from archcalc.reports.memory.report import Report
from archcalc.reports.memory.words import holders
from archcalc.reports.rows import tensors
from archcalc.reports.running import facts


def render(report: Report) -> str:
    """One network, or `specs` with several."""
    return one_or_several([network(answer, report.layers) for answer in report.answers], report.several)


def network(answer: Assessment, layers: int) -> dict[str, Any]:
    """One network with all its modes."""
    graph, question, device = answer.graph, answer.question, answer.chip
    document: dict[str, Any] = {
        "version": VERSION,
        "model": graph.model,
        "path": graph.path,
        "batch": graph.batch,
        "input": {name: tensors((x,))[0] for name, x in graph.inputs.items()},
        "dims": {name: int(graph.settings.values[name]) for name in graph.settings.dims},
    }
    if device is not None:
        document["device"] = {
            "name": device.name, "title": device.title,
            "memory_bytes": device.memory_bytes, "context_bytes": device.context_bytes,
        }  # fmt: skip
    if question.limit is not None:
        document["limit_bytes"] = question.limit
    for mode in answer.modes:
        document[mode.name] = _mode(mode, layers)
    return document


def _mode(mode: Mode, layers: int) -> dict[str, Any]:
    found = mode.found
    document: dict[str, Any] = {
        "run": facts(found.running),
        "peak_bytes": found.peak,
        "peak_at": {"phase": found.phase, "layer": found.node.id if found.node is not None else None},
        "parts": {f"{key}_bytes": bytes for key, bytes in found.parts.items()},
        "certainty": {key: found.certainty(key) for key in (*found.parts, "peak")},
    }
    if found.run is not None:
        document |= _run(found, found.run)
    if found.generation is not None:
        document |= _generation(found.generation)
    document["layers"] = [
        {"id": one.node.id, "op": one.node.op, "label": one.node.label, "count": one.count, "bytes": one.bytes}
        for one in holders(found, layers)[0]
    ]
    if mode.taken is not None:
        document |= _taken(mode.taken)
    if mode.limit is not None:
        document["fits"] = mode.fits
        document["ways"] = [{"option": way.option, "bytes": way.bytes} for way in mode.ways]
    if mode.limits:
        document["largest"] = {limit.name: _limit(limit) for limit in mode.limits}
    return document


def _run(found: Footprint, run: Run) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if found.running.trains:
        document = {"saved_bytes": run.saved, "gradients_bytes": run.gradients, "forward_end_bytes": run.forward_end}
    document["timeline"] = [
        {
            "phase": moment.phase,
            "layer": moment.node.id if moment.node is not None else None,
            "count": moment.count,
            "live_bytes": moment.live,
            "saved_bytes": moment.kept,
            "gradients_bytes": moment.gradients,
            "temporaries_bytes": moment.activations + moment.passing,
        }
        for moment in run.moments
    ]
    return document


def _generation(generation: Generation) -> dict[str, Any]:
    return {
        "dim": generation.dim,
        "length": generation.length,
        "cache_dtype": generation.cache_dtype,
        "token_bytes": generation.token_bytes,
        "logits_bytes": generation.logits_bytes,
        "caches": [
            {
                "layer": cache.node.id,
                "copies": cache.copies,
                "shapes": {name: [int(size) for size in shape] for name, shape in cache.shapes.items()},
                "positions": cache.positions,
                "of_source": cache.source,
                "bytes": cache.bytes,
                "token_bytes": cache.token_bytes,
            }
            for cache in generation.caches
        ],
    }


def _taken(taken: Taken) -> dict[str, Any]:
    return {
        "allocated_bytes": taken.allocated,
        "reserved_bytes": taken.reserved,
        "nvidia_smi_bytes": taken.shown,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "value": limit.value,
        "bytes": limit.bytes,
        "next": limit.next,
        "next_bytes": limit.next_bytes,
        "stopped_by": limit.stopped_by,
        "unbounded": limit.unbounded,
    }
