"""Every rule: its documentation, its example, what to use instead, and its fix."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import archcalc.rules
from archcalc.rules.base import EVIDENCE, SEVERITIES, Finding, Rule
from archcalc.rules.check import load_rules
from tests.each import each
from tests.rules.linting import apply, findings, lint

RULES = list(load_rules().values())
# What an example shows besides its own rule, because the two come together.
ALSO: dict[str, set[str]] = {"SHP110": {"SHP114"}}


def rule_ids(rule: Rule) -> str:
    return rule.name


def test_codes_and_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == len({rule.code for rule in RULES})


@each(RULES)
def test_its_file_is_where_its_name_says(rule: Rule) -> None:
    group, _, file = type(rule).__module__.removeprefix("archcalc.rules.").partition(".")
    assert (group.upper(), file) == (rule.code[:3], rule.name.replace("-", "_"))
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.code)


def test_one_rule_in_a_file() -> None:
    files = []
    for group in pkgutil.iter_modules(archcalc.rules.__path__):
        if group.ispkg:
            folder = Path(*import_module(f"archcalc.rules.{group.name}").__path__)
            files += [path for path in folder.glob("*.py") if path.stem != "__init__"]
    unlisted = {path.stem for path in files} ^ {rule.name.replace("-", "_") for rule in RULES}
    assert not unlisted, f"run `python docs/generate.py`, which lists {unlisted} in archcalc/rules/index.py"
    assert len(files) == len(RULES)


@each(RULES)
def test_it_says_what_and_why(rule: Rule) -> None:
    text = inspect.getdoc(type(rule)) or ""
    first, _, rest = text.partition("\n")
    assert first.endswith((".", "?"))
    assert not rest.split("\n")[0], "the first line stands alone"
    assert len(rest.partition("Example:")[0].strip()) > 40, "why it matters"
    assert all(type(rule).section(title).strip() for title in ("Example", "Use instead", "Reference"))
    assert rule.severity in SEVERITIES
    assert rule.evidence in EVIDENCE
    assert rule.fixable in ("", "safe", "unsafe")
    if rule.evidence == "heuristic":
        assert (rule.severity, rule.on) == ("info", False)


@each(RULES)
def test_its_example_fires(rule: Rule) -> None:
    found = findings(rule.section("Example"), ("ALL",))
    assert rule.code in {finding.code for finding in found}
    on = {finding.code for finding in lint(rule.section("Example"))} - {rule.code}
    assert on <= ALSO.get(rule.code, set())
    for finding in found:
        if finding.code == rule.code:
            assert isinstance(finding, Finding)
            assert finding.help
            assert finding.message[0] == finding.message[0].lower()
            assert rule.evidence != "proof" or finding.data, "a proof carries its numbers"


@each(RULES)
def test_what_to_use_instead_is_silent(rule: Rule) -> None:
    assert not [finding.message for finding in lint(rule.section("Use instead"), (rule.code,))]
    assert not {finding.code for finding in lint(rule.section("Use instead"))} - ALSO.get(rule.code, set())


@each([rule for rule in RULES if rule.fixable])
def test_its_fix_mends_the_example_once(rule: Rule) -> None:
    text = rule.section("Example")
    found = findings(text, (rule.code,))
    fixes = [finding.fix for finding in found if finding.fix]
    assert fixes
    assert {fix.safe for fix in fixes} == {rule.fixable == "safe"}
    mended = apply(text, fixes)
    assert mended != text
    again = findings(mended, (rule.code,))
    assert not again
    assert apply(mended, [finding.fix for finding in again if finding.fix]) == mended


@each([rule for rule in RULES if not rule.fixable])
def test_no_fix_where_none_is_promised(rule: Rule) -> None:
    assert not any(finding.fix for finding in findings(rule.section("Example"), (rule.code,)))
