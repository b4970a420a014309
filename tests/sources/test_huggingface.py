"""config.json of Hugging Face: counts equal those of the classes that the configurations build."""

from __future__ import annotations

import json

import pytest

from archcalc.cost import Costs
from archcalc.network.load import load_graph

from .cases import CASES, SEQ
from .reference import RECORD

EXPECTED = json.loads(RECORD.read_text(encoding="utf-8"))


def dims_of(case):
    """The run-time sizes for which the reference was counted."""
    return case.get("dims", {"seq": str(SEQ)})


@pytest.mark.parametrize("name", CASES)
def test_counts_are_those_of_the_classes(name, tmp_path):
    case, path = CASES[name], tmp_path / "config.json"
    path.write_text(json.dumps(case["config"]), encoding="utf-8")
    totals = Costs(load_graph(str(path), dims_of(case))).totals
    assert {"params": totals.params, "macs": totals.macs} == {"macs": totals.macs, **EXPECTED[name]}


def test_every_case_is_recorded():
    assert list(EXPECTED) == list(CASES)
