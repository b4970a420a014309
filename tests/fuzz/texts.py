"""What stands in the files of a case: specs, two thirds of them as they were meant, so that half of all are accepted, and settings."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

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
# Constructs that are seldom drawn, and stand in few of the shipped specs.
CONSTRUCTS = """\
model: constructs
hparams: {width: 8, deep: 2, open: false}
variants: {large: {width: 16, deep: 3}}
dims: {seq: 6}
input: {frames: [seq, 3, 8, 8], tokens: [seq]}
blocks:
  unit(n, k=3, skip=none) -> inner:
    - conv n kernel=k padding=k//2 name=inner reparam=weightnorm
    - frozenbatchnorm
    - relu
layers:
  - {each: frames, layers: [unit width name=unit, adaptiveavgpool 1, flatten], name: seen, frozen: open}
  - linear width frozen=true
  - scan: {x: prev}
    state: {z: [width]}
    next: {z: out}
    layers: [{concat: [x, z]}, linear width, tanh name=out]
    name: steps
  - {repeat: deep, state: {h: steps}, next: {h: more}, layers: [linear width from=h, {add: [prev, steps]}, relu name=more], name: turns}
  - {repeat: {d: [1, 2, 4]}, layers: [linear width*d, gelu, linear width]}
  - {opaque: {output: [seq, width], params: 100, macs: 1000000, class: 'a.b:Strange'}, name: strange}
  - embedding 50 dim=width from=tokens name=table
  - {residual: [layernorm, attention heads=2 causal=true, dropout 0.1]}
  - {add: [prev, strange, []]}
  - linear 50 bias=false tie=table name=logits
run: {mode: train, precision: bf16, optimizer: adamw}
output: [logits, turns]
"""
# One network is drawn for so many cases: to draw one takes as long as to run a command on it.
SHARED = 16
_WRITTEN = {"everything": EVERYTHING, "constructs": CONSTRUCTS}


def spec(choices: Choices, seed: int, small: bool = False, generates: bool = False) -> str:
    """The text of a spec; one that was drawn is the same for the seeds beside this one, until it is spoilt.

    Args:
        small: none of a network that takes PyTorch long.
        generates: mostly one that generates.
    """
    kinds = {"drawn": 6.0, "published": 1.5, "everything": 0.3, "constructs": 0.8, "broken": 0.7}
    if small:
        kinds = {"drawn": 6.0, "constructs": 1.0}
    kind = "generative" if generates and choices.chance("generates", 0.7) else choices.pick("kind", kinds)
    if kind == "drawn":
        text = network(seed // SHARED)
    elif kind in _WRITTEN:
        text = _WRITTEN[kind]
    else:
        files = {"published": SPECS, "generative": _generative(), "broken": BROKEN}[kind]
        text = choices.random("file").choice(files).read_text(encoding="utf-8")
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
    return text if choices.chance("as meant", 0.6) else mutate_json(text, choices.random("spoil"))


def saved(choices: Choices, seed: int) -> str:
    """What `archcalc shapes --format json` prints for a drawn network, spoilt half of the time."""
    text = _saved(seed // SHARED)
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
def network(number: int) -> str:
    """The text of a drawn network."""
    return drawn_network(number).text


@lru_cache(maxsize=1)
def _generative() -> list[Path]:
    return [path for path in SPECS if "causal=true" in path.read_text(encoding="utf-8")]
