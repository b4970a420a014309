"""What the README and the docs show is what the program prints, and what they link to exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

import archcalc
from archcalc.cli import group
from archcalc.network.load import load_graph
from tests.program import run

from .conftest import ROOT, SPECS

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
WRITTEN = [page for page in PAGES if DOCS / "reference" not in page.parents]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
SHOWN = [
    (page, command, output)
    for page in WRITTEN
    for command, output in re.findall(r"```console\n\$ archcalc (.*)\n((?:.*\n)*?)```", TEXTS[page])
]
REGENERATE = "out of date: run `python docs/generate.py`"


def files(page: Path) -> dict[str, str]:
    """The specs that a page shows under their name."""
    found = re.finditer(r"^# (\S+\.yaml)\n(?:.*\n)*?(?=```)", TEXTS[page], re.MULTILINE)
    return {match.group(1): match.group(0) for match in found}


def laid_out(page: Path, folder: Path) -> Path:
    """A folder with specs/ and the page's own files."""
    (folder / "specs").symlink_to(ROOT / "specs")
    for name, text in files(page).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def printed(command: str, folder: Path) -> str:
    done = run(*shlex.split(command), cwd=folder, env={"COLUMNS": "100"})
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("page", "command", "output"), SHOWN, ids=[f"{page.stem}: {command}" for page, command, _ in SHOWN]
)
def test_output(page: Path, command: str, output: str, tmp_path: Path) -> None:
    told = f"{page.name} shows something else: if that is meant, run `python -m tests.test_docs`"
    assert output == printed(command, laid_out(page, tmp_path)), told


@pytest.mark.parametrize("page", [page for page in WRITTEN if files(page)], ids=lambda page: page.stem)
def test_specs_are_networks(page: Path, tmp_path: Path) -> None:
    laid_out(page, tmp_path)
    for name in files(page):
        if name != "mine.yaml":  # which has a mistake in it
            graph = load_graph(str(tmp_path / name))
            assert all(load_graph(f"{tmp_path / name}@{variant}").nodes for variant in graph.document.variants)


@pytest.mark.parametrize("page", [page for page in WRITTEN if "```python" in TEXTS[page]], ids=lambda page: page.stem)
def test_python_examples(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for code in re.findall(r"```python\n((?:.*\n)*?)```", TEXTS[page]):
        exec(code, {"archcalc": archcalc})


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_indexes_are_what_their_files_hold() -> None:
    for path, text in generator().indexes().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.relative_to(ROOT)} is {REGENERATE}"


def test_the_reference_is_what_the_program_says() -> None:
    made = generator().pages()
    there = {str(page.relative_to(DOCS / "reference")): TEXTS[page] for page in PAGES if page not in WRITTEN}
    assert sorted(made) == sorted(there), REGENERATE
    for name, text in made.items():
        assert text == there[name], f"docs/reference/{name} is {REGENERATE}"


def test_the_pictures_show_what_the_program_prints() -> None:
    module = generator()
    there = {picture.name: picture.read_text(encoding="utf-8") for picture in module.PICTURES.iterdir()}
    made = module.pictures()
    assert sorted(made) == sorted(there), REGENERATE
    for name, text in made.items():
        assert text == there[name], f"docs/pictures/{name} is {REGENERATE}"
        assert f"docs/pictures/{name}" in TEXTS[ROOT / "README.md"], f"the README does not show {name}"


def test_commands_are_in_the_table() -> None:
    table = TEXTS[DOCS / "commands.md"]
    for name in re.findall(r"^## (\S+)$", TEXTS[DOCS / "reference" / "commands.md"], re.MULTILINE):
        assert f"`archcalc {name}" in table, f"docs/commands.md does not say what `archcalc {name}` is for"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_options_exist(page: Path) -> None:
    shell = "".join(re.findall(r"^ *```sh\n(.*?)^ *```", TEXTS[page], re.DOTALL | re.MULTILINE))
    lines = re.findall(r"archcalc ([a-z]+)\b(.*?)(?:#|\||$)", shell, re.MULTILINE)
    for name, words in [*lines, *re.findall(r"`archcalc ([a-z]+)\b([^`]*)`", TEXTS[page])]:
        if (command := group.get_command(click.Context(group), name)) is not None:
            known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
            assert set(re.findall(r"(?<=\s)--?[a-z][\w-]*", words)) <= known | {"--help"}, f"{name}{words}"


def anchors(text: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title)).strip().lower().replace(" ", "-") for title in titles}  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_counts() -> None:
    assert len(SPECS) > 48
    assert len(SHOWN) >= 14


def write() -> None:
    """Put what the program prints into the pages: `python -m tests.test_docs`."""
    import tempfile

    for page in WRITTEN:
        with tempfile.TemporaryDirectory() as name:
            folder = laid_out(page, Path(name))
            text = TEXTS[page]
            for shown, command, output in SHOWN:
                if shown == page:
                    old = f"```console\n$ archcalc {command}\n{output}```"
                    text = text.replace(old, f"```console\n$ archcalc {command}\n{printed(command, folder)}```")
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
