"""`archcalc lint`: what is checked, which rules run, and the exit status."""

from __future__ import annotations

import json
import sys

import pytest

from tests.program import run as process

from .conftest import BIASED, CLEAN

ONLY = ("--select", "PRM301,BUD901", "--format", "concise")
LINE = "a.yaml:4:5: warning[PRM301] [fix] 64 bias parameters are cancelled by the `batchnorm` after it\n"


def test_a_finding(lint, write):
    done = lint(write("a.yaml", BIASED), *ONLY)
    assert (done.status, done.out, done.err) == (0, LINE, "")


def test_a_clean_spec_says_so_in_a_line(lint, write):
    done = lint(write("a.yaml", CLEAN), "--select", "PRM301")
    assert (done.status, done.out, done.err) == (0, "no findings in 1 spec\n", "")


def test_a_clean_spec_is_told_what_holds_and_how_much_of_its_budgets_is_used(lint, write):
    text = "model: m\ninput: [64]\nlayers: [linear 64]\nexpect: {params: 4160, output: [64]}\nbudget: {macs: 5k}\n"
    path, told = write("m.yaml", text), "as it expects: params, output; budget used: macs 81.9 % of 5k"
    assert lint(path).out == f"no findings in 1 spec; {told}\n"
    assert lint(path, write("n.yaml", text)).out == "no findings in 2 specs\n"


@pytest.mark.parametrize(("fail_on", "status"), [("error", 0), ("warning", 1), ("info", 1), ("never", 0)])
def test_fail_on(lint, write, fail_on, status):
    assert lint(write("a.yaml", BIASED), *ONLY, "--fail-on", fail_on).status == status


def test_errors_fail_by_default(lint, write):
    over = write("a.yaml", CLEAN + "budget: {params: 10}\n")
    assert lint(over, *ONLY).status == 1
    assert lint(over, *ONLY, "--fail-on", "never").status == 0


def test_an_invalid_spec_is_a_finding_that_no_selection_hides(lint, write):
    bad = write("a.yaml", BIASED.replace("kernel", "kernal"))
    done = lint(bad, "--select", "PRM301", "--ignore", "SPC", "--format", "concise")
    assert done.status == 1
    assert done.out == "a.yaml:4:13: error[SPC003] `conv` has no key `kernal`\n"


def test_bytes_that_are_no_text(lint, write):
    done = lint(write("a.yaml", b"model: \xff\n"), "--format", "json")
    assert done.status == 1
    assert json.loads(done.out)["findings"][0]["name"] == "invalid-yaml"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), True),
        (("--select", "PRM301"), True),
        (("--select", "prm"), True),
        (("--select", "bias-before-norm"), True),
        (("--select", "ALL"), True),
        (("--select", "BUD901"), False),
        (("--select", "BUD901,PRM301"), True),
        (("--select", "BUD901", "--select", "PRM301"), True),
        (("--ignore", "PRM301"), False),
        (("--ignore", "PRM"), False),
        (("--ignore", "ALL"), False),
        (("--select", "PRM301", "--ignore", "PRM301"), False),
        (("--select", "PRM301", "--ignore", "PRM"), True),
        (("--select", "PRM", "--ignore", "PRM301"), False),
        (("--select", "DEFAULT,ALL", "--ignore", "BUD"), True),
    ],
)
def test_selection(lint, write, options, found):
    done = lint(write("a.yaml", BIASED), "--format", "concise", *options)
    assert ("PRM301" in done.out) is found


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_an_unknown_code_cannot_run(lint, write, option):
    done = lint(write("a.yaml", BIASED), option, "PRM301,PRM999")
    assert done.status == 2
    assert "`PRM999`: did you mean `PRM" in done.err
    assert not done.out


def test_a_folder_is_walked(lint, write):
    for path in ("n/b.yaml", "n/a.yml", "n/deep/c.yaml", "n/.git/d.yaml", "n/e.txt"):
        write(path, BIASED)
    write("n/blocks.yaml", "blocks:\n  b(): [relu]\n")
    write("n/other.yaml", "services: {web: 1}\n")
    done = lint("n", *ONLY)
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["n/a.yml", "n/b.yaml", "n/deep/c.yaml"]
    assert lint("n", "n/a.yml", "./n/b.yaml", *ONLY).out == done.out


def test_a_folder_without_specs_cannot_run(lint, write):
    write("n/x.txt", "")
    done = lint("n")
    assert done.status == 2
    assert done.err == "archcalc: no spec in 'n': a spec is a .yaml file with a `model:`\n"


def test_a_named_file_of_blocks_is_left_to_its_includers(lint, write):
    done = lint(write("blocks.yaml", "# shared\nblocks:\n  b(): [relu]\n"))
    assert (done.status, done.out) == (0, "no findings in 0 specs\n")


def test_nothing_is_said_of_what_cannot_be_read(lint, write):
    module = write("net.py", "raise ImportError('no such thing')\n")
    assert lint("nothing.yaml").out == ""
    assert lint("nothing.yaml", "--format", "json").out == ""
    done = lint("nothing.yaml", f"{module}:Net")
    assert (done.status, done.out, done.err.count("archcalc: ")) == (2, "", 2)


def test_what_cannot_be_read(lint, write):
    done = lint("nothing.yaml", write("a.yaml", BIASED), *ONLY)
    assert done.status == 2
    assert done.err == "archcalc: cannot read 'nothing.yaml': no such file or directory\n"
    assert done.out == LINE
    assert lint().status == 2
    assert lint("a.yaml@large").status == 2


