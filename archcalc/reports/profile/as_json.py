"""Everything measured, in seconds, and what was predicted beside it."""

from __future__ import annotations

from typing import Any

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.profile.report import Profile
from archcalc.reports.running import facts


def render(profile: Profile) -> str:
    """One network."""
    return dumps(data(profile))


def data(profile: Profile) -> dict[str, Any]:
    """Everything measured, in seconds, and what was predicted beside it."""
    return {
        "version": VERSION,
        "model": profile.graph.model,
        "batch": profile.graph.batch,
        "device": profile.device,
        "threads": profile.threads,
        "run": facts(profile.running),
        "seconds": profile.total.median,
        "spread_seconds": profile.total.spread,
        "runs": profile.total.seconds,
        "cpu_seconds": profile.worked.median if profile.worked.seconds else None,
        "warmup_runs": profile.warmup,
        "samples_per_second": profile.samples_per_second,
        "peak_bytes": profile.peak,
        "predicted_peak_bytes": profile.predicted,
        "interrupted": profile.interrupted,
        "phases": {name: {"seconds": times.median, "runs": times.seconds} for name, times in profile.phases.items()},
        "layers_seconds": profile.layer_seconds,
        "flops": profile.costs.totals.flops,
        "layers": [
            {
                "id": layer.row.id,
                "label": layer.row.label,
                "count": layer.row.count,
                "seconds": layer.seconds,
                "forward_seconds": layer.forward_seconds,
                "backward_seconds": layer.backward_seconds,
                "fastest_copy_seconds": layer.range[0],
                "slowest_copy_seconds": layer.range[1],
                "params": layer.row.cost.params,
                "flops": layer.flops,
                "other_flops": layer.row.cost.other_flops,
                "activation_bytes": profile.activations(layer.row.cost.activation_bytes),
                "bytes_moved": layer.bytes,
            }
            for layer in profile.layers
        ],
    }
