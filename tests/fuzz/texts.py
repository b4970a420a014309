"""What stands in the files of a case: specs, two thirds of them as they were meant, so that half of all are accepted, and settings."""

from __future__ import annotations

import json
from functools import lru_cache

import archcalc
from archcalc.running import FIELDS
from archcalc.running.kinds import Whole, Words
from tests.conftest import ROOT
from tests.draw.choices import Choices
from tests.draw.draw import case as drawn_network
from tests.fuzz.commands import tables
from tests.fuzz.mutations import MUTATIONS, mutate_json
from tests.outcome import EVERYTHING

SPECS = sorted((ROOT / "specs").glob("*.yaml"))
BROKEN = sorted((ROOT / "tests" / "broken").glob("*.yaml"))
SETTINGS = """\
batch = 2
jobs = 1
ignore = ["PRM307"]
format = "text"
[lint]
select = ["ALL"]
device = "h100"
[lint.severity]
PRM301 = "info"
[lint.per-file-ignores]
"x*.yaml" = ["ACT"]
[budgets]
"*.yaml" = {params = "5M", macs = "600M"}
[growth]
"*.yaml" = {params = "5%"}
[memory]
optimizer = "sgd"
"""
# One network is drawn for so many cases: to draw one takes longer than to run a command on it.
_SHARED = 48


def spec(choices: Choices, seed: int, small: bool = False) -> str:
    """The text of a spec; one that was drawn is the same for the seeds beside this one, until it is spoilt.

    Args:
        small: none of a network that takes PyTorch long.
    """
    kinds = {"drawn": 6, "published": 1.5, "everything": 0.3, "broken": 0.7}
    kind = "drawn" if small else choices.pick("kind", kinds)
    if kind == "drawn":
        text = _network(seed // _SHARED)
    elif kind == "everything":
        text = EVERYTHING
    else:
        text = choices.random("file").choice(SPECS if kind == "published" else BROKEN).read_text(encoding="utf-8")
    if choices.chance("run", 0.1) and "\nrun:" not in text:
        text += _run(choices / "run")
    return text if choices.chance("as meant", 0.65) else spoilt(choices, text)


def _run(choices: Choices) -> str:
    """A declaration of how the network is run, with values that its fields can have, mostly."""
    draw = choices.random()
    said = {}
    for name, field in FIELDS.items():
        if draw.random() < 0.15:
            kind = field.kind
            values: tuple[object, ...] = ("x", "::error::", "conv*", 8, ["n1", "*"])
            if isinstance(kind, Words):
                values = kind.words
            elif isinstance(kind, Whole):
                values = (kind.least, kind.least + 3, 8, kind.most, -1)
            said[name] = draw.choice(values)
    return f"run: {json.dumps(said)}\n"


def settings(choices: Choices) -> tuple[str, str]:
    """A settings file by its name: some of the tables and keys, spoilt half of the time."""
    draw = choices.random()
    lines = [line for line in SETTINGS.splitlines(keepends=True) if draw.random() < 0.8]
    text = tables(choices / "tables") if choices.chance("of options", 0.5) else "".join(lines)
    if choices.chance("spoilt", 0.5):
        text = spoilt(choices, text)
    if choices.chance("nested", 0.2):
        return "pyproject.toml", "[tool.archcalc]\n" + text.replace("[", "[tool.archcalc.").replace("[[tool", "[[x")
    return "archcalc.toml", text


def device(choices: Choices) -> str:
    """A device file, spoilt half of the time."""
    text = (ROOT / "archcalc" / "devices" / choices.pick("name", ("h100.json", "a100.json", "t4.json"))).read_text(
        "utf-8"
    )
    return text if choices.chance("as meant", 0.3) else mutate_json(text, choices.random("spoil"))


def saved(choices: Choices, seed: int) -> str:
    """What `archcalc shapes --format json` prints for a drawn network, spoilt half of the time."""
    text = _saved(seed // _SHARED)
    return text if choices.chance("as meant", 0.4) else mutate_json(text, choices.random("spoil"))


@lru_cache(maxsize=8)
def _saved(number: int) -> str:
    network = drawn_network(number)
    return json.dumps(archcalc.loads(network.text, batch=network.batch).to_dict())


def spoilt(choices: Choices, text: str) -> str:
    """The text after one change or a few."""
    draw = choices.random("spoil")
    for _ in range(draw.choice((1, 1, 1, 1, 2, 4))):
        text = draw.choice(MUTATIONS)(text, draw)
    return text


@lru_cache(maxsize=8)
def _network(number: int) -> str:
    return drawn_network(number).text
