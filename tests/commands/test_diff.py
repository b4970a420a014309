"""`archcalc diff`: what changed, and no more."""

from __future__ import annotations

import json
import subprocess

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import Source
from archcalc.difference import difference, over_limit, side_of, side_of_json
from archcalc.network.load import build_graph
from tests.commands.test_shapes import run

BASE = [
    "conv 16 kernel=3 padding=1",
    "relu",
    "conv 32 kernel=3 padding=1",
    "relu",
    "adaptiveavgpool 1",
    "flatten",
    "linear 10",
]


def side(layers):
    lines = "".join(f"  - {layer}\n" for layer in layers)
    return side_of(Costs(build_graph(Source("t.yaml", f"model: t\ninput: [3, 8, 8]\nlayers:\n{lines}"))))


def changes(before, after):
    found = difference(side(before), side(after))
    return (
        [(old.label, new.label) for old, new in found.changed],
        [one.label for one in found.added],
        [one.label for one in found.removed],
        len(found.moved),
        found.unchanged,
    )


def test_nothing():
    found = difference(side(BASE), side(BASE))
    assert found.is_empty
    assert found.unchanged == len(BASE)


def test_a_change():
    after = [layer.replace("conv 32 kernel=3", "conv 64 kernel=3") for layer in BASE]
    assert changes(BASE, after) == ([("conv 32 3×3", "conv 64 3×3")], [], [], 4, 2)


def test_an_insertion_shifts_nothing():
    after = [*BASE[:2], "batchnorm", *BASE[2:]]
    assert changes(BASE, after) == ([], ["batchnorm"], [], 0, len(BASE))


def test_a_removal():
    assert changes(BASE, [*BASE[:3], *BASE[4:]]) == ([], [], ["relu"], 0, len(BASE) - 1)


def test_totals_are_those_of_the_specs():
    found = difference(side(BASE), side([*BASE[:-1], "linear 20"]))
    assert found.head.totals["params"] - found.base.totals["params"] == 33 * 10
    assert found.growth("params") == pytest.approx(330 / found.base.totals["params"])
    assert list(over_limit(found, {"params": 1.0})) == []
    assert len(list(over_limit(found, {"params": 0.01, "macs": 0.0}))) == 2


@pytest.fixture
def specs(tmp_path):
    (tmp_path / "a.yaml").write_text("model: m\ninput: [8]\nlayers: [linear 16, relu, linear 2]\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("model: m\ninput: [8]\nlayers: [linear 32, relu, linear 2]\n", encoding="utf-8")
    return tmp_path


def test_command(specs):
    done = run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"))
    assert done.returncode == 0
    assert done.stdout.startswith("m: parameters +176 (+98.9 %) · MACs +160 (+100.0 %)")
    assert "linear 16 → linear 32" in done.stdout
    assert run("diff", str(specs / "a.yaml"), str(specs / "a.yaml")).stdout == "nothing changed\n"


def test_formats(specs):
    document = json.loads(run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--format", "json").stdout)
    assert document["totals"]["params"] == {"before": 178, "after": 354}
    assert document["changed"][0]["after"]["label"] == "linear 32"
    table = run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--format", "markdown").stdout
    assert "| m | 178 → 354 (+98.9 %)" in table
    assert table.count("<details>") == table.count("</details>") == 1


def test_saved_json(specs):
    saved = specs / "a.json"
    saved.write_text(run("shapes", str(specs / "a.yaml"), "--format", "json").stdout, encoding="utf-8")
    assert run("diff", str(saved), str(specs / "a.yaml")).stdout == "nothing changed\n"
    assert side_of_json(saved.read_text(encoding="utf-8"), "a.json").totals["params"] == 178
    saved.write_text("[]", encoding="utf-8")
    assert run("diff", str(saved), str(specs / "a.yaml")).returncode == 2


def test_limits(specs):
    over = run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--max-growth", "params=5%")
    assert over.returncode == 1
    assert "params grew by 98.9 %, the limit is 5 %" in over.stderr
    assert run("diff", str(specs / "b.yaml"), str(specs / "a.yaml"), "--max-growth", "params=5%").returncode == 0
    wrong = run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--max-growth", "parms=5%")
    assert wrong.returncode == 2
    assert "did you mean `params`?" in wrong.stderr


def test_folders(specs):
    old, new = specs / "old", specs / "new"
    for folder, name in ((old, "a.yaml"), (new, "b.yaml")):
        folder.mkdir()
        (folder / "net.yaml").write_text((specs / name).read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "blocks.yaml").write_text("blocks:\n  b: [relu]\n", encoding="utf-8")
    (new / "more.yaml").write_text((specs / "a.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    out = run("diff", str(old), str(new)).stdout
    assert "linear 16 → linear 32" in out
    assert "nothing → m" in out
    assert run("diff", str(old), str(specs / "a.yaml")).returncode == 2


def test_revisions(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "blocks.yaml").write_text("blocks:\n  two(n): [linear n, linear n]\n", encoding="utf-8")
    spec = tmp_path / "nets" / "net.yaml"
    text = "model: m\ninclude: [blocks.yaml]\nvariants: {big: {n: 8}}\nhparams: {n: 4}\ninput: [8]\nlayers: [two n]\n"
    spec.write_text(text, encoding="utf-8")
    git("add", ".")
    git("commit", "-qm", "one")
    spec.write_text(text.replace("{n: 4}", "{n: 6}"), encoding="utf-8")
    assert "linear 4 → linear 6" in run("diff", "HEAD:nets/net.yaml", "nets/net.yaml", cwd=tmp_path).stdout
    assert run("diff", "HEAD:nets/net.yaml@big", "nets/net.yaml@big", cwd=tmp_path).stdout == "nothing changed\n"
    assert "linear 4 → linear 6" in run("diff", "HEAD:net.yaml", "net.yaml", cwd=tmp_path / "nets").stdout
    for wrong in ("nowhere:nets/net.yaml", "HEAD:nets/none.yaml", "--help:nets/net.yaml"):
        assert run("diff", "--", wrong, "nets/net.yaml", cwd=tmp_path).returncode == 2


def test_an_invalid_spec_is_a_finding(specs):
    (specs / "bad.yaml").write_text("model: m\ninput: [8]\nlayers: [linear]\n", encoding="utf-8")
    done = run("diff", str(specs / "a.yaml"), str(specs / "bad.yaml"))
    assert done.returncode == 1
    assert "error[SPC004]" in done.stderr
