"""`archcalc diff`: what changed, and no more."""

from __future__ import annotations

import json
import subprocess

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import Source
from archcalc.difference.compare import difference
from archcalc.difference.growth import over_limit
from archcalc.difference.saved import side_of_json
from archcalc.difference.side import Side
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph, load_graph
from tests.program import run
from tests.runs import run_of, train_or_not

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
    return Side.of(Costs(build_graph(Source("t.yaml", f"model: t\ninput: [3, 8, 8]\nlayers:\n{lines}"))))


def changes(before, after):
    found = difference(side(before), side(after))
    return (
        [(one.base.label, one.head.label) for one in found.changed],
        [one.label for one in found.added],
        [one.label for one in found.removed],
        len(found.inherited),
        found.unchanged,
    )


def test_nothing():
    found = difference(side(BASE), side(BASE))
    assert found.is_empty
    assert found.unchanged == len(BASE)


def test_a_change():
    after = [layer.replace("conv 32 kernel=3", "conv 64 kernel=3") for layer in BASE]
    assert changes(BASE, after) == ([("conv 32 3×3", "conv 64 3×3")], [], [], 4, 2)


@pytest.mark.parametrize("kind", ["spectralnorm", "weightnorm", "standardized"])
def test_a_weight_that_is_computed_now(kind):
    found = difference(side(["linear 4"]), side([f"linear 4 reparam={kind}"]))
    ((change,),) = [one.changes for one in found.changed]
    assert (change.key, change.before, change.after) == ("reparam", None, kind)


def test_an_insertion_shifts_nothing():
    after = [*BASE[:2], "batchnorm", *BASE[2:]]
    assert changes(BASE, after) == ([], ["batchnorm"], [], 0, len(BASE))


def test_a_removal():
    assert changes(BASE, [*BASE[:3], *BASE[4:]]) == ([], [], ["relu"], 0, len(BASE) - 1)


def test_another_number_of_copies_is_a_change_of_that_layer():
    def stages(*counts):
        return side([f"{{repeat: {n}, layers: [conv 32 kernel=3 padding=1, relu]}}" for n in counts])

    found = difference(stages(1, 2, 3), stages(1, 3, 4))
    assert [(one.base.label, one.base.count, one.head.count) for one in found.changed] == [
        ("conv 32 3×3", 2, 3), ("relu", 2, 3), ("conv 32 3×3", 3, 4), ("relu", 3, 4),
    ]  # fmt: skip
    assert found.added + found.removed == []


def test_totals_are_those_of_the_specs():
    found = difference(side(BASE), side([*BASE[:-1], "linear 20"]))
    before, after = found.totals("params")
    assert after - before == 33 * 10
    assert found.growth("params") == pytest.approx(330 / before)
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
    assert "~ linear1  features 16 → 32" in done.stdout
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
    assert side_of_json(str(saved)).total("params") == 178
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
    assert "~ linear1  features 16 → 32" in out
    assert "m (more.yaml): new · 178 parameters · 160 MACs" in out
    assert run("diff", str(old), str(specs / "a.yaml")).returncode == 2


NET = "model: {0}\nhparams: {{n: {1}}}\nvariants: {{big: {{n: {2}}}}}\ninput: [8]\nlayers: [linear n, relu]\n"


def folders(tmp_path, old, new):
    for folder, files in (("old", old), ("new", new)):
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return str(tmp_path / "old"), str(tmp_path / "new")


def test_variants_and_inner_folders(tmp_path):
    done = run("diff", *folders(tmp_path, {"x/a.yaml": NET.format("a", 4, 8)}, {"x/a.yaml": NET.format("a", 4, 9)}))
    assert done.stdout.startswith("a@big: parameters +9")
    gone = run(
        "diff",
        *folders(
            tmp_path / "2",
            {"a.yaml": NET.format("a", 4, 8)},
            {"a.yaml": NET.format("a", 4, 8).replace("variants: {big: {n: 8}}\n", "")},
        ),
    )
    assert "a@big: removed · 72 parameters" in gone.stdout
    assert "variants − big (n=8)" in gone.stdout


