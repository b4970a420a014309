"""`archcalc watch`: the table follows the file."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from archcalc.commands.watch import Watch, stamps
from archcalc.reports.blocks import Page, rendered
from tests.conftest import ROOT
from tests.program import run

GOOD = "model: good\ninput: [4]\nlayers: [linear 8, relu]\n"
OTHER = "model: other\ninput: [4]\nlayers: [linear 16, relu]\n"
WRONG = "model: good\ninput: [4]\nlayers: [linaer 8, relu]\n"


def seen(watch: Watch) -> str:
    watch.look()
    return rendered(watch.frame(), Page(80))


def test_the_last_good_table_stays_in_sight(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(GOOD)
    watch = Watch(str(path), {}, 1, 1)
    assert "40 parameters" in seen(watch)
    path.write_text(WRONG)
    out = seen(watch)
    assert "did you mean `linear`" in out or "write `linear" in out
    assert out.index("linaer") < out.index("the last version that was valid") < out.index("40 parameters")
    path.write_text(OTHER)
    out = seen(watch)
    assert "80 parameters" in out
    assert "linaer" not in out
    assert "the last version" not in out


def test_a_file_that_was_never_valid_has_its_error(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(WRONG)
    out = seen(Watch(str(path), {}, 1, 1))
    assert "linaer" in out
    assert "parameters" not in out


def test_a_file_of_blocks_is_followed_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blocks.yaml").write_text("blocks:\n  b(): [linear 8]\n")
    (tmp_path / "net.yaml").write_text("model: good\ninput: [4]\ninclude: [blocks.yaml]\nlayers: [b]\n")
    watch = Watch("net.yaml", {}, 1, 1)
    assert "40 parameters" in seen(watch)
    before = stamps(watch.paths)
    (tmp_path / "blocks.yaml").write_text("blocks:\n  b(): [linear 16 bias=false]\n")
    assert stamps(watch.paths) != before
    assert "64 parameters" in seen(watch)


def test_a_file_that_is_gone_is_told(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(GOOD)
    watch = Watch(str(path), {}, 1, 1)
    assert "saved" in seen(watch)
    path.unlink()
    out = seen(watch)
    assert "not there" in out
    assert "no such file" in out
    assert "40 parameters" in out


def test_an_expectation_that_does_not_hold_is_told(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(GOOD + "expect: {params: 41}\n")
    assert "expects 41" in seen(Watch(str(path), {}, 1, 1))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_runs_until_it_is_ended(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(GOOD)
    process = subprocess.Popen(
        [sys.executable, "-m", "archcalc", "watch", str(path), "--interval", "0.02"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    try:
        for text, wanted in ((None, "40 parameters"), (WRONG, "linaer"), (OTHER, "80 parameters")):
            if text is not None:
                path.write_text(text)
            lines = ""
            while wanted not in lines:
                line = process.stdout.readline()
                assert line, lines
                lines += line
            time.sleep(0.05)  # another time of change
        process.send_signal(2)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_what_is_no_file():
    assert run("watch", "-").returncode == 2
    assert "not a file" in run("watch", "nothing.yaml").stderr
