"""The whole answer about a network's memory: its modes, what a device makes of them, and what fits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.memory.allocator import Taken, taken
from archcalc.memory.footprint import MODES, TRAINING, Footprint, footprint
from archcalc.memory.limits import Limit, Others, largest_size
from archcalc.memory.needs import Needs
from archcalc.memory.plan import Plan
from archcalc.memory.positions import NotGenerativeError
from archcalc.memory.sizes import BATCH
from archcalc.memory.structure import Structure
from archcalc.network.freezing import untrainable
from archcalc.network.load import Graph


@dataclass(frozen=True)
class Question:
    """What is asked about a network.

    Attributes:
        plan: how it is run; whether it trains follows from the mode.
        mode: "inference", "training" or "generation"; None for all that apply.
        length, cache_dtype: of generation, as for `footprint`.
        device: what it is to run on, if anything.
        room: bytes that are there, instead of the device's.
        fit: the batch and dims whose largest value is wanted; none for all of them.
    """

    plan: Plan
    mode: str | None = None
    length: int | None = None
    cache_dtype: str | None = None
    device: Device | None = None
    room: int | None = None
    fit: tuple[str, ...] = ()


@dataclass
class Mode:
    """One mode: what it takes, what a device makes of it, and the largest sizes that fit."""

    found: Footprint
    taken: Taken | None = None
    limits: list[Limit] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The mode's name."""
        return self.found.mode


@dataclass
class Assessment:
    """The answer: training first, then inference, then generation, as far as they were asked for.

    Attributes:
        generates_not, trains_not: why there is no generation, and no training, where it was not asked for by name.
    """

    graph: Graph
    question: Question
    modes: list[Mode]
    generates_not: str = ""
    trains_not: str = ""

    def mode(self, name: str) -> Mode | None:
        """The mode of this name, if it was asked for and applies."""
        return next((mode for mode in self.modes if mode.name == name), None)


def assess(graph: Graph, question: Question) -> Assessment:
    """Answer a question about a network.

    Raises:
        RequestError: a name that is no batch, dim or group; sizes to fit with nothing to fit them into;
            generation asked for by name of a network that does not generate.
        SpecError: the network cannot have the length.
    """
    if question.fit and question.device is None and question.room is None:
        raise RequestError("--fit needs to know what to fit: give --device or --room")
    answer = Assessment(graph, question, [])
    structure, others = Structure(graph), Others(graph)
    for name in MODES if question.mode is None else (question.mode,):
        if name == TRAINING and question.mode is None and (reason := untrainable(graph)):
            answer.trains_not = reason
            continue
        try:
            answer.modes.append(_mode(graph, others, structure, question, name))
        except NotGenerativeError as error:
            if question.mode is not None:
                raise
            answer.generates_not = str(error)
    return answer


def _mode(graph: Graph, others: Others, structure: Structure, question: Question, name: str) -> Mode:
    device = question.device
    plan = replace(question.plan, training=name == TRAINING, gpu=device is not None and device.kind == "gpu")
    found = footprint(graph, plan, name, question.length, question.cache_dtype, structure)
    mode = Mode(found, None if device is None else taken(found, device))
    room = question.room if question.room is not None else device.memory_bytes if device is not None else None
    if room is not None:
        needs = Needs(found, question.cache_dtype, device, structure)
        same = others if found.graph is graph else None  # generation has a length of its own
        for size in question.fit or (BATCH, *graph.settings.dims):
            mode.limits.append(largest_size(found.graph, size, needs, room, needs.first, same))
    return mode
