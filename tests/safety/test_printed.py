"""Names stay names in every form: no terminal, CI system, reader of markdown or spreadsheet obeys them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from archcalc.cli import group
from archcalc.quoting import csv_cell, markdown, markdown_message, terminal_text, visible
from archcalc.reports.findings import FORMATS
from tests import hostile

from .conftest import Run

COMMANDS = [
    *(f"shapes {{0}} --format {form}" for form in ("text", "json", "csv", "markdown")),
    *(f"shapes {{0}} {{1}} --format {form}" for form in ("text", "json", "csv", "markdown")),
    "shapes {0} --like torchinfo",
    *(f"lint {{0}} --select ALL --format {form}" for form in FORMATS),
    *(f"lint {{2}} --format {form}" for form in FORMATS),
    *(f"memory {{0}} --format {form}" for form in ("text", "json", "csv", "markdown")),
    *(f"predict {{0}} --device h100 --format {form}" for form in ("text", "json", "csv", "markdown")),
    *(f"sweep {{0}} --set w=1,2 --format {form}" for form in ("text", "json", "jsonl", "csv", "markdown")),
    *(f"fit {{0}} --vary w --max params=1K --format {form}" for form in ("text", "json", "markdown")),
    *(f"diff {{0}} {{1}} --format {form}" for form in ("text", "json", "markdown")),
    "build {0}", "build {0} --format state-dict", "explain {0} first", "shapes {2}", "shapes {0} --set w={3}", "shapes {0}@{3}", "shapes {3}",
]  # fmt: skip
OURS = r"</?(br|details|summary)>|&(emsp|amp|lt|gt|#124);"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def spec(name: str, layers: str = "[linear w name=first, relu, linear 2]") -> str:
    return f"model: {quoted(name)}\nhparams: {{w: 3}}\ninput: [4]\nlayers:\n  - {layers}\n"


def is_inert(text: str, form: str = "") -> None:
    """Nothing in what is printed is obeyed by a terminal or a CI system."""
    assert all(one.isprintable() or one in "\n\t" for one in text), ascii(text)
    assert form == "github" or not re.search(r"##[a-z]*\[", text)
    for line in text.split("\n"):
        assert not line.lstrip().startswith("::") or (
            form == "github" and re.match("::(error|warning|notice) title=archcalc ", line)
        )


def is_plain(text: str) -> None:
    """Markdown that links to nothing, shows nothing and mentions nobody."""
    text = re.sub(OURS, " ", text)
    assert not re.search(r"@[\w-]|[\])!][\[(]|://|www\.|(?<!\\)<[\w/!?]|&[#\w]|#\d", text), text


@settings(
    max_examples=int(os.environ.get("ARCHCALC_HOSTILE_NAMES", "3")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(hostile.line, hostile.line, hostile.file_name, hostile.line)
@pytest.mark.parametrize("command", COMMANDS)
def test_names_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, command: str, name: str, other: str, file: str, value: str
) -> None:
    folder = tmp_path_factory.mktemp("names")
    file = "".join(one for one in file if not "\udc80" <= one <= "\udcff").replace("@", "a") or "x"
    paths = [folder / f"0{file}", folder / f"1{file}.yaml", folder / f"2{file}.yml"]
    for path, text in zip(
        paths, (spec(name), spec(other, "[linear 2*w name=first, dropout 0.1]"), spec(name, quoted(f"linear {other}")))
    ):
        path.write_text(text, "utf-8")
    words = [word.format(*paths, value) for word in command.split()]
    result = CliRunner().invoke(group, words, standalone_mode=False, prog_name="archcalc")
    assert result.exception is None or type(result.exception).__name__ in (
        "UsageError",
        "BadParameter",
        "RequestError",
        "NoSuchOption",
    ), result.exc_info
    form = words[-1] if words[-2:-1] == ["--format"] else ""
    out = result.stdout
    is_inert(out, form)
    is_inert(result.stderr)
    if form in ("json", "sarif", "gitlab", "rdjson") and out:
        document = json.loads(out)
        assert form != "json" or words[0] == "lint" or name in _texts(document)
    elif form == "csv":
        for row in csv.reader(io.StringIO(out)):
            assert all(re.match(r"[^=+@-]|-?[\d.]+(e[+-]?\d+)?\Z|\Z", cell) for cell in row), row
    elif form == "markdown":
        is_plain(re.sub(r"(?ms)^(`{3,})$.*?^\1$", "", out))


def _texts(document: object) -> list[str]:
    if isinstance(document, dict):
        return [text for value in document.values() for text in _texts(value)]
    if isinstance(document, list):
        return [text for value in document for text in _texts(value)]
    return [document] if isinstance(document, str) else []


@given(hostile.text)
def test_the_functions(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(text) == text or not text.isprintable()
    is_inert(terminal_text(text.replace("\x1b", "")))
    is_plain(markdown(text))
    assert not re.search(OURS, markdown(re.sub(r"[|&<>]", "", text)))  # an entity stands for one of these alone
    assert markdown(f"{text}&#124;").endswith("&amp;#" + markdown("#124;")[1:])
    is_plain(re.sub(r"\\\|", "", markdown_message(text)))
    if text.isprintable() and text[:1] not in ("=", "+", "-", "@", ":", "\uff1d"):
        assert csv_cell(text) == text
    document = json.dumps({"a": [text]}, ensure_ascii=False)
    assert json.loads(terminal_text(document)) == {"a": [text]}


@pytest.mark.parametrize(
    "name",
    [
        b"\xff.yaml",
        b"a\n::error::b.yaml",
        b"a\x1b[2Jb.yaml",
        b"\x1b[8mb.yaml",
        "\u202eb.yaml".encode(),
        b"##[error]b.yaml",
    ],
)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.skipif(os.name == "nt", reason="such names are those of Unix")
def test_names_of_files(clone: Path, run: Run, name: bytes, form: str) -> None:
    (clone / "net.yaml").unlink()
    path = os.fsencode(clone) + b"/" + name
    with open(path, "wb") as file:
        file.write(spec("m", "lineer 3").encode())
    for encoding in ("utf-8", "ascii", "cp1252"):
        done = run("lint", ".", "--format", form, "--output", "full=out.txt", PYTHONIOENCODING=encoding)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        is_inert(done.stdout, form)
        is_inert((clone / "out.txt").read_text("utf-8"))
        if form == "full":
            assert ("\\xff", "\\udcff")[name[0] == 255] in done.stdout or name[0] != 255
            assert terminal_text(visible(os.fsdecode(name))) in done.stdout or encoding != "utf-8"
    done = run("shapes", os.fsdecode(name), "--color", "always")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("key", [r"a\n::error::b", r"a\u001b[2Jb", r"\u202eb", "##[error]"])
def test_keys_of_settings(clone: Path, run: Run, key: str) -> None:
    for text in (f'"{key}" = 1\n', f'["{key}"]\na = 1\n', f'[lint]\n"{key}" = 1\n', f'[severity]\n"{key}" = "error"\n', f'format = "{key}"\n',
                 f'[per-file-ignores]\n"{key}" = ["NO"]\n', f'[budgets."{key}"]\nx = 1\n', f'device = "{key}"\n', f'[lint]\nselect = "{key}"\n'):  # fmt: skip
        (clone / "archcalc.toml").write_text(text, "utf-8")
        done = run("lint", ".")
        assert done.returncode == 2, text
        assert "Traceback" not in done.stderr
        is_inert(done.stdout + done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="such names are those of Unix")
def test_the_folder_of_settings(clone: Path, run: Run) -> None:
    folder = clone / "x\n::error::y\x1b[2J\udcff"
    folder.mkdir()
    (folder / "archcalc.toml").write_text("nothing = 1\n", "utf-8")
    (folder / "net.yaml").write_text(spec("m"), "utf-8")
    done = run("lint", ".", cwd=folder)
    assert done.returncode == 2
    is_inert(done.stderr)
    (folder / "archcalc.toml").write_text("[shapes]\nbatch = 'x'\n", "utf-8")
    is_inert(run("shapes", "net.yaml", cwd=folder).stderr)
