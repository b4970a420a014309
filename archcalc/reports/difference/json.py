"""What changed, for machines: exact numbers, before and after, version 1."""

from __future__ import annotations

import json
from typing import Any

from archcalc.difference.compare import Difference
from archcalc.reports.difference.headline import headline
from archcalc.reports.difference.report import Report


def render(report: Report) -> str:
    """One network as an object; those of folders in a list, whether they changed or not."""
    documents = [_data(one) for one in report.differences]
    document = {"version": 1, "specs": documents} if report.folders else documents[0]
    return json.dumps(document, ensure_ascii=False) + "\n"


def _data(found: Difference) -> dict[str, Any]:
    return {
        "version": 1,
        "base": found.base.model,
        "head": found.head.model,
        "headline": headline(found),
        "totals": {
            name: {"before": found.base.totals[name], "after": found.head.totals[name]} for name in found.measures
        },
        "changed": [{"before": vars(old), "after": vars(new)} for old, new in found.changed],
        "added": [vars(one) for one in found.added],
        "removed": [vars(one) for one in found.removed],
        "moved": [{"before": vars(old), "after": vars(new)} for old, new in found.moved],
        "unchanged": found.unchanged,
        "over_budget": found.head.over,
    }
