"""`archcalc watch`: the table follows the file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from archcalc.commands.watch import _CLEAR, Watch, fitting, stamps
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
    assert out.index("linaer") < out.index("the last valid version") < out.index("40 parameters")
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
    assert "save it again" in out
    assert "did you mean" not in out
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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
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


def test_a_short_terminal_keeps_the_totals(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(f"model: long\ninput: [4]\nlayers: [{', '.join(['linear 4, relu'] * 20)}]\n")
    watch = Watch(str(path), {}, 1, 1)
    watch.look()
    for terminal in (True, False):
        lines = rendered(watch.frame(), Page(80, terminal=terminal, colored=terminal)).rstrip("\n").split("\n")
        for room in (14, 18, 24):
            shown = fitting(lines, room)
            assert len(shown) == room
            assert shown[:3] == lines[:3]
            assert any("400 parameters" in line for line in shown)
            assert any(line == f"  and {len(lines) - room + 1} more lines" for line in shown)
        assert fitting(lines, len(lines)) == lines


def test_a_long_path_is_on_one_line(tmp_path):
    path = tmp_path / ("a_long_name_of_a_folder_" * 4) / "net.yaml"
    path.parent.mkdir()
    path.write_text(GOOD)
    status = seen(Watch(str(path), {}, 1, 1)).splitlines()[0]
    assert len(status) <= 80
    assert "/net.yaml · saved" in status


def test_what_has_scrolled_away_is_left():
    assert "3J" not in _CLEAR


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_spec_that_comes_along_is_found_by_its_name():
    process = subprocess.Popen(
        [sys.executable, "-m", "archcalc", "watch", "lenet"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    try:
        assert "lenet.yaml" in process.stdout.readline()
    finally:
        process.kill()
        process.communicate()
    assert "did you mean `lenet`?" in run("watch", "lenett").stderr


def test_what_is_no_file():
    assert run("watch", "-").returncode == 2
    assert "not a file" in run("watch", "nothing.yaml").stderr
