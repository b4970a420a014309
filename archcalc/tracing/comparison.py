"""The counts of a spec compared with those of its source: parameters, MACs, output sizes."""

from __future__ import annotations

import os
from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.tracing.calls import PARAMETER, Run


class Comparison:
    """The numbers of both sides.

    Attributes:
        params, macs, outputs: pairs, ours first; unused: MACs of calls whose results go nowhere, by place of the call;
        unreached: parameters that no call reads, by name, with how many.
        declared: the opaque layers, with their lines; remarks: what the language cannot say;
        fixed: MACs of calls that read neither inputs nor parameters, such as angles of positions, by place;
        left_out: what combines samples, across: the parameters that it reads, by name;
        notes: where the spec differs from its source with the same values;
        checked: the result of comparing outputs, if that was asked for; wrong: whether they differ.
        numel: all parameters of the source; whose: the source in a word, such as `PyTorch`.
    """

    def __init__(self, costs: Costs, run: Run, numel: int, unreached: dict[str, int], whose: str = "PyTorch") -> None:
        self.unreached = unreached
        self.numel = numel
        self.whose = whose
        self.params = costs.totals.params, self.numel - sum(unreached.values())
        self.unused, self.fixed = _beside(run)
        self.left_out = _left_out(run)
        self.across = _read_across(run)
        self.macs = costs.totals.macs, _macs(run) - sum(self.unused.values()) - sum(self.fixed.values())
        ours = [[int(size) for size in tensor.shape] for tensor in costs.graph.outputs.values()]
        theirs: list[list[int]] = []
        for _, value in run.outputs:
            if value.of_data:
                theirs.append(list(value.sizes) or [1])
        self.outputs = ours, theirs
        self.declared: list[tuple[int, str]] = []
        self.remarks: list[str] = []
        self.notes: list[str] = []
        self.checked: str | None = None
        self.wrong = False

    @property
    def equal(self) -> bool:
        """Whether all numbers are equal, and the outputs too if they were compared."""
        return (
            self.params[0] == self.params[1] and self.macs[0] == self.macs[1] and self._outputs_equal and not self.wrong
        )

    @property
    def _outputs_equal(self) -> bool:
        ours, theirs = self.outputs
        return all(one in theirs for one in ours) and all(one in ours for one in theirs)

    def lines(self, name: str) -> Iterable[str]:
        """What is printed after an import."""
        rows = [("parameters", *self.params), ("MACs", *self.macs)]
        wrong = [f"{ours:,} {what} here, {theirs:,} in {self.whose}" for what, ours, theirs in rows if ours != theirs]
        if not self._outputs_equal:
            wrong.append(f"outputs {_sizes(self.outputs[0])} here, {_sizes(self.outputs[1])} in {self.whose}")
        if wrong:
            yield f"{name}: {'; '.join(wrong)}"
        else:
            yield f"{name}: {self.params[0]:,} parameters, {self.macs[0]:,} MACs, output {_sizes(self.outputs[0])}, as in {self.whose}"
        unread = {one: count for one, count in self.unreached.items() if one not in self.across}
        if unread:
            yield f"  {sum(unread.values()):,} parameters are not read in this mode and not in the spec: {_tops(unread)}"
        if self.left_out:
            yield f"  {self.left_out}"
        lost = {one: count for one, count in self.unreached.items() if one in self.across}
        if lost:
            count = sum(lost.values())
            what, they = ("1 parameter goes", "it is") if count == 1 else (f"{count:,} parameters go", "they are")
            yield f"  {what} into that; like its MACs, {they} not in the spec: {_tops(lost)}"
        for counts, of in (
            (self.unused, "results that nothing reads"),
            (self.fixed, "numbers that depend on no input"),
        ):
            if counts:
                places = ", ".join(f"{file}:{line}" for file, line in list(counts)[:3])
                yield f"  {sum(counts.values()):,} MACs of {of} are not in the spec: {places}"
        for line, what in self.declared:
            yield f"  line {line}: opaque, {what}"
        for remark in (*self.remarks, *self.notes):
            yield f"  {remark}"
        if self.checked is not None:
            yield f"  {self.checked}"


def _macs(run: Run) -> int:
    """The MACs of one sample."""
    return sum(call.macs for call in run.calls if call not in run.across)


def _beside(run: Run) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
    """MACs of calls that no output depends on, and of calls that read no input and no parameter, by file and line."""
    needed: set[int] = set()
    left = [value for _, value in run.outputs]
    while left:
        call = left.pop().call
        if call is not None and id(call) not in needed:
            needed.add(id(call))
            left += call.values()
    unused: dict[tuple[str, int], int] = {}
    fixed: dict[tuple[str, int], int] = {}
    for call in run.calls:
        is_fixed = not any(one.of_data or one.of_parameters for one in call.outs)
        if call.macs and call not in run.across and (is_fixed or id(call) not in needed):
            found = fixed if id(call) in needed else unused
            found[call.place] = found.get(call.place, 0) + call.macs
    return unused, fixed


def _left_out(run: Run) -> str | None:
    """What is printed about calls that combine samples."""
    places = list(
        dict.fromkeys(f"{os.path.basename(file)}:{line}" for file, line in (call.place for call in run.across))
    )
    if not places:
        return None
    shown = ", ".join(places[:3]) + (", ..." if len(places) > 3 else "")
    return f"what combines samples of the batch ({shown}) is not in the spec: its inputs are outputs instead"


def _read_across(run: Run) -> set[str]:
    """The names of the parameters that go into calls that combine samples, directly or computed from parameters."""
    found: set[str] = set()
    calls, seen = list(run.across), {id(call) for call in run.across}
    while calls:
        call = calls.pop()
        if call.module is not None:
            home = f"{call.scope.name}." if call.scope.name else ""
            found |= {f"{home}{name}" for name, _ in call.module.named_parameters()}
        for value in call.values():
            if value.source == PARAMETER:
                found.add(value.name)
            elif value.call is not None and not value.of_data and id(value.call) not in seen:
                seen.add(id(value.call))
                calls.append(value.call)
    return found


def _tops(names: dict[str, int]) -> str:
    """The first parts of names, for a message."""
    tops = sorted({one.partition(".")[0] for one in names})
    return ", ".join(tops[:4]) + (", ..." if len(tops) > 4 else "")


def _sizes(shapes: list[list[int]]) -> str:
    return ", ".join("×".join(map(str, one)) for one in shapes[:6]) + (", ..." if len(shapes) > 6 else "")