def test_a_renamed_file_is_the_same_network(tmp_path):
    old = {"a.yaml": NET.format("net", 4, 8), "b.yaml": NET.format("other", 5, 8)}
    new = {"c.yaml": NET.format("net", 6, 8), "b.yaml": NET.format("other", 5, 8)}
    done = run("diff", *folders(tmp_path, old, new), "--format", "json")
    found = [(one["base"], one["head"]) for one in json.loads(done.stdout)["specs"]]
    assert found == [("other", "other"), ("other@big", "other@big"), ("net", "net"), ("net@big", "net@big")]


def test_two_equal_files_that_are_invalid_are_told(tmp_path):
    spec = tmp_path / "a.yaml"
    spec.write_text(NET.format("a", 4, 8).replace("relu", "rleu"))
    done = run("diff", str(spec), str(spec))
    assert (done.returncode, done.stdout) == (1, "")
    assert "unknown layer `rleu`" in done.stderr


@pytest.mark.parametrize(("broken", "status"), [("old", 0), ("new", 1)])
def test_one_invalid_spec_of_a_folder_is_told_and_left_out(tmp_path, broken, status):
    good, bad = {"a.yaml": NET.format("a", 4, 8)}, {"b.yaml": NET.format("b", 4, 8).replace("relu", "rleu")}
    sides = {
        "old": good | {"b.yaml": NET.format("b", 4, 8)},
        "new": {"a.yaml": NET.format("a", 5, 8), "b.yaml": NET.format("b", 4, 8)},
    }
    sides[broken] |= bad
    done = run("diff", *folders(tmp_path, sides["old"], sides["new"]))
    assert done.returncode == status
    assert "error[SPC002]" in done.stderr
    assert done.stdout.startswith("a: parameters +9")


