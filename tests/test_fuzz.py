"""Specs changed at random, with a fixed seed: nothing but a network or a message comes out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.language.items import COMMON
from archcalc.layers.arguments import Flag, Text, Word
from archcalc.layers.base import REGISTRY
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.network.gradients import backward_macs
from archcalc.network.load import build_graph
from archcalc.network.paths import depth, fields
from archcalc.source import decode

from .fuzz.mutations import MUTATIONS
from .outcome import EVERYTHING, SEED, TIMES, built, outcome, spec

# Of each file, as CI waits for them; `python -m tests.fuzz` draws others, and spoils these files too.
CASES = 5 * TIMES
HERE = Path(__file__).parent
FILES = sorted([*(HERE / "broken").glob("*.yaml"), *(HERE.parent / "specs").glob("*.yaml")])


def mutated(text: str, name: str, count: int) -> Iterator[str]:
    draw = random.Random(f"{SEED} {Path(name).stem}")
    for _ in range(count):
        mutant = text
        for _ in range(draw.choice([1, 1, 2])):
            mutant = draw.choice(MUTATIONS)(mutant, draw)
        yield mutant


def tried(text: str, name: str, count: int) -> int:
    """How many mutants of `text` were refused."""
    refused = 0
    for mutant in mutated(text, name, count):
        path = name  # includes are relative to it
        data = mutant.encode("utf-8", "surrogateescape")
        try:
            refused += outcome(lambda path=path, data=data: build_graph(decode(path, data))) is not None  # type: ignore[misc]
        except Exception as error:
            error.add_note(f"the mutant of {name}:\n{mutant}") if hasattr(error, "add_note") else None
            raise
    return refused


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mutants_of_a_file(path):
    tried(path.read_text(encoding="utf-8"), str(path), CASES)


@pytest.mark.parametrize("part", range(10))
def test_mutants_of_everything(part):
    assert built(EVERYTHING) is None
    assert 0 < tried(EVERYTHING, f"everything {part}", 10 * CASES) < 10 * CASES


def test_mutants_without_the_c_scanner(monkeypatch):
    monkeypatch.setattr("archcalc.source._LOADER", yaml.SafeLoader)
    tried(EVERYTHING, "python", CASES)


def test_every_prefix():
    for end in range(0, len(EVERYTHING), 7 if TIMES == 1 else 1):
        built(EVERYTHING[:end])


# -- drawn layers ---------------------------------------------------------------------------

SMALL = [
    "1",
    "2",
    "3",
    "4",
    "0",
    "-1",
    "8",
    "s",
    "w",
    "cin",
    "2*w",
    "cin//2",
    "1x2",
    "3x1x1",
    "1.5",
    "100",
    "1000000007",
]


def drawn_layer(op: str, draw: random.Random, depth: int = 0) -> str:
    """A layer with some of its keys, most of them of the right type."""
    keys, body = [], []
    for name, argument in REGISTRY[op].arguments.items():
        if not argument.required and draw.random() < 0.6:
            continue
        if isinstance(argument, (Body, Operands)):
            inner = drawn_layers(draw, depth + 1)
            operands = [draw.choice(["prev", "input", "a", f"[{inner}]"]) for _ in range(draw.randint(1, 3))]
            body.append(f"{name}: [{', '.join(operands) if isinstance(argument, Operands) else inner}]")
        elif isinstance(argument, Flag):
            keys.append((name, draw.choice(["true", "false", "flag"])))
        elif isinstance(argument, Word):
            keys.append((name, draw.choice(argument.choices)))
        elif isinstance(argument, Reference):
            keys.append((name, draw.choice(["prev", "input", "a", "a.h"])))
        elif isinstance(argument, Text):
            keys.append(
                (name, draw.choice(["'a b c -> c (a b)'", "'a ... -> ... a'", "'(a b) c -> a b c'", "ab,bc->ac"]))
            )
        elif name != "layers":  # of a recurrent network: as many shapes as layers
            keys.append((name, draw.choice(SMALL)))
    common = [key for key in ("repeat=2", "repeat=w", "name=a", "tie=a", "from=a", "from=input") if draw.random() < 0.1]
    if body:
        pairs = [*body, *(f"{key}: {value}" for key, value in keys)]
        return "{" + ", ".join([f"{op}: {{{', '.join(pairs)}}}", *(key.replace("=", ": ") for key in common)]) + "}"
    return " ".join([op, *(f"{key}={value}" for key, value in keys), *common])


def drawn_layers(draw: random.Random, depth: int = 0) -> str:
    ops = sorted(REGISTRY) if depth < 3 else ["relu", "conv", "linear", "layernorm", "flatten"]
    return ", ".join(drawn_layer(draw.choice(ops), draw, depth) for _ in range(draw.randint(1, 4 - min(depth, 3))))


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_drawn_layers(op):
    draw = random.Random(f"{SEED} {op}")
    for _ in range(CASES):
        sizes = [draw.choice(["1", "4", "8", "s", "16", "9"]) for _ in range(draw.randint(1, 5))]
        first = draw.choice(
            ["relu", "conv 8 kernel=1", "linear 8", "embedding 9 dim=8", "lstm 4", "relu name=a", "flatten"]
        )
        text = spec(
            f"[{first}, {drawn_layer(op, draw)}, {drawn_layers(draw)}]",
            "hparams: {w: 2, flag: true}\ndims: {s: 8}\n",
            f"[{', '.join(sizes)}]",
        )
        try:
            built(text)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}\n{text}") from error


# -- two ways to write the same --------------------------------------------------------------


def totals(text: str) -> Any:
    """The shape and the sums of a spec, and what depends on its paths; False where a layout is missing, None when refused."""
    try:
        net = build_graph(Source("t.yaml", text))
    except SpecError as error:
        return False if any(one.code == "SHP111" for one in error.diagnostics) else None
    (output,) = net.outputs.values()
    return output.shape, Costs(net).totals, depth(net), fields(net)[id(output)], backward_macs(net)


@pytest.mark.parametrize("part", range(8))
def test_copies_are_what_they_stand_for(part):
    draw = random.Random(f"{SEED} copies {part}")
    taken = 0
    for _ in range(10 * CASES):
        body = re.sub(r",? ?name[=:] ?a", "", drawn_layers(draw))
        body = re.sub(r" tie=a|, tie: a", "", body)
        first = draw.choice(["linear 8 name=a", "conv 8 kernel=1 name=a", "[lstm 4 name=a, relu]"])
        top, input = (
            "hparams: {w: 2, flag: true}\ndims: {s: 8}\n",
            draw.choice(["[8, 8]", "[s, 8]", "[8]", "[8, 9, 9]"]),
        )
        folded = totals(spec(f"[{first}, {{repeat: 3, layers: [{body}]}}]", top, input))
        written = totals(spec(f"[{first}, {body}, {body}, {body}]", top, input))
        # What goes round has one layout: of a copy's end the next copy's beginning may decide it, of the last one's too.
        if written is not False:
            assert folded == written or not (folded or written), body
        taken += bool(folded)
    assert taken > CASES // 2


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_a_line_and_a_mapping_are_the_same(op):
    draw = random.Random(f"{SEED} {op} forms")
    for _ in range(CASES // 4):
        layer = drawn_layer(op, draw)
        if layer.startswith("{"):
            continue
        words = re.findall(r"(?:[^\s']|'[^']*')+", layer)[1:]
        pairs = [word.partition("=")[::2] for word in words]
        inside = ", ".join(f"{key}: {value}" for key, value in pairs if key not in COMMON)
        beside = "".join(f", {key}: {value}" for key, value in pairs if key in COMMON)
        for input in ("[8]", "[s, 8]", "[8, 9, 9]"):
            line, mapping = (
                totals(spec(f"[linear 8 name=a, {form}]", "hparams: {w: 2, flag: true}\ndims: {s: 8}\n", input))
                for form in (
                    layer.replace("name=a", "name=b"),
                    f"{{{op}: {{{inside}}}{beside.replace('name: a', 'name: b')}}}",
                )
            )
            assert line == mapping, layer
