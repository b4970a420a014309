"""--fix: what it changes, what it leaves alone, and that it keeps its promise."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from archcalc.diagnostics import Edit, Fix, Source, Span
from archcalc.rules.base import RULES, Rule
from archcalc.rules.fixes import _PASSES, splice

from .conftest import BIASED, CLEAN

FIX = ("--select", "PRM301", "--format", "concise", "--fix")
TWO = BIASED + "  - conv 8 kernel=3 # 2\n  - batchnorm\n"
TOLD = "fixed 1 finding in 1 file\n"


def register(monkeypatch, mend, safe=True, code="TST999"):
    """A rule that finds `relu`, whose fix is the edits that `mend(place)` gives."""

    class Relu(Rule):
        """Finds relu."""

        def check(self, model):
            for placed in model.layers:
                if placed.node.op == "relu":
                    edits = tuple(Edit(*edit) for edit in mend(placed.node.place))
                    yield self.finding(placed, "a relu", fix=Fix("mend it", edits, safe))

    Relu.code, Relu.name = code, f"test-{code.lower()}"
    monkeypatch.setitem(RULES, code, Relu())
    return ("--select", code, "--format", "concise")


def words(text):
    return lambda place: [(place, text)]


def test_a_fix_is_written(lint, write, folder):
    done = lint(write("a.yaml", BIASED), *FIX)
    assert (done.status, done.out, done.err) == (0, "", TOLD)
    assert (folder / "a.yaml").read_text() == CLEAN


def test_twice_changes_nothing(lint, write, folder):
    path = write("a.yaml", TWO)
    assert lint(path, *FIX).err == "fixed 2 findings in 1 file\n"
    first = (folder / path).read_bytes()
    changed = os.stat(path).st_ino
    done = lint(path, *FIX)
    assert (done.out, done.err) == ("", "")
    assert (folder / path).read_bytes() == first
    assert os.stat(path).st_ino == changed  # not even written


@pytest.mark.parametrize("layers", ["relu", "maxpool 1"])
def test_a_row_of_useless_layers_goes_in_one_run(lint, write, folder, layers):
    head = "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv 4 kernel=3\n  - relu\n"
    done = lint(write("a.yaml", head + f"  - {layers}\n" * 3), "--select", "ACT405,GEO207", "--fix")
    assert done.err == "fixed 3 findings in 1 file\n"
    assert (folder / "a.yaml").read_text() == head


def test_a_layer_with_parameters_that_others_are_numbered_by_is_no_safe_fix(lint, write, folder):
    text = "model: m\ninput: [4]\nlayers:\n  - sigmoid\n  - prelu\n  - tanh\n  - prelu\n"
    lint(write("a.yaml", text), "--select", "ACT405", "--fix")
    assert (folder / "a.yaml").read_text() == text


def test_a_layer_of_a_tied_list_is_not_deleted_in_one_of_both(lint, write):
    head = "model: m\ninput: [4, 4]\nlayers:\n  - {residual: [linear 4, celu], name: n}\n"
    done = lint(write("a.yaml", head + "  - {residual: [linear 4, celu from=input], tie: n}\n"), "--select", "GRF701")
    assert "celu" in done.out
    assert "[fix]" not in done.out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_other_byte_stays(lint, write, folder, newline, mark):
    text = "# Größe 😀\n\n" + BIASED.replace("- conv", "-   conv").replace("model:", "model :") + "\n\n# the end"
    text = text.replace("model :", "model:   ").replace("\n", newline)
    lint(write("a.yaml", mark + text.encode()), *FIX)
    after = (folder / "a.yaml").read_bytes()
    assert after == mark + text.replace("kernel=3", "kernel=3 bias=false").encode()


def test_the_mode_and_a_link_stay(lint, write, folder):
    target = folder / write("a.yaml", BIASED)
    target.chmod(0o640)
    (folder / "link.yaml").symlink_to("a.yaml")
    lint("link.yaml", *FIX)
    assert (folder / "link.yaml").is_symlink()
    assert target.read_text() == CLEAN
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(os.listdir()) == ["a.yaml", "link.yaml"]


def test_diff_writes_nothing(lint, write, folder):
    done = lint(write("a.yaml", BIASED), *FIX[:-1], "--diff")
    assert done.status == 1
    assert done.err == "would fix 1 finding in 1 file\n"
    assert "--- a/a.yaml\n+++ b/a.yaml\n" in done.out
    assert "-  - conv 64 kernel=3  # keep this\n+  - conv 64 kernel=3 bias=false  # keep this\n" in done.out
    assert (folder / "a.yaml").read_text() == BIASED
    assert lint(write("b.yaml", CLEAN), *FIX[:-1], "--diff").status == 0
    bad = lint(write("b.yaml", CLEAN.replace("relu", "qqqq")), *FIX[:-1], "--diff")
    assert (bad.status, bad.out, bad.err) == (1, "", "not fixed: 1 error\n")


@pytest.mark.parametrize("name", ["a b.yaml", "é.yaml", "a\x1b[31mb.yaml", "x\ny.yaml", "'a\"b\\.yaml", "\udcff.yaml"])
def test_a_diff_is_a_patch_whatever_the_name(lint, write, folder, name):
    done = lint(write(name, BIASED), *FIX[:-1], "--diff")
    assert all(one.isprintable() or one == "\n" for one in done.out)
    subprocess.run(["git", "apply"], input=done.out.encode(), check=True, cwd=folder)
    assert (folder / name).read_text() == CLEAN


def test_standard_input_is_mended_to_standard_output(lint):
    done = lint("-", *FIX, stdin=BIASED)
    assert done.out == CLEAN
    assert done.err == TOLD


def test_unsafe_fixes_need_their_option(lint, write, folder, monkeypatch):
    options = register(monkeypatch, words("tanh"), safe=False)
    path = write("a.yaml", CLEAN)
    done = lint(path, *options, "--fix")
    assert "a relu" in done.out
    assert (folder / path).read_text() == CLEAN
    assert "1 with --unsafe-fixes" in lint(path, *options[:2]).out
    assert lint(path, *options, "--unsafe-fixes").out == ""
    assert (folder / path).read_text() == CLEAN.replace("relu", "tanh")


@pytest.mark.parametrize("text", ["no_such_layer", "relu", ": [", "linear 7", "relu\n  - relu", ""])
def test_a_fix_that_does_not_keep_its_promise_is_not_written(lint, write, folder, monkeypatch, text):
    options = register(monkeypatch, words(text))
    path = write("a.yaml", CLEAN)
    done = lint(path, *options, "--fix")
    assert done.out == "a.yaml:6:5: warning[TST999] [fix] a relu\n"
    assert "a.yaml:6:5: the fix of TST999 was not applied" in done.err
    assert (folder / path).read_text() == CLEAN


def test_one_bad_fix_does_not_stop_the_others(lint, write, folder, monkeypatch):
    options = register(monkeypatch, words("no_such_layer"))
    path = write("a.yaml", BIASED)
    done = lint(path, "--select", "PRM301,TST999", *options[2:], "--fix")
    assert "TST999 was not applied" in done.err
    assert TOLD in done.err
    assert (folder / path).read_text() == CLEAN


def test_fixes_that_overlap_wait_for_the_next_pass(lint, write, folder, monkeypatch):
    def with_the_break(place):
        return [(Span(place.source, place.line, place.column - 2, place.line, place.end_column), "- tanh")]

    first = register(monkeypatch, with_the_break, code="TST998")
    register(monkeypatch, words("gelu"))
    path = write("a.yaml", CLEAN)
    done = lint(path, "--select", "TST998,TST999", *first[2:], "--fix")
    assert (folder / path).read_text() == CLEAN.replace("relu", "tanh")
    assert (done.out, done.err) == ("", TOLD)


def test_a_chain_of_fixes_ends(lint, write, folder, monkeypatch):
    def grow(place):
        return [(Span(place.source, place.line, 1, place.line, 1), "  - identity\n")]

    options = register(monkeypatch, grow)  # the finding moves down a line and stays
    path = write("a.yaml", CLEAN)
    assert "was not applied" in lint(path, *options, "--fix").err
    assert (folder / path).read_text() == CLEAN
    assert _PASSES < 1000


@pytest.mark.parametrize(("width", "mended"), [(40, True), (0, False)])
def test_every_variant_stays_valid(lint, write, folder, monkeypatch, width, mended):
    options = register(monkeypatch, words("conv width kernel=3"), safe=False)
    variants = f"hparams: {{width: 4}}\nvariants: {{other: {{width: {width}}}}}\ninput:"
    path = write("a.yaml", CLEAN.replace("input:", variants))
    assert ("was not applied" not in lint(path, *options, "--unsafe-fixes").err) is mended
    assert ("conv width" in (folder / path).read_text()) is mended


BLOCK = """\
model: m
input: [3, 32, 32]
blocks:
  unit(norm):
    - conv 8 kernel=3
    - {}
