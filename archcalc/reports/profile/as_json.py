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
    one, phases = profile.time, profile.phase_predictions
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
        "predicted_seconds": None if isinstance(one, str) else one.total.seconds,
        "predicted_range_seconds": None if isinstance(one, str) else [one.total.low, one.total.high],
        "not_predicted": one if isinstance(one, str) else None,
        "interrupted": profile.interrupted,
        "phases": {
            name: {
                "seconds": times.median,
                "predicted_seconds": phases[name].seconds if name in phases else None,
                "runs": times.seconds,
            }
            for name, times in profile.phases.items()
        },
        "layers_seconds": profile.layer_seconds,
        "flops": profile.costs.totals.flops,
        "layers": [
            {
                "id": layer.row.id,
                "label": layer.row.label,
                "count": layer.row.count,
                "seconds": layer.seconds,
                "predicted_seconds": profile.predicted_seconds(layer),
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
