"""Comments that ignore a finding, and what is told about those that ignore none."""

from __future__ import annotations

import json
import time

import pytest

from archcalc.diagnostics import Source
from archcalc.rules.suppressions import comments

from .conftest import BIASED, CLEAN

ONLY = ("--select", "PRM301,SPC009", "--format", "concise")
LINE = "  - conv 64 kernel=3  # keep this\n"
HIDDEN = (
    LINE.replace("keep this", "archcalc: ignore[PRM301] wanted"),
    LINE.replace("keep this", "archcalc:ignore[ prm301 , PRM301]"),
    LINE.replace("keep this", "archcalc: ignore[bias-before-norm]"),
    LINE.replace("keep this", "keep # archcalc: ignore[PRM301]"),
    f"  # archcalc: ignore[PRM301] wanted\n{LINE}",
    f"# archcalc: ignore[PRM301] wanted\n  # and here is why\n{LINE}",
    "  # archcalc: ignore[PRM301]\n  - conv:\n      channels: 64\n      kernel: 3\n",
)
SHOWN = (
    LINE.replace("keep this", "archcalc: ignore[PRM]"),
    LINE.replace("keep this", "archcalc: ignore PRM301"),
    f"# archcalc: ignore[PRM301]\n\n{LINE}",
)


@pytest.mark.parametrize("layer", HIDDEN)
def test_hidden(lint, write, layer):
    done = lint(write("a.yaml", BIASED.replace(LINE, layer)), *ONLY)
    assert (done.status, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("layer", SHOWN)
def test_not_hidden(lint, write, layer):
    assert "PRM301" in lint(write("a.yaml", BIASED.replace(LINE, layer)), *ONLY).out


def test_a_comment_behind_a_layer_is_not_about_the_next_one(lint, write):
    text = BIASED.replace(LINE, f"  - identity  # archcalc: ignore[PRM301]\n{LINE}")
    codes = [line.split()[1] for line in lint(write("a.yaml", text), *ONLY).out.splitlines()]
    assert codes == ["warning[SPC009]", "warning[PRM301]"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- relu # archcalc: ignore[A1]", True),
        ("- name: 'x' # archcalc: ignore[A1]", True),
        ("- name: 'x # archcalc: ignore[A1]'", False),
        ('- {a: "x # archcalc: ignore[A1]"}', False),
        ("- it's # archcalc: ignore[A1]", True),
        ("- relu# archcalc: ignore[A1]", False),
    ],
)
def test_a_comment_is_not_a_quoted_value(line, found):
    assert bool(comments(Source("t", line))) is found


def finding(lint, path, *options):
    return json.loads(lint(path, "--select", "PRM301,SPC009", "--format", "json", *options).out)["findings"]


def test_unused(lint, write):
    path = write("a.yaml", CLEAN.replace("keep this", "archcalc: ignore[PRM301] no more"))
    (found,) = finding(lint, path)
    assert found["code"] == "SPC009"
    assert found["message"] == "nothing to ignore here: `PRM301` finds nothing"
    assert found["start"] == {"line": 4, "column": 34}
    assert found["end"] == {"line": 4, "column": 68}
    assert found["data"] == {"unused": ["PRM301"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CLEAN.replace("keep this", "archcalc: ignore[PRM301] x"), CLEAN.replace("  # keep this", "")),
        (CLEAN.replace("  - relu", "  # archcalc: ignore[PRM301] x\n  - relu"), CLEAN),
        (CLEAN + "# archcalc: ignore[PRM301]", CLEAN),
        (CLEAN + "# archcalc: ignore[PRM301]\n", CLEAN),
        (CLEAN.replace("this", "it  # archcalc: ignore[PRM301]"), CLEAN.replace("this", "it")),
        (BIASED.replace("keep this", "archcalc: ignore[PRM301, BUD999] x"),
         BIASED.replace("keep this", "archcalc: ignore[PRM301] x")),
        (CLEAN.replace("keep this", "archcalc: ignore[]"), CLEAN.replace("  # keep this", "")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_fix_deletes_what_is_not_used(lint, write, folder, before, after, newline):
    path = write("a.yaml", before.replace("\n", newline))
    done = lint(path, *ONLY, "--fix")
    assert (done.out, done.err) == ("", "fixed 1 finding in 1 file\n")
    assert (folder / path).read_bytes().decode() == after.replace("\n", newline)


@pytest.mark.parametrize("code", ["BUD901", "bud901", "PRM302", "parameters-over-budget"])
def test_a_comment_on_a_rule_that_did_not_run_is_not_judged(lint, write, code):
    path = write("a.yaml", CLEAN.replace("keep this", f"archcalc: ignore[{code}] x"))
    assert finding(lint, path) == []


def test_a_word_that_is_no_rule(lint, write):
    path = write("a.yaml", CLEAN.replace("keep this", "archcalc: ignore[PRM3O1] x"))
    (found,) = finding(lint, path)
    assert found["message"] == "no rule is named `PRM3O1`: did you mean `PRM301`?"


def test_an_error_of_the_language_cannot_be_ignored(lint, write):
    path = write("a.yaml", BIASED.replace("kernel=3  # keep this", "kernal=3  # archcalc: ignore[SPC003]"))
    done = lint(path, *ONLY)
    assert done.status == 1
    assert "error[SPC003]" in done.out
    assert "SPC009" not in done.out  # the rules did not run: what they would find is not known


def test_a_comment_of_an_included_file(lint, write):
    write("blocks.yml", "blocks:\n  unit():\n    - conv 8 kernel=3 # archcalc: ignore[PRM301]\n    - batchnorm\n")
    write("a.yaml", "model: m\ninclude: [blocks.yml]\ninput: [3, 8, 8]\nlayers: [unit]\n")
    write("b.yaml", "model: m\ninclude: [blocks.yml]\ninput: [3, 8, 8]\nlayers: [relu]\n")
    assert lint(".", *ONLY).out == ""


def test_a_comment_that_a_variant_may_need_stays(lint, write, folder):
    text = CLEAN.replace("keep this", "archcalc: ignore[PRM301] x").replace(
        "input:", "hparams: {w: 1}\nvariants: {big: {w: 2}}\ninput:"
    )
    path = write("a.yaml", text)
    assert [found["fix"]["applicability"] for found in finding(lint, path, "--fix")] == ["unsafe"]
    assert (folder / path).read_text() == text
    assert finding(lint, f"{path}@big") == []


def test_spc009_can_be_ignored(lint, write):
    path = write("a.yaml", CLEAN.replace("keep this", "archcalc: ignore[PRM301] x"))
    assert lint(path, "--ignore", "SPC009", "--format", "concise", "--select", "PRM301,SPC").out == ""


def test_an_expectation(lint, write):
    path = write("a.yaml", CLEAN + "expect: {params: 7}  # archcalc: ignore[BUD907] later\n")
    assert lint(path, "--select", "SPC,BUD", "--format", "concise").out == ""
    path = write("a.yaml", CLEAN + "expect: {params: 7}\n")
    done = lint(path, "--select", "SPC,BUD", "--format", "concise")
    assert done.out.count("BUD907") == done.out.count("\n") == 1


@pytest.mark.parametrize("line", ["# archcalc: ignore[", "# archcalc: ignore[PRM301]\n", "#archcalc: " + 40 * " "])
def test_very_many_are_read_in_one_pass(line):
    """A file of the largest size is no longer to read than to write."""
    begin = time.process_time()
    found = comments(Source("m.yaml", line * 50_000))
    assert time.process_time() - begin < 2
    assert {comment.about for comment in found} <= {50_001}
