"""Memory for people: the peaks, their parts, a drawing over time, and what fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.expectations import used_memory
from archcalc.memory.assessment import Assessment, Mode
from archcalc.memory.definitions import DEFINITIONS
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.labels import fitted
from archcalc.reports.memory.comparison import table
from archcalc.reports.memory.report import Report
from archcalc.reports.memory.timeline import Timeline
from archcalc.reports.memory.words import holders, runs, sentence, value, verdict, where
from archcalc.reports.paragraphs import Heading, Parts, Wrapped
from archcalc.reports.running import lines
from archcalc.running.declaration import GENERATE, INFERENCE, TRAIN

_BAR = 28
# Names of parts are never cut: other columns are dropped first.
_NAME = max(len(definition.name) for definition in DEFINITIONS.values())
_DEVICE = ("allocated", "reserved", "nvidia_smi")
_LINES = tuple[Sequence[str], "Style | None"]


def render(report: Report) -> Block:
    """Everything about one network, or a row for each of several."""
    if report.several:
        return table(report.answers)
    (answer,) = report.answers
    return network(answer, report.layers)


def network(answer: Assessment, layers: int) -> Block:
    """Everything about one network; `layers` is how many are listed."""
    graph = answer.graph
    sizes = ", ".join(
        (f"{name} " if name != "input" else "") + numbers.shape(x.shape) for name, x in graph.inputs.items()
    )
    parts: list[Block] = [
        Heading(graph.model),
        *(Wrapped(verdict(mode, answer.chip), BOLD) for mode in answer.modes if mode.limit is not None),
        Wrapped(f"input {sizes}"),
        *(Wrapped(line) for line in lines(runs(answer))),
        "",
    ]
    single = answer.modes[0] if len(answer.modes) == 1 else None
    parts += [Columns(_HEADLINES, _headlines(answer), False, header=False), ""]
    peaks = {mode.found.running.mode: mode.found.peak for mode in answer.modes}
    if budgets := used_memory(graph, peaks):
        parts += [Wrapped(f"budget used: {numbers.budgets(budgets)}"), ""]
    parts += [_one(single) if single else _several(answer), ""]
    drawn = next((mode for mode in answer.modes if mode.found.run is not None and mode.found.run.moments), None)
    if drawn is not None:
        parts += [Parts([f"{drawn.name} over time"], BOLD), Timeline(drawn.found.samples()), ""]
    for mode in [single] if single else [drawn] if drawn else []:
        parts += _holders(mode, layers)
    parts += _notes(answer)
    return Group(*parts)


_HEADLINES = (Column("mode", right=False), Column("peak"), Column("where", right=False, rank=1))


def _headlines(answer: Assessment) -> Iterator[_LINES]:
    """The peak of each mode, and when it occurs."""
    for mode in answer.modes:
        place = f"peak {where(mode.found)}"
        generation = mode.found.generation
        if generation is not None and generation.token_bytes and generation.peak_in_prompt is None:
            place += f", {numbers.size(generation.token_bytes)} more for each"
        yield (mode.name, numbers.size(mode.found.peak), place), BOLD


_COMPONENTS = (
    Column("what", right=False),
    Column("bytes", rank=2),
    Column(""),
    Column("%", rank=4),
    Column("", right=False, rank=3),
    Column("is", right=False, rank=1),
)


def _one(mode: Mode) -> Block:
    """The parts of the peak of one mode, each bar beginning where the previous one ends."""
    found = mode.found
    rows: list[_LINES] = []
    before = 0
    for key, bytes in found.parts.items():
        start, end = round(_BAR * before / found.peak), round(_BAR * (before + bytes) / found.peak)
        bar = " " * start + ("█" * (end - start) or "▏")
        share = numbers.share(bytes, found.peak)
        name = DEFINITIONS[key].name
        rows.append(((name, numbers.exact(bytes), numbers.size(bytes), share, bar, found.certainty(key)), None))
        before += bytes
    rows.append((("peak", numbers.exact(found.peak), numbers.size(found.peak), "", "", found.certainty("peak")), BOLD))
    if found.forward_end:
        end = found.forward_end
        rows.append(_line("forward_end", end))
    if found.generation is not None:
        rows.append(_line("token", found.generation.token_bytes))
        rows.append(_line("logits", found.generation.logits_bytes))
    if mode.taken is not None:
        taken = (mode.taken.allocated, mode.taken.reserved, mode.taken.shown)
        rows += [_line(key, bytes) for key, bytes in zip(_DEVICE, taken)]
    return Columns(_COMPONENTS, rows, label=_NAME)


def _line(key: str, bytes: int) -> _LINES:
    definition = DEFINITIONS[key]
    size = numbers.size(bytes) or "0 B"
    return (definition.name, numbers.exact(bytes), size, "", "", definition.certainty), None


def _several(answer: Assessment) -> Block:
    """The parts of the peaks of several modes, with a column for each mode."""
    modes = answer.modes
    columns = (
        Column("what", right=False),
        *(Column(mode.name, rank=index) for index, mode in enumerate(modes)),
        Column("is", right=False, rank=len(modes)),
    )
    rows: list[_LINES] = []
    for key, definition in DEFINITIONS.items():
        cells = [mode.found.parts.get(key, 0) for mode in modes]
        if any(cells):
            first = next(mode for mode, cell in zip(modes, cells) if cell)
            rows.append(((definition.name, *map(numbers.size, cells), first.found.certainty(key)), None))
    peaks = [numbers.size(mode.found.peak) for mode in modes]
    rows.append((("peak", *peaks, DEFINITIONS["peak"].certainty), BOLD))
    if answer.chip is not None:
        takes = [mode.taken for mode in modes]
        for key, attribute in zip(_DEVICE, ("allocated", "reserved", "shown")):
            cells = [getattr(one, attribute) if one else 0 for one in takes]
            rows.append(((DEFINITIONS[key].name, *map(numbers.size, cells), DEFINITIONS[key].certainty), None))
    for name in dict.fromkeys(limit.name for mode in modes for limit in mode.limits):
        limits = [next((limit for limit in mode.limits if limit.name == name), None) for mode in modes]
        rows.append(((f"largest {name}", *map(value, limits), ""), None))
    return Columns(columns, rows, label=_NAME)


_LAYERS = (
    Column("layer", right=False),
    Column("", right=False, rank=4),
    Column("output", right=False, rank=3),
    Column("bytes"),
    Column("%", rank=2),
)
# Longer descriptions of layers are cut so that their column is kept; names have priority over all these columns.
_LABEL = 32


def _holders(mode: Mode, count: int) -> Iterator[Block]:
    found = mode.found
    most, others = holders(found, count)
    if not most:
        return
    whole = sum(found.held.values()) if found.running.mode != INFERENCE else 0
    title = {
        TRAIN: "layers that keep the most for backward",
        GENERATE: "layers with the largest caches",
    }
    rows: list[_LINES] = []
    for one in most:
        label = fitted(one.node.label, None, 1, _LABEL)
        name = one.node.told + (f"  ×{one.count:,}" if one.count > 1 else "")
        cells = (name, label, numbers.shape(one.node.output.shape), numbers.size(one.bytes))
        rows.append(((*cells, numbers.share(one.bytes, whole)), None))
    if others and whole:
        rest = sum(one.bytes for one in others)
        rows.append(((f"and {len(others)} smaller", "", "", numbers.size(rest), numbers.share(rest, whole)), None))
    yield Parts([title.get(found.running.mode, "layers with the most memory in use while they run")], BOLD)
    yield Columns(_LAYERS, rows, label=_LABEL)
    yield ""


def _notes(answer: Assessment) -> Iterator[Block]:
    """What stops the largest sizes, and how certain the numbers are."""
    several = len(answer.modes) > 1
    notes: dict[str, list[str]] = {}
    for mode in answer.modes:
        for limit in mode.limits:
            notes.setdefault(sentence(limit), []).append(mode.name)
    for note, modes in notes.items():
        yield Wrapped((f"{', '.join(modes)}: " if several else "") + note)
    if answer.trains_not:
        yield Wrapped(answer.trains_not)
    if answer.generates_not and (answer.question.said.length or answer.question.said.cache):
        yield Wrapped(answer.generates_not)
    yield Wrapped("exact, rule, estimate: archcalc memory --definitions says what every number is", DIM)
