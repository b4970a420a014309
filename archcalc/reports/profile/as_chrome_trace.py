"""The layers one after the other, for chrome://tracing or Perfetto."""

from __future__ import annotations

import json

from archcalc.reports.profile.report import Profile


def render(profile: Profile) -> str:
    """An event for each layer."""
    events, at = [], 0.0
    for layer in profile.layers:
        duration = layer.seconds * 1e6
        args = {"flops": layer.flops, "params": layer.row.cost.params, "copies": layer.row.count}
        events.append({"name": layer.row.id, "ph": "X", "ts": at, "dur": duration, "pid": 1, "tid": 1, "args": args})
        at += duration
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}) + "\n"
