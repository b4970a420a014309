"""Patterns that are compiled when first used are patterns to all who ask."""

from __future__ import annotations

import re
import sys

import pytest

from archcalc import patterns
from archcalc.patterns import Later, imported


@pytest.mark.parametrize(
    "ask",
    [
        lambda pattern: re.findall(pattern, "aab a"),
        lambda pattern: re.sub(pattern, "x", "aab a"),
        lambda pattern: re.compile(pattern).split("aab a"),
        lambda pattern: [found.span() for found in re.finditer(pattern, "aab a")],
        lambda pattern: pattern.fullmatch("AAA") is not None,
        lambda pattern: (pattern.groups, pattern.flags, isinstance(pattern, re.Pattern)),
    ],
)
def test_a_later_pattern_answers_as_one(ask):
    assert ask(Later("a+", re.IGNORECASE)) == ask(re.compile("a+", re.IGNORECASE))


def test_what_is_wrong_with_a_pattern_is_said_when_it_is_used():
    with pytest.raises(re.error):
        Later("(").match("")


def test_patterns_of_an_imported_module_are_compiled_when_asked(tmp_path, monkeypatch):
    (tmp_path / "has_pattern.py").write_text("import re\nNAME = re.compile('[a-z]+')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(patterns.sys, "modules", {**sys.modules, "threading": None})
    compile = re.compile
    module = imported("has_pattern")
    assert type(module.NAME) is Later
    assert module.NAME.match("abc")[0] == "abc"
    assert re.compile is compile
