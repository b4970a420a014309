"""JUnit's XML: a suite for each file, a case for each finding, and a passing case for a clean file."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from archcalc.reports.findings.report import Report
from archcalc.rules.base import Finding

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Findings that do not fail the run pass, with their message as output."""
    suites = []
    tests = failures = 0
    for path, findings in report.by_file().items():
        failed = sum(report.fails(finding) for finding in findings)
        cases = [_case(path, finding, report.fails(finding)) for finding in findings]
        if not cases:
            cases = [f"    <testcase name={_quote('lint')} classname={_quote(path)} file={_quote(path)}/>\n"]
        counts = f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="0"'
        suites.append(f"  <testsuite name={_quote(path)} {counts}>\n{''.join(cases)}  </testsuite>\n")
        tests += len(cases)
        failures += failed
    head = f'<testsuites name="archcalc" tests="{tests}" failures="{failures}" errors="0">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{"".join(suites)}</testsuites>\n'


def _case(path: str, finding: Finding, fails: bool) -> str:
    place = finding.place
    name = f"{finding.code} {finding.name}".rstrip()
    told = f"line {place.line}, col {place.column}: {finding.code} {finding.message}"
    text = escape(_clean(told + (f"\n{finding.help}" if finding.help else "")))
    head = f'name={_quote(name)} classname={_quote(path)} file={_quote(path)} line="{place.line}"'
    if fails:
        inside = f'<failure type="{finding.severity}" message={_quote(finding.message)}>{text}</failure>'
    else:
        inside = f"<system-out>{text}</system-out>"
    return f"    <testcase {head}>\n      {inside}\n    </testcase>\n"


def _quote(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
