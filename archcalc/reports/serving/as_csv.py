"""What an engine reserves, a line for each network and device."""

from __future__ import annotations

from archcalc.reports.serving.as_json import data
from archcalc.reports.serving.report import Report
from archcalc.reports.sheet import sheet

_PLAIN = (
    "model", "device", "share", "usable_bytes", "weights_bytes", "activations_bytes", "context_bytes", "cache_bytes",
    "length", "request_bytes", "requests", "positions", "longest", "tokens_per_second",
)  # fmt: skip


def render(report: Report) -> str:
    """Bytes and seconds."""
    rows = []
    for answer in report.answers:
        found = data(answer)
        first = max((one["seconds"] for one in found["first_token"]), default=None)
        following = found["next_token"]["seconds"] if found["next_token"] else None
        rows.append((*(found[key] for key in _PLAIN), first, following))
    return sheet((*_PLAIN, "first_token_seconds", "next_token_seconds"), rows)