layers: [unit 1, unit 2]
"""


def test_a_block_is_mended_once_for_all_its_calls(lint, write, folder):
    path = write("a.yaml", BLOCK.format("batchnorm"))
    assert lint(path, *FIX).err == TOLD
    assert "- conv 8 kernel=3 bias=false\n" in (folder / path).read_text()


def test_a_block_whose_calls_differ_is_left_alone(lint, write, folder):
    """Of groupnorm with 8 channels, 8 groups cancel the bias and 4 do not."""
    text = BLOCK.format("groupnorm norm").replace("unit 1, unit 2", "unit 8, unit 4")
    path = write("a.yaml", text)
    done = lint(path, *FIX)
    assert done.out.startswith("a.yaml:5:7: warning[PRM301] 8 bias")
    assert done.err == ""
    assert (folder / path).read_text() == text


def test_an_included_file_is_not_touched(lint, write, folder):
    blocks = "blocks:\n  unit():\n    - conv 8 kernel=3\n    - batchnorm\n"
    write("blocks.yml", blocks)
    path = write("a.yaml", "model: m\ninclude: [blocks.yml]\ninput: [3, 8, 8]\nlayers: [unit]\n")
    done = lint(path, *FIX)
    assert "blocks.yml:3:7" in done.out
    assert (folder / "blocks.yml").read_text() == blocks


def test_a_file_that_cannot_be_written(lint, write, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    done = lint(write("a.yaml", BIASED), *FIX)
    assert done.status == 2
    assert done.err.startswith("archcalc: cannot write 'a.yaml': permission denied")
    assert os.listdir() == ["a.yaml"]


def test_splicing():
    source = Source("t", "ab\r\nc😀d\r\n")
    edits = [
        Edit(Span(source, 1, 3, 1, 3), "!\n"),
        Edit(Span(source, 2, 2, 2, 3), ""),
        Edit(Span(source, 3, 1, 3, 1), "z"),
    ]
    assert splice(source, edits) == "ab!\r\n\r\ncd\r\nz"


MISSPELT = """\
modle: m   # a name
input: [3, 32, 32]
blocks:
  unit(width): [conv width kernal=3, batchnorm, ReLU]
