"""What changed, for machines: exact numbers, before and after."""

from __future__ import annotations

from typing import Any

from archcalc.difference.compare import Difference, Pair
from archcalc.difference.record import LayerRecord
from archcalc.difference.side import MEASURES
from archcalc.reports.difference.headline import headline
from archcalc.reports.difference.report import Needs, Report
from archcalc.reports.documents import VERSION, one_or_several
from archcalc.reports.numbers import shape

NEEDS = Needs(MEASURES, whole=True)


def render(report: Report) -> str:
    """One network as an object that contains its variants; networks of folders as a list, changed or not."""
    documents = [_network(one) for one in report.differences]
    if not report.folders and len(documents) > 1:
        documents[0]["variants"] = documents[1:]
    return one_or_several(documents, report.folders)


def _network(found: Difference) -> dict[str, Any]:
    keys = found.checkpoints
    return {
        "version": VERSION,
        "base": found.base.model or "nothing",
        "head": found.head.model or "nothing",
        "file": found.file or None,
        "headline": headline(found),
        "totals": {
            name: {"before": before, "after": after}
            for name in found.measures
            for before, after in [found.totals(name)]
        },
        "changed": [_pair(one) for one in found.changed],
        "added": [_layer(one) for one in found.added],
        "removed": [_layer(one) for one in found.removed],
        "moved": [_pair(one) for one in found.inherited],
        "unchanged": found.unchanged,
        "reordered": found.reordered,
        "renamed": [
            {"before": before, "after": after, "layers": one.layers}
            for one in found.renamed
            for before, after in one.pairs
        ],
        "settings": [
            {"key": one.key, "name": one.name or None, "before": one.before, "after": one.after}
            for one in found.settings
        ],
        "checkpoint_keys": {
            "before": keys.total,
            "renamed": keys.renamed,
            "reshaped": keys.reshaped,
            "gone": keys.gone,
            "new": keys.new,
        },
        "over_budget": found.head.over_budget(),
    }


def _pair(one: Pair) -> dict[str, Any]:
    assert one.base is not None
    assert one.head is not None
    return {
        "before": _layer(one.base),
        "after": _layer(one.head),
        "changes": [{"key": change.key, "before": change.before, "after": change.after} for change in one.changes],
    }


def _layer(record: LayerRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "op": record.op,
        "label": record.label,
        "output": shape(record.output),
        "count": record.count,
        "params": record.params,
        "macs": record.macs,
    }
