"""The full memory report of a network: each mode, its memory on a device, and what fits."""

from __future__ import annotations

from dataclasses import dataclass, field

from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.memory.allocator import Taken, taken
from archcalc.memory.footprint import Footprint, footprint
from archcalc.memory.how import how
from archcalc.memory.limits import Limit, Others, largest_size
from archcalc.memory.needs import Needs
from archcalc.memory.positions import NotGenerativeError
from archcalc.memory.sizes import BATCH
from archcalc.memory.structure import Structure
from archcalc.memory.ways import Way, ways
from archcalc.network.freezing import untrainable
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import GENERATE, INFERENCE, TRAIN

# In the order of the report.
MODES = (TRAIN, INFERENCE, GENERATE)
TITLES = {TRAIN: "training", INFERENCE: "inference", GENERATE: "generation"}


@dataclass(frozen=True)
class Question:
    """A question about a network's memory.

    Attributes:
        said: the given run settings; without a mode, every mode that applies is answered.
        limit: the limit in bytes, instead of the device's memory.
        fit: the batch and dims to maximise; empty for all of them.
        chip: the device named in `said`, if already looked up.
    """

    said: Running = field(default_factory=Running)
    limit: int | None = None
    fit: tuple[str, ...] = ()
    chip: Device | None = None


@dataclass
class Mode:
    """One mode: its memory, whether it fits, and what would make it fit.

    Attributes:
        limit: the limit in bytes, or None.
        ways: changes that would make it fit, each verified.
    """

    found: Footprint
    taken: Taken | None = None
    limit: int | None = None
    limits: list[Limit] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in reports: "training", "inference" or "generation"."""
        return TITLES[self.found.running.mode]

    @property
    def needed(self) -> int:
        """The bytes compared with the limit: as nvidia-smi shows them with a device."""
        return self.taken.shown if self.taken is not None else self.found.peak

    @property
    def fits(self) -> bool:
        """Whether it is within the limit."""
        return self.limit is None or self.needed <= self.limit


@dataclass
class Assessment:
    """The answer: training, inference and generation, as far as requested.

    Attributes:
        generates_not, trains_not: why generation or training is missing, if it was not requested explicitly.
    """

    graph: Graph
    question: Question
    modes: list[Mode]
    generates_not: str = ""
    trains_not: str = ""

    def mode(self, name: str) -> Mode | None:
        """The mode of this name, if it was requested and applies."""
        return next((mode for mode in self.modes if mode.found.running.mode == name), None)

    @property
    def chip(self) -> Device | None:
        """The device it runs on, if any."""
        return next((mode.found.running.chip for mode in self.modes), None)


def assess(graph: Graph, question: Question) -> Assessment:
    """Answer a question about a network.

    Raises:
        RequestError: a name that is not the batch, a dim or a group; sizes to fit but no limit; contradictory
            settings; generation requested of a network that does not generate.
        SpecError: the network cannot have this length.
    """
    answer = Assessment(graph, question, [])
    structure, others = Structure(graph), Others(graph)
    asked = question.said.over(graph.document.run(graph.variant)).mode
    for name in (asked,) if asked else MODES:
        if name == TRAIN and not asked and (reason := untrainable(graph)):
            answer.trains_not = reason
            continue
        try:
            answer.modes.append(_mode(graph, others, structure, question, name))
        except RequestError as error:
            if asked or (name != GENERATE and not isinstance(error, NotGenerativeError)):
                raise
            answer.generates_not = str(error)
    return answer


def _mode(graph: Graph, others: Others, structure: Structure, question: Question, name: str) -> Mode:
    running = how(graph, question.said, name, question.chip)
    device = running.chip
    if question.fit and device is None and question.limit is None:
        raise RequestError("--fit needs to know what to fit: give --device or --limit")
    found = footprint(graph, running, structure)
    mode = Mode(found, None if device is None else taken(found, device))
    mode.limit = question.limit if question.limit is not None else device.memory_bytes if device is not None else None
    if mode.limit is not None:
        needs = Needs(found, structure)
        same = others if found.graph is graph else None  # generation has a length of its own
        for size in question.fit or (BATCH, *graph.settings.dims):
            mode.limits.append(largest_size(found.graph, size, needs, mode.limit, needs.first, same))
        if not mode.fits:
            mode.ways = ways(graph, running, structure, mode.limit)
    return mode
