"""Applies fixes to the text of a spec, but only those that keep their promise.

Edits are spliced in at their places; every other byte is kept. The result is checked: the spec must
still be valid, the finding gone and, after a safe fix, the outputs unchanged.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from archcalc.diagnostics import LINE_BREAK, Edit, RequestError, Source, Span, SpecError, cannot
from archcalc.network.load import Networks, split_variant
from archcalc.opening import read
from archcalc.output import rewrite
from archcalc.quoting import patch_name
from archcalc.rules.base import Finding
from archcalc.rules.check import check
from archcalc.rules.codes import LANGUAGE, WARNINGS
from archcalc.rules.runner import Task
from archcalc.rules.selection import Selection

# Fixes may uncover others; a chain longer than this is a loop.
_PASSES = 50
# Where something starts and ends, as line and column.
_Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass
class Fixed:
    """The result of fixing a spec.

    Attributes:
        path: the file; before, text: its old and its new content.
        findings: the remaining findings.
        applied: how many fixes were applied.
        refused: a sentence for each fix that was not applied because it did not keep its promise.
    """

    path: str
    before: str
    text: str
    findings: list[Finding]
    applied: int = 0
    refused: list[str] = field(default_factory=list)


def fix(task: Task, selection: Selection, unsafe: bool, wanted: Callable[[Finding], bool]) -> Fixed:
    """The spec of `task` with every fix that can be applied; nothing is written.

    Args:
        task: the spec.
        selection: the rules.
        unsafe: whether to apply fixes that change what is computed, too.
        wanted: which findings to fix at all.
    """
    path, variant = split_variant(task.spec)
    try:
        source = read(path)
    except SpecError as error:
        return Fixed(path, "", "", [Finding(one) for one in error.diagnostics])

    def look(text: str) -> _State:
        return _State(Source(source.path, text, source.kind), task, selection, variant)

    state = look(source.text)
    result = Fixed(path, source.text, source.text, state.findings)
    if source.kind:
        result.refused = [
            f"{path} is {source.kind}, which is not fixed: `archcalc import {path} -o net.yaml` writes a spec"
        ]
        return result
    refused: dict[tuple[str, str], str] = {}
    for _ in range(_PASSES):
        open_ = [
            finding
            for finding in state.findings
            if finding.fix
            and (unsafe or finding.fix.safe)
            and wanted(finding)
            and (finding.code, finding.message) not in refused
            and all(edit.place.source is state.source for edit in finding.fix.edits)
        ]
        chosen = _apart(open_)
        if not chosen:
            break
        after = look(splice(state.source, _edits(chosen)))
        if not _kept(state, after, chosen):
            chosen = chosen[:1]  # one of them is at fault: continue one at a time
            after = look(splice(state.source, _edits(chosen)))
            if not _kept(state, after, chosen):
                finding = chosen[0]
                refused[finding.code, finding.message] = (
                    f"{finding.place}: the fix of {finding.code} was not applied: the spec would be invalid, or keep "
                    "the finding"
                )
                continue
        state = after
        result.applied += len(chosen)
    result.text = state.source.text
    result.findings = state.findings
    result.refused = list(refused.values())
    return result


class _State:
    """A text, its findings, and its outputs in every variant."""

    def __init__(self, source: Source, task: Task, selection: Selection, variant: str | None) -> None:
        self.source = source
        self.networks = Networks(source)
        self.findings = check(self.networks, selection, variant, task.budget, task.base, task.batch)
        errors = [one.code for one in self.findings if one.code in LANGUAGE and one.code not in WARNINGS]
        self.errors = len(errors)
        # Shapes are checked only once the form is valid: fixing errors of form may reveal errors of shape.
        self.malformed = sum(code.startswith("SPC") for code in errors)
        self.variant = variant
        self.batch = task.batch

    def outputs(self) -> list[list[object]] | None:
        """The sizes of the outputs of the model and its variants; None if one is invalid."""
        try:
            first = self.networks.graph(self.variant, self.batch)
            names = [name for name in first.document.variants if name != self.variant]
            graphs = [first, *(self.networks.graph(name, self.batch) for name in names)]
        except SpecError:
            return None
        return [[tensor.shape for tensor in graph.outputs.values()] for graph in graphs]


def _kept(before: _State, after: _State, chosen: Sequence[Finding]) -> bool:
    """Whether fixes did what they promised."""
    # a fixed shape error reveals the next one, so there may be as many as before
    shapes = any(finding.code in LANGUAGE for finding in chosen)
    worse = (after.malformed, after.errors) > (before.malformed, before.errors - (not shapes))
    if after.errors and worse:
        return False
    if not before.errors:
        old, new = before.outputs(), after.outputs()
        safe = all(finding.fix is not None and finding.fix.safe for finding in chosen)
        if (new is None and old is not None) or (safe and old != new):
            return False
    starts = line_starts(after.source)
    moved = Moved(before.source, _edits(chosen))
    left = {
        (finding.code, finding.message, offset_of(starts, finding.place.line, finding.place.column))
        for finding in after.findings
        if finding.place.source is after.source
    }
    # A deleted layer is gone: of three consecutive `relu`, the third is now where the second was.
    return not any((one.code, one.message, moved.offset(one.place)) in left and not _deleted(one) for one in chosen)


def _deleted(finding: Finding) -> bool:
    """Whether the fix of a finding deletes the layer that it is about."""
    place = _range(finding.place)
    edits = finding.fix.edits if finding.fix else ()
    return any(
        not edit.text and _range(edit.place)[0] <= place[0] <= place[1] <= _range(edit.place)[1] for edit in edits
    )


def _apart(findings: Sequence[Finding]) -> list[Finding]:
    """The findings whose edits do not touch those of an earlier one; the others wait for the next pass."""
    chosen = []
    taken: list[_Range] = []  # in order and apart
    for finding in findings:
        assert finding.fix is not None
        ranges = _joined(sorted(_range(edit.place) for edit in finding.fix.edits))
        if not ranges or any(_touches(one, taken) for one in ranges):
            continue
        for one in ranges:
            insort(taken, one)
        chosen.append(finding)
    return chosen


def _joined(ranges: Sequence[_Range]) -> list[_Range]:
    """Sorted ranges, with adjacent ones joined."""
    joined: list[_Range] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _touches(one: _Range, others: Sequence[_Range]) -> bool:
    """Whether a range touches one of others, which are sorted and disjoint."""
    at = bisect_right(others, one)
    return any(start <= one[1] and one[0] <= end for start, end in others[max(0, at - 1) : at + 1])


def _range(place: Span) -> _Range:
    return (place.line, place.column), (place.end_line, place.end_column)


def _edits(findings: Sequence[Finding]) -> list[Edit]:
    edits = [edit for finding in findings if finding.fix for edit in finding.fix.edits]
    return sorted(edits, key=lambda edit: _range(edit.place))


def splice(source: Source, edits: Sequence[Edit]) -> str:
    """The text of `source` with `edits`, which are sorted and disjoint; line breaks are those of the file."""
    starts = line_starts(source)
    newline = "\r\n" if "\r\n" in source.text else "\n"
    parts = []
    at = 0
    for edit in edits:
        place = edit.place
        start = offset_of(starts, place.line, place.column)
        parts += [source.text[at:start], edit.text.replace("\n", newline)]
        at = max(start, min(offset_of(starts, place.end_line, place.end_column), len(source.text)))
    return "".join((*parts, source.text[at:]))


class Moved:
    """The new position of a place in a text after edits."""

    def __init__(self, source: Source, edits: Sequence[Edit]) -> None:
        self.starts = line_starts(source)
        self.edges: list[int] = []
        self.shifts: list[int] = []
        newline = 2 if "\r\n" in source.text else 1
        shift = 0
        for edit in edits:
            place = edit.place
            start = offset_of(self.starts, place.line, place.column)
            end = offset_of(self.starts, place.end_line, place.end_column)
            shift += len(edit.text) + edit.text.count("\n") * (newline - 1) - (end - start)
            self.edges.append(end)
            self.shifts.append(shift)

    def offset(self, place: Span) -> int:
        """The offset of the start of `place` in the new text."""
        at = offset_of(self.starts, place.line, place.column)
        index = bisect_right(self.edges, at)
        return at + (self.shifts[index - 1] if index else 0)


def line_starts(source: Source) -> list[int]:
    """Where each line of a source begins."""
    return [0, *(match.end() for match in re.finditer(LINE_BREAK, source.text))]


def offset_of(starts: Sequence[int], line: int, column: int) -> int:
    """The number of characters before a place, in a text whose lines begin at `starts`."""
    return starts[line - 1] + column - 1 if line <= len(starts) else starts[-1]


def unified_diff(fixed: Fixed) -> str:
    """What changed, in the format of `diff -u`; empty if nothing did."""
    if fixed.text == fixed.before:
        return ""
    import difflib

    lines = []
    sides = (fixed.before.splitlines(keepends=True), fixed.text.splitlines(keepends=True))
    for line in difflib.unified_diff(*sides, patch_name(f"a/{fixed.path}"), patch_name(f"b/{fixed.path}")):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def write_fixed(fixed: Fixed) -> None:
    """Replace the file atomically, keeping its mode and byte order mark. Raises `RequestError`."""
    try:
        with open(fixed.path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise cannot("write", fixed.path, error) from None
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    if data != mark + fixed.before.encode("utf-8"):
        raise RequestError(f"cannot fix {fixed.path!r}: it changed in the meantime: run the command again")
    rewrite(fixed.path, mark + fixed.text.encode("utf-8"))
