"""What an engine reserves, for people."""

from __future__ import annotations

from archcalc.memory.serving import RULE
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Heading, Parts, Wrapped
from archcalc.reports.prediction.words import between, rate
from archcalc.reports.running import lines
from archcalc.reports.serving.report import Answer, Report, described

_COLUMNS = (
    Column("what", right=False),
    Column("bytes"),
    Column("", right=False),
    Column("of the device"),
    Column("is", right=False, rank=1),
)


def render(report: Report) -> Block:
    """One after the other."""
    blocks: list[Block] = []
    for answer in report.answers:
        blocks += [*([Gap()] if blocks else []), _one(answer)]
    return Group(*blocks)


def _one(answer: Answer) -> Block:
    one, chip = answer.serving, answer.serving.running.chip
    assert chip is not None
    rows: list[tuple[list[str], Style | None]] = [
        _row("weights", one.weights, chip.memory_bytes, "exact"),
        _row("activations", one.activations, chip.memory_bytes, "rule"),
        _row("context", one.context, chip.memory_bytes, "estimate"),
        _row("cache", max(0, one.cache), chip.memory_bytes, "estimate"),
        _row("engine's share", one.usable, chip.memory_bytes, ""),
        _row("device", chip.memory_bytes, chip.memory_bytes, ""),
    ]
    return Group(
        Heading(f"{one.graph.model} on {chip.title}"),
        Wrapped(_verdict(answer), BOLD),
        *(Wrapped(line) for line in lines([one.running])),
        "",
        Columns(_COLUMNS, rows),
        Gap(),
        *(Parts(facts) for facts in _load(answer)),
        Wrapped(
            f"the rule is that of {RULE}: --share {one.engine.share:g} of the device, --positions {one.engine.positions:,} and "
            f"--sequences {one.engine.sequences:,} a step, pages of --block {one.engine.block:,}; CUDA graphs are extra",
            DIM,
        ),
    )


def _row(name: str, bytes: int, whole: int, certainty: str) -> tuple[list[str], Style | None]:
    return [name, f"{bytes:,}", numbers.size(bytes) or "0 B", f"{100 * bytes / whole:.1f} %", certainty], None


def _verdict(answer: Answer) -> str:
    one = answer.serving
    if one.cache <= 0:
        more = numbers.size(-one.cache) or "0 B"
        return f"does not fit: {more} more than the share; {_ways(answer)}"
    count, longest = one.requests(one.length), one.longest
    alone = f"; a single one of up to {longest:,}" if longest else ""
    asked = "" if not answer.is_asked else ": the load fits" if answer.holds else ": the load does not fit at once"
    ways = "" if count else f"; {_ways(answer)}"
    return f"{count:,} requests of {one.length:,} positions fit at once{alone}{asked}{ways}"


def _ways(answer: Answer) -> str:
    found = [
        f"with {option} {count:,} {'request fits' if count == 1 else 'requests fit'}" for option, count in answer.ways
    ]
    return "; ".join(found) or "nothing that was tried makes it fit"


def _load(answer: Answer) -> list[list[str]]:
    timed = answer.timed
    if timed is None:
        return []
    alone = [
        f"a single prompt of {one.prompt:,} takes {between(each)} to its first token"
        for one, each in zip(answer.load, timed.first)
    ]
    return [
        [f"at {described(answer.load)}"],
        list(dict.fromkeys(alone)),
        [
            f"one token for each, all at once, takes {between(timed.token)}",
            f"{rate(timed.tokens_per_second)} tokens/s in total",
        ],
    ]