def test_memory(specs):
    document = json.loads(run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--format", "json").stdout)
    for measure, training in (("training_memory_bytes", True), ("inference_memory_bytes", False)):
        for side, name in (("before", "a"), ("after", "b")):
            peak = simulate(load_graph(str(specs / f"{name}.yaml")), run_of(train_or_not(training))).peak
            assert document["totals"][measure][side] == peak
    assert "training memory +" in document["headline"]
    done = run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--max-growth", "memory=5%")
    assert (done.returncode, "training_memory_bytes grew by" in done.stderr) == (1, True)


def test_options_of_memory_show_it(specs):
    pair = [str(specs / "a.yaml"), str(specs / "b.yaml")]
    for options, shown in {
        (): None,
        ("--batch", "2"): None,
        ("--device", "h100"): "training memory",
        ("--mode", "train"): "training memory",
        ("--mode", "inference"): "inference memory",
        ("--mode", "inference", "--format", "markdown"): "inference memory",
    }.items():
        text = run("diff", *pair, *options).stdout
        assert {word for word in ("training memory", "inference memory") if word in text} == (
            {shown} if shown else set()
        )
    for refused in (("--mode", "generate"), ("--length", "5")):
        assert "use --mode train or --mode inference" in run("diff", *pair, *refused).stderr


@pytest.mark.parametrize(
    ("budget", "cell"),
    [("", None), ("{params: 200}", "✗ params 200"), ("{params: 400, macs: 1K}", "✓"), ("{memory: 1K, depth: 1}", "✗ memory 1K, ✗ depth 1")],
)  # fmt: skip
def test_the_budget_of_the_new_network(specs, budget, cell):
    new = specs / "b.yaml"
    new.write_text(new.read_text(encoding="utf-8") + (f"budget: {budget}\n" if budget else ""), encoding="utf-8")
    table = run("diff", str(specs / "a.yaml"), str(new), "--format", "markdown").stdout.split("\n")
    rows = [row for row in table if row.startswith("| m")]
    assert (rows[0].endswith("| budget |"), rows[1].endswith(f"| {cell} |")) == (cell is not None,) * 2


def test_names_stay_in_their_cell(specs):
    new = specs / "b.yaml"
    new.write_text(new.read_text(encoding="utf-8").replace("model: m", "model: 'a|b <i>_x_'"), encoding="utf-8")
    done = run("diff", str(specs / "a.yaml"), str(new), "--format", "markdown").stdout
    assert "\n| m → a&#124;b &lt;i&gt;\\_x\\_ | " in done
    assert "<summary>m → a|b &lt;i&gt;_x_: " in done


def test_saved_json_holds_no_memory(specs):
    saved = specs / "a.json"
    saved.write_text(run("shapes", str(specs / "a.yaml"), "--format", "json").stdout, encoding="utf-8")
    assert "memory" not in run("diff", str(saved), str(specs / "b.yaml")).stdout
    assert "| – |" in run("diff", str(saved), str(specs / "b.yaml"), "--format", "markdown").stdout
    for option in (("--max-growth", "memory=5%"), ("--memory",), ("--device", "h100")):
        assert run("diff", str(saved), str(specs / "b.yaml"), *option).returncode == 2


@pytest.mark.parametrize("amount", ["nan", "inf", "-5%", "", "five"])
def test_a_limit_is_a_percentage(specs, amount):
    done = run("diff", str(specs / "a.yaml"), str(specs / "b.yaml"), "--max-growth", f"params={amount}")
    assert (done.returncode, "takes MEASURE=PERCENT" in done.stderr) == (2, True)


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
    assert "features 4 → 6" in run("diff", "HEAD:nets/net.yaml", "nets/net.yaml", cwd=tmp_path).stdout
    done = run("diff", "HEAD:nets/net.yaml@big", "nets/net.yaml@big", cwd=tmp_path)
    assert done.stdout == "nothing changed: the texts differ, the networks do not\n"
    assert "features 4 → 6" in run("diff", "HEAD:net.yaml", "net.yaml", cwd=tmp_path / "nets").stdout
    spec.write_text(text.replace("two n", "tow n"), encoding="utf-8")
    git("commit", "-qam", "two")
    spec.write_text(text.replace("two n", "tow n") + "# as wrong\n", encoding="utf-8")
    for sides in (("HEAD:nets/net.yaml", "nets/net.yaml"), ("nets", "HEAD:nets")):
        assert " --> HEAD:nets/net.yaml:6:10\n" in run("diff", *sides, cwd=tmp_path).stderr
    assert "`archcalc diff HEAD:nets nets`" in run("diff", "HEAD", "nets", cwd=tmp_path).stderr
    assert "no revision 'nowhere'" in run("diff", "nowhere:nets", "nets", cwd=tmp_path).stderr
    for wrong in ("nowhere:nets/net.yaml", "HEAD:nets/none.yaml", "--help:nets/net.yaml"):
        assert run("diff", "--", wrong, "nets/net.yaml", cwd=tmp_path).returncode == 2


def test_an_invalid_spec_is_a_finding(specs):
    (specs / "bad.yaml").write_text("model: m\ninput: [8]\nlayers: [linear]\n", encoding="utf-8")
    done = run("diff", str(specs / "a.yaml"), str(specs / "bad.yaml"))
    assert done.returncode == 1
    assert "error[SPC004]" in done.stderr


def test_copies_without_numbers_of_their_own_are_told_once(tmp_path):
    blocks = "blocks:\n  mlp(w):\n    - residual: [linear w, relu, linear 8]\n"
    for name, layer in (("old", "residual: [linear 16, relu, linear 8]"), ("new", "mlp 16")):
        more = "  - mlp 4 repeat=2\n" if name == "new" else ""
        text = f"model: m\ninput: [8]\n{blocks}layers:\n  - repeat: 3\n    layers:\n      - {layer}\n{more}"
        (tmp_path / f"{name}.yaml").write_text(text)
    out = run("diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")).stdout
    assert "×2, mlp, 8 layers" in out
    assert "×3, repeat.mlp, 12 layers" in out
