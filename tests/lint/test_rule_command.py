"""`archcalc rule`."""

from __future__ import annotations

import json

import pytest

from archcalc.reports.rules.report import GROUPS
from archcalc.rules.codes import LANGUAGE
from archcalc.rules.selection import load_rules


@pytest.mark.parametrize("word", ["PRM301", "prm301", "bias-before-norm"])
def test_one_rule(archcalc, word):
    done = archcalc("rule", word)
    assert done.status == 0
    assert done.out.startswith("PRM301  bias-before-norm\n\n  severity   warning\n  evidence   proof: ")
    assert "\nExample:\n    model: example\n    input: [3, 32, 32]\n" in done.out
    assert "\nUse instead:\n" in done.out
    assert "\nReference:\n    Ioffe and Szegedy 2015" in done.out


def test_on_a_narrow_screen(archcalc, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    end = "\nReference:\n    The formula for the output size in torch.nn.Conv2d: it\n      rounds down.\n"
    assert archcalc("rule", "GEO201").out.endswith(end)


def test_a_code_of_the_language(archcalc):
    done = archcalc("rule", "SPC003")
    assert done.out.startswith("SPC003  unknown-key\n\n  severity   error\n")


def test_as_json(archcalc):
    (rule,) = json.loads(archcalc("rule", "PRM301", "--format", "json").out)["rules"]
    assert rule["why"].startswith("The normalisation after a layer cancels its bias.\n\n")
    assert "Example" not in rule["why"]
    assert rule["example"].startswith("model: example\n")
    assert rule["use_instead"].endswith("\n")
    assert (rule["group"], rule["severity"], rule["default"]) == ("PRM", "warning", True)


def test_all(archcalc):
    text = archcalc("rule").out
    document = json.loads(archcalc("rule", "--format", "json").out)
    assert document["version"] == 1
    listed = [rule["code"] for rule in document["rules"]]
    assert set(listed) == {*load_rules(), *LANGUAGE}
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")] == listed
    assert {code[:3] for code in listed} <= set(GROUPS)


def test_every_rule_has_a_page(archcalc):
    for code, rule in load_rules().items():
        done = archcalc("rule", code)
        assert done.status == 0
        assert f"{code}  {rule.name}\n" in done.out


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("PRM310X", "PRM30"),
        ("bias-befor-norm", "`bias-before-norm`"),
        ("zzz", "lists them"),
        ("geo", "is a group of rules"),
    ],
)
def test_unknown(archcalc, word, near):
    done = archcalc("rule", word)
    assert done.status == 2
    assert near in done.err