def test_the_batch_that_memory_is_counted_for(lint, write):
    text = "model: m\ninput: [64]\nlayers: [linear 64]\nbudget: {inference_memory: 20K}\n"
    assert lint(write("a.yaml", text)).status == 0
    done = lint("a.yaml", "--batch", "100", "--format", "concise")
    assert done.status == 1
    assert "BUD903" in done.out


def test_standard_input(lint):
    done = lint("-", *ONLY, stdin=BIASED)
    assert done.out == LINE.replace("a.yaml", "<stdin>")


def test_a_variant(lint, write):
    text = BIASED.replace("conv 64", "conv width").replace(
        "input:", "hparams: {width: 64}\nvariants: {big: {width: 128}}\ninput:"
    )
    path = write("a.yaml", text)
    assert "128 bias parameters" in lint(f"{path}@big", *ONLY).out
    both = lint(path, f"{path}@big", *ONLY).out
    assert [line.split()[2] for line in both.splitlines()] == ["64", "128"]


def test_every_variant_on_request(lint, write):
    text = "model: m\nhparams: {n: 8}\nvariants: {odd: {n: 9}, same: {n: 8}}\ninput: [3, 9, 9]\n"
    path = write("a.yaml", text + "layers: [conv n kernel=3 groups=1, conv 8 kernel=1 groups=n]\n")
    assert lint(path, "--format", "concise").status == 0
    done = lint(path, "--variants", "--format", "concise")
    assert done.status == 1
    assert done.out.count("SHP105") == 1
    assert "  = note: in variant `odd`\n" in lint(path, "--variants").out
    told = lint(write("b.yaml", BIASED.replace("model", "variants: {x: {}, y: {}}\nmodel")), "--variants", *ONLY)
    assert told.out.count("PRM301") == 1  # told once, as all say the same
    assert json.loads(lint("a.yaml@same", "--variants", "--format", "json").out)["summary"]["specs"] == 1


def test_the_most_severe_comes_first(lint, write):
    write("a.yaml", BIASED)
    write("b.yaml", CLEAN + "budget: {params: 10}\n")
    done = lint(".", *ONLY)
    assert [line.split()[1][:5] for line in done.out.splitlines()] == ["error", "warni"]


BLOCK = "blocks:\n  unit(c):\n    - conv c kernel=3\n    - batchnorm\n"
USER = "model: m\n{}input: [3, 32, 32]\nlayers: [unit 8, unit 16]\n"


def test_a_finding_inside_a_block_is_told_once_at_its_body(lint, write):
    done = lint(write("a.yaml", USER.format(BLOCK)), *ONLY)
    assert done.out.startswith("a.yaml:4:7: warning[PRM301]")
    assert done.out.count("\n") == 1


@pytest.mark.parametrize(
    ("rule", "layers"), [("PRM301", "conv c kernel=3"), ("GEO204", "conv c kernel=2 stride=2 padding=1")]
)
def test_the_calls_of_a_block_are_related_places(lint, write, rule, layers):
    path = write("a.yaml", USER.format(BLOCK.replace("conv c kernel=3", layers)).replace("32, 32", "33, 33"))
    (found,) = json.loads(lint(path, "--select", rule, "--format", "json").out)["findings"]
    calls = [(note["message"], note["start"]) for note in found["notes"] if note["message"].startswith("in block")]
    assert calls == [
        (f"in block unit(c={width})", {"line": 7, "column": column}) for width, column in ((8, 10), (16, 18))
    ]


def test_a_block_that_two_specs_include_is_told_once(lint, write):
    write("blocks.yml", BLOCK)
    for name in ("a.yaml", "b.yaml"):
        write(name, USER.format("include: [blocks.yml]\n"))
    done = lint(".", *ONLY)
    assert done.out.startswith("blocks.yml:3:7: warning[PRM301]")
    assert done.out.count("\n") == 1


@pytest.mark.parametrize("form", ["concise", "json", "sarif"])
def test_the_number_of_processes_changes_nothing(lint, write, form):
    for index in range(30):
        write(f"{index:02}.yaml", BIASED if index % 3 else BIASED.replace("kernel", "kernal"))
    first, *others = (lint(".", "--format", form, "--jobs", jobs) for jobs in ("1", "2", "5", "0"))
    assert all(other == first for other in others)


def test_output_of_several_forms(lint, write, folder):
    done = lint(write("a.yaml", BIASED), *ONLY, "--output", "json=out.json", "--output", "full=out.txt")
    assert done.out == LINE
    assert json.loads((folder / "out.json").read_text())["summary"]["warning"] == 1
    assert "\x1b" not in (folder / "out.txt").read_text()
    for bad, told in (("sarf=x", "did you mean `sarif`?"), ("json", "FORMAT=FILE"), ("json=no/such/x", "cannot write")):
        refused = lint("a.yaml", "--output", bad)
        assert refused.status == 2
        assert told in refused.err


def test_the_program_itself(write):
    done = process("lint", "specs/resnet18.yaml", "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["version"] == 1
    colored = process("lint", "-", "--select", "PRM301", "--color", "always", stdin=BIASED)
    assert "\x1b[" in colored.stdout
    assert "\x1b[" not in process("lint", "-", "--select", "PRM301", stdin=BIASED).stdout


@pytest.mark.parametrize("form", ["concise", "json", "full"])
def test_one_spec_is_checked_without_what_it_does_not_need(write, form):
    import subprocess

    code = (
        f"import sys; sys.argv = ['archcalc', 'lint', '{write('a.yaml', BIASED)}', '--format', '{form}']\n"
        "from archcalc.cli import main\ntry: main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    )
    from tests.conftest import ROOT

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    loaded = set(done.stderr.split())
    assert "archcalc.rules.check" in loaded
    assert not loaded & {"rich", "torch", "numpy", "multiprocessing", "difflib", "tomllib", "tempfile", "pytest"}