layers:
  - Conv2d 64 kernel=3 stirde=2 name=stem
  - unit 32 repaet=2
  - cnv: {channels: 64, kernel: 1}  # as wide
  - relu name=last
  - concat: [prev, lst]
loss: crossentropy
"""
SPELT = """\
model: m   # a name
input: [3, 32, 32]
blocks:
  unit(width): [conv width kernel=3, batchnorm, relu]
layers:
  - conv 64 kernel=3 stride=2 name=stem
  - unit 32 repeat=2
  - conv: {channels: 64, kernel: 1}  # as wide
  - relu name=last
  - concat: [prev, last]
loss: crossentropy
"""


def test_a_spelling_of_pytorch_is_mended_safely(lint, write, folder):
    path = write("a.yaml", BIASED.replace("kernel=3", "kernel_size=3"))
    assert lint(path, "--fix", "--select", "SPC").status == 0
    assert (folder / path).read_text() == BIASED


def test_what_was_probably_meant_is_written_on_request(lint, write, folder):
    path = write("a.yaml", MISSPELT)
    assert lint(path, "--fix").status == 1
    assert (folder / path).read_text() == MISSPELT
    assert lint(path, "--fix", "--unsafe-fixes", "--select", "SPC").status == 0
    assert (folder / path).read_text() == SPELT


def test_errors_of_shape_may_show_when_the_form_is_mended(lint, write, folder):
    path = write("a.yaml", BIASED.replace("kernel=3", "kernel_size=64") + "  - linear 10\n")
    done = lint(path, "--fix", "--format", "concise")
    assert "SHP103" in done.out
    assert (folder / path).read_text() == BIASED.replace("kernel=3", "kernel=64") + "  - linear 10\n"


def test_a_layer_that_brings_axes_in_order_is_added_on_request(lint, write, folder):
    text = """\
model: m
input: [3, 16, 15]
blocks:
  head(n):
    - linear n  # scores
layers:
  - conv 8 kernel=3 # stem
  - layernorm  # over channels
  - [relu, linear 8]
  - [identity, {conv: {channels: 8, kernel: 1}}]
  - head 10
"""
    mended = (
        text.replace("  - layernorm", "  - rearrange 'c h w -> h w c'\n  - layernorm")
        .replace("    - linear n", "    - flatten\n    - linear n")
        .replace("[identity, {", "[identity, rearrange 'h w c -> c h w', {")
    )
    path = write("a.yaml", text)
    assert lint(path, "--fix", "--select", "SHP").status == 1
    assert (folder / path).read_text() == text
    assert lint(path, "--unsafe-fixes", "--select", "SHP").status == 0
    assert (folder / path).read_text() == mended


def test_a_layer_that_decides_a_layout_is_not_deleted(lint, write, folder):
    """Behind it `softmax` would not know its axis, or take another one."""
    text = "model: m\ninput: [4, 8, 8]\nlayers:\n  - softmax\n  - maxpool 1\n  - [flatten, linear 3]\n"
    path = write("a.yaml", text)
    done = lint(path, "--select", "GEO207", "--format", "concise", "--fix", "--unsafe-fixes")
    assert "GEO207" in done.out
    assert (folder / path).read_text() == text
    path = write("b.yaml", text.replace("softmax", "conv 4 kernel=1"))
    assert lint(path, "--select", "GEO207", "--fix").err == TOLD


def test_outputs_are_those_of_the_batch(lint, write, folder):
    text = "model: m\ninput: [7]\nlayers:\n  - linear 7\n  - groupnorm 7 from=input name=n1\n  - relu from=input\n"
    path = write("a.yaml", text)
    assert lint(path, "--batch", "2", "--fix", "--select", "GRF701").status == 0
    assert (folder / path).read_text() == text.replace("  - groupnorm 7 from=input name=n1\n", "")
