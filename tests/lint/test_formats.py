"""Every form of a report against a golden file; schemas where others define the form.

To write the golden files anew: ARCHCALC_GOLDEN=write python -m pytest tests/lint/test_formats.py
"""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from archcalc import __version__
from archcalc.diagnostics import Diagnostic, Edit, Fix, Note, Source, Span
from archcalc.reports import forms
from archcalc.reports.blocks import Drawing, Page, rendered
from archcalc.reports.findings.report import Report
from archcalc.rules.base import RULES, Finding, Rule

HERE = Path(__file__).parent
GOLDEN = os.environ.pop("ARCHCALC_GOLDEN", "") == "write"


class Documented(Rule):
    """A rule with a page of its own.

    It says why.

    Example:
        model: example

        input: [1]

    Use instead:
        model: other

    Reference:
        A book,
        page 3.
    """

    code, name, severity, fixable = "TST901", "documented", "warning", "safe"


def findings() -> list[Finding]:
    """One of each severity: with a fix and notes, with everything that must be escaped, over two lines."""
    source = Source("specs/größe 1.yaml", "model: 😀 m\nlayers:\n  - conv 64 kernel=3\n  - batchnorm\n")
    blocks = Source("specs/blocks.yml", "blocks: {}\n")
    odd = '100%, <b>|x|</b> & `a`\n::error file=x:: \r\x07 "quoted" 😀'
    fix = Fix("write `bias=false`", (Edit(Span(source, 3, 21, 3, 21), " bias=false"),), True)
    two = Fix("both", (Edit(Span(source, 3, 5, 3, 9), "x"), Edit(Span(source, 4, 5, 4, 14), "y")), False)
    notes = (Note("normalised here", Span(source, 4, 5, 4, 14)), Note("in block", Span(blocks, 1, 1, 1, 7)), Note("so"))
    here, both = Span(source, 3, 5, 3, 9), Span(source, 3, 3, 4, 14)
    return [
        Finding(Diagnostic("BUD901", odd, Span(source, 1, 8, 1, 9), "help, too"), "odd", data={"limit": 10**20}),
        Finding(Diagnostic("TST901", "64 biases", here, "see", notes, "warning", fix), "documented", "proof", "s.c"),
        Finding(Diagnostic("TST901", "again", here, severity="warning"), "documented", "proof", "s.c"),
        Finding(Diagnostic("TST902", "two lines", both, severity="info", fix=two), "both", "heuristic", "s.d"),
    ]  # fmt: skip


def render(form: str, report: Report) -> str:
    """The text of a form, with its colours."""
    made = forms.render("findings", form, report)
    return rendered(made, Page(80)) if isinstance(made, Drawing) else made


@pytest.fixture
def report(monkeypatch) -> Report:
    monkeypatch.setitem(RULES, "TST901", Documented())
    monkeypatch.delitem(RULES, "BUD901", raising=False)  # its page is not what is tested
    return Report(findings(), ["specs/größe 1.yaml", "specs/clean.yaml"], "warning")


@pytest.mark.parametrize("form", forms.forms("findings"))
def test_golden(report, form):
    text = render(form, report).replace(__version__, "VERSION")
    path = HERE / "golden" / f"{form}.txt"
    if GOLDEN:
        path.write_bytes(text.encode())
    assert path.exists(), "write the golden file of this form: ARCHCALC_GOLDEN=write, as this file says"
    assert text.encode() == path.read_bytes()


@pytest.mark.parametrize("form", forms.forms("findings"))
def test_nothing_found(form):
    text = render(form, Report([], ["a.yaml"]))
    if form in ("json", "gitlab", "sarif", "rdjson"):
        json.loads(text)
    if form in ("full", "grouped"):
        assert text == "no findings in 1 spec\n"
    elif form in ("concise", "jsonl", "github"):
        assert text == ""
    else:
        assert text.endswith("\n")


@pytest.mark.parametrize("form", ["sarif", "gitlab", "rdjson"])
def test_schema(report, form):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((HERE / "schemas" / f"{form}.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for one in (report, Report([])):
        assert not list(validator.iter_errors(json.loads(render(form, one))))
    assert list(validator.iter_errors({"results": 1}))  # the schema does hold something


def test_sarif_says_what_github_needs(report):
    run = json.loads(render("sarif", report))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["BUD901", "TST901", "TST902"]
    for rule in rules:
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
    assert rules[1]["fullDescription"]["text"] == "A rule with a page of its own."
    assert "```yaml\nmodel: example\n\ninput: [1]\n```" in rules[1]["help"]["markdown"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "specs/gr%C3%B6%C3%9Fe%201.yaml"
    marks = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(marks)) == len(marks)


def test_github_commands_cannot_be_forged(report):
    lines = render("github", report).splitlines()
    assert len(lines) == len(report.findings)
    assert all(re.match(r"::(error|warning|notice) title=archcalc \(\w+\),file=[^,:]+,line=\d", line) for line in lines)
    assert "100%25, <b>" in lines[0]
    assert "%0A::error file=x:: %0D" in lines[0]
    assert "endLine=4::two lines" in lines[3]  # no columns over several lines
    path = Source("a,b:c%.yaml", "x")
    line = render("github", Report([Finding(Diagnostic("TST901", "m", Span(path, 1, 1, 1, 2)))]))
    assert "file=a%2Cb%3Ac%25.yaml," in line


@pytest.mark.parametrize("form", ["full", "concise", "grouped", "markdown"])
def test_a_terminal_is_not_told_what_to_do(report, form):
    assert not set("\r\x07\x00") & set(render(form, report))


def test_github_puts_the_whole_list_on_the_page(lint, write, folder, monkeypatch):
    from .conftest import BIASED

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    (folder / "summary.md").write_text("before\n")
    lint(write("a.yaml", BIASED), "--select", "PRM301", "--format", "github")
    assert (folder / "summary.md").read_text().startswith("before\n**archcalc: 1 warning; 1 can be fixed with --fix**")


def test_junit_can_be_read_and_counts(report):
    suites = ElementTree.fromstring(render("junit", report))
    for element in (suites, *suites):
        cases = element.findall(".//testcase")
        assert int(element.get("tests")) == len(cases)
        assert int(element.get("failures")) == len(element.findall(".//failure"))
    assert [len(suite) for suite in suites] == [4, 1]
    assert len(suites.findall(".//failure")) == 3  # of four findings one is below --fail-on
    assert all(len(case) <= 1 for case in suites.iter("testcase"))


def test_markdown_cells_stay_in_their_row(report):
    lines = [line for line in render("markdown", report).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {5}
    assert len(lines) == len(report.findings) + 2
    assert "<b>" not in "".join(lines)


def test_a_fingerprint_does_not_follow_the_line():
    def marks(shift, order):
        source = Source("a.yaml", "\n" * 20)
        found = [
            Finding(Diagnostic("TST901", "m", Span(source, line + shift, 1, line + shift, 2)), layer="c")
            for line in order
        ]
        return dict(zip(order, Report(found).fingerprints()))

    assert marks(0, (1, 2, 3)) == marks(9, (3, 1, 2))
    assert len(set(marks(0, (1, 2, 3)).values())) == 3


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", None])
def test_paths_are_relative_to_the_repository(folder, monkeypatch, variable):
    from archcalc.reports.findings.report import shown_path

    if variable:
        monkeypatch.setenv(variable, str(folder.parent))
    prefix = f"{folder.name}/" if variable else ""
    assert shown_path(str(folder / "n" / "a.yaml")) == f"{prefix}n/a.yaml"
    assert shown_path("n/./a.yaml") == f"{prefix}n/a.yaml"
    assert shown_path("/elsewhere/a.yaml") == "/elsewhere/a.yaml"
    assert shown_path("<stdin>") == "<stdin>"


def test_columns_count_code_points(lint, write):
    path = write("a.yaml", "model: '😀é'\ninput: [3, 8, 8]\nlayers: [conv 4 kernel=3 name=é😀]\n")
    found = json.loads(lint(path, "--format", "json").out)["findings"][0]
    assert found["start"]["column"] == 31
    assert found["end"]["column"] == 33


def test_reviewdog_counts_bytes(lint, write):
    text = "{model: é😀, input: [3, 8, 8], layers: [conv 4 kernel=3, batchnorm]}"
    (found,) = json.loads(lint(write("a.yaml", text), "--select", "PRM301", "--format", "rdjson").out)["diagnostics"]
    start = text.encode().find(b"conv") + 1
    assert found["location"]["range"]["start"] == {"line": 1, "column": start}
    assert found["suggestions"][0]["range"]["start"] == {"line": 1, "column": start + len("conv 4 kernel=3")}
