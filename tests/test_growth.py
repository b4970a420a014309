"""Nobody has to know how large a network is before asking: the work grows as its layers do."""

from __future__ import annotations

import gc
import importlib
import itertools
import weakref
from collections.abc import Iterable

import pytest
from click.testing import CliRunner

from archcalc.commands.build import command as build_command
from archcalc.commands.lint_base import bases
from archcalc.devices import find
from archcalc.diagnostics import Source
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph, load_graph
from archcalc.prediction.answer import answer
from archcalc.quantity import Quantity, leaves
from archcalc.reports.prediction import as_json, as_text, rows
from archcalc.rules.check import Selection, check_graph, load_rules
from archcalc.rules.model import Model
from archcalc.rules.paths import with_variants
from archcalc.rules.runner import Task, run
from archcalc.running import Running
from tests.runs import run_of

from .growth import exponent

# Of work that is linear and a little more: the networks are small, and their layers of several kinds.
LINEAR = 1.25


IMAGE, SEQUENCE = "[8, 8, 8]", "[6, 8]"
# Layers with something to find about each of them.
IMAGE_LAYERS = (
    "conv 8 kernel=3 padding=1", "batchnorm", "batchnorm", "relu", "relu", "maxpool 3 stride=1 padding=1", "maxpool 1",
    "conv 8 kernel=2 padding=same", "convtranspose 8 kernel=3 stride=2 padding=1 output_padding=1", "conv 8 kernel=1 stride=2",
    "conv 8 kernel=3 padding=9 dilation=9", "adaptiveavgpool 8", "adaptiveavgpool 8", "dropout 0", "dropout 0.1", "batchnorm",
)  # fmt: skip
SEQUENCE_LAYERS = (
    "attention heads=4", "layernorm", "linear 8", "linear 8", "lstm 8 dropout=0.1", "relu", "sigmoid", "softmax", "gru 8",
    "residual: [layernorm, attention heads=2]",
)  # fmt: skip


def lines(input: str, layers: Iterable[str], top: str = "", end: str = "") -> str:
    return f"model: t\n{top}input: {input}\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers) + end


def chain(count: int) -> str:
    """Layers one after the other."""
    return lines("[8]", [f"linear {8 + index % 13}" if index % 2 else "relu" for index in range(count)])


def image(count: int) -> str:
    return lines(IMAGE, itertools.islice(itertools.cycle(IMAGE_LAYERS), count))


def sequence(count: int) -> str:
    return lines(SEQUENCE, itertools.islice(itertools.cycle(SEQUENCE_LAYERS), count))


def idle(count: int) -> str:
    """Something to find about every layer."""
    return lines(IMAGE, ["relu", "dropout 0", "maxpool 1"] * (count // 3))


def nested(count: int) -> str:
    inner = "residual: [relu, {residual: [{repeat: 2, layers: [linear 8, relu]}]}]"
    return lines("[8]", [inner, "linear 8"] * (count // 4))


def calls(count: int) -> str:
    """One block that is called often."""
    inside = ", ".join(IMAGE_LAYERS[:6])
    return lines(IMAGE, ["b"] * (count // 4), f"blocks:\n  b(x=8): [{inside}]\n")


def unused(count: int) -> str:
    """Nothing reads what the layers give."""
    return lines(IMAGE, [f"conv 8 kernel=1 from=input name=c{index}" for index in range(count)], end="output: c0\n")


def wide(count: int) -> str:
    """Branches side by side."""
    return lines(IMAGE, ["concat: [" + ", ".join(["[conv 2 kernel=3 padding=1]"] * count) + "]", "relu"])


def comb(count: int) -> str:
    """Every layer is read once more, at the end."""
    down = [f"conv 8 kernel=1 name=c{index}" for index in range(count // 2)]
    return lines(IMAGE, [*down, *(f"add: [prev, c{index}]" for index in range(count // 2))])


def ends(count: int) -> str:
    """As many outputs as layers, and a loss that reads them."""
    layers = [f"{'relu' if index % 2 else 'softmax'} name=c{index} from=input" for index in range(count)]
    outputs = ", ".join(f"c{index}" for index in range(count))
    return lines("[8]", layers, end=f"output: [{outputs}]\nloss: crossentropy\n")


def asking(count: int) -> str:
    """The last layer decides what the first ones have to know."""
    return lines(
        "{a: [4, 8, 8], b: [4, 8, 8]}", ["concat: [a, b]", *["softmax", "relu"] * (count // 2), "conv 4 kernel=1"]
    )


def conditional(count: int) -> str:
    """What each layer gives is features last if what it reads is."""
    return lines(
        "[4, 8]", ["relu name=u", *["expand 2x-1x-1", "select 0"] * (count // 2), "softmax", "layernorm from=u"]
    )


def commented(count: int) -> str:
    """A comment on each layer, some of which hide something."""
    return lines("[8]", [f"relu  # archcalc: ignore[ACT405, X{index}]" for index in range(count)])


NETWORKS = (chain, image, sequence, idle, nested, calls, unused, wide, comb, ends)


def build(text: str) -> Graph:
    return build_graph(Source("t.yaml", text))


@pytest.mark.parametrize("network", [chain, image, asking, conditional])
def test_building(network):
    assert exponent(network, build, 200) < LINEAR


@pytest.mark.parametrize("network", NETWORKS)
def test_linting(network):
    graphs = {count: build(network(count)) for count in (64, 128, 256)}
    grows = {
        rule.code: exponent(lambda count: Model(graphs[count]), lambda model, rule=rule: list(rule.check(model)), 64)
        for rule in load_rules().values()
    }
    assert {code: power for code, power in grows.items() if power > LINEAR} == {}


def row(count: int) -> str:
    return ", ".join(["linear 100, relu"] * count)


WIDTHS = {
    "items": lambda count: lines("[100]", ["linear 100", "relu"] * count),
    "residuals": lambda count: lines("[100]", ["residual: [linear 100, relu, linear 100]"] * count),
    "one residual": lambda count: lines("[100]", [f"residual: [{row(count)}]"]),
    "branches": lambda count: lines("[100]", [f"concat: [{', '.join(['[linear 100, relu]'] * count)}]", "linear 8"]),
    "names": lambda count: lines("[100]", [f"linear 100 name=c{index}" for index in range(count)]),
    "repeat": lambda count: lines("[100]", [f"{{repeat: 5, layers: [{row(count)}]}}"]),
    "block": lambda count: lines("[100]", ["b"], f"blocks:\n  b: [{row(count)}]\n"),
    "calls": lambda count: lines("[100]", ["b", "relu", "b repeat=3"], f"blocks:\n  b: [{row(count)}]\n"),
}


@pytest.mark.parametrize("pattern", WIDTHS)
def test_widths_for_a_device(pattern):
    """A fix is tried before it is offered: not on the whole network, nor on all of the item that the layer is in."""
    graphs = {count: build(WIDTHS[pattern](count)) for count in (12, 24, 48)}
    model = lambda count: Model(graphs[count], find("h100"))  # noqa: E731
    rule = load_rules()["HWE801"]
    assert len(list(rule.check(model(12)))) > 10
    assert exponent(model, lambda model: list(rule.check(model)), 12) < LINEAR


@pytest.mark.parametrize("network", [idle, calls, unused, commented])
def test_telling_what_was_found(network):
    """Many findings, at as many places or at the same few."""
    everything = Selection(("ALL",))

    def check(graph: Graph) -> None:
        check_graph(Model(graph), everything.rules(), everything, [], None)

    graphs = {count: build(network(count)) for count in (64, 128, 256)}
    assert exponent(graphs.__getitem__, check, 64) < LINEAR


@pytest.mark.parametrize("since", [False, True])
def test_linting_variants(tmp_path, since):
    def tasks(count: int) -> list[Task]:
        path = tmp_path / f"{count}.yaml"
        variants = "".join(f"  v{index}: {{a: {index + 1}}}\n" for index in range(count))
        top = f"hparams: {{a: 4}}\ngrowth: {{params: 5%}}\nvariants:\n{variants}"
        path.write_text(lines("[8]", ["linear a", "relu", "relu"], top))
        specs = with_variants([str(path)])
        with bases(str(path) if since else None, specs) as base_of:
            return [Task(spec, base=base_of(spec)) for spec in specs]

    def check(tasks: list[Task]) -> None:
        assert all(outcome.findings for outcome in run(tasks, Selection(("ALL",)), jobs=1))

    assert exponent(tasks, check, 32) < LINEAR


@pytest.mark.parametrize("mode", ["inference", "train"])
@pytest.mark.parametrize("network", [chain, nested])
def test_predicting(network, mode):
    graphs = {count: build(network(count)) for count in (20, 40, 80)}

    def run_all(graph: Graph) -> None:
        found = answer(graph, Running(device="h100", mode=mode))
        as_text.network(found, rows.rows(found, 1))
        as_json.data(found, rows.layers(found))
        rows.slowest(found, 3)

    assert exponent(graphs.__getitem__, run_all, 20) < LINEAR


@pytest.mark.parametrize("network", NETWORKS)
def test_memory(network):
    graphs = {count: build(network(count)) for count in (32, 64, 128)}
    assert exponent(graphs.__getitem__, lambda graph: simulate(graph, run_of("train")), 32) < LINEAR


@pytest.mark.parametrize("format", ["text", "json", "markdown"])
@pytest.mark.parametrize("words", [["shapes"], ["memory"], ["predict", "--device", "h100"]], ids=" ".join)
def test_one_network_is_held_at_a_time(monkeypatch, tmp_path, words, format):
    """Each spec is reported and let go, by counting references alone."""
    module = importlib.import_module(f"archcalc.commands.{words[0]}")
    graphs, alive = [], []

    def load(*given, **more):
        graph = load_graph(*given, **more)
        graphs.append(weakref.ref(graph))
        alive.append(sum(one() is not None for one in graphs))
        return graph

    monkeypatch.setattr(module, "load_graph", load)
    path = tmp_path / "t.yaml"
    path.write_text(calls(8))
    gc.disable()
    try:
        done = CliRunner().invoke(module.command, [*words[1:], *[str(path)] * 9, "--format", format])
    finally:
        gc.enable()
    assert done.exit_code == 0, done.output
    assert len(alive) == 9
    assert max(alive) <= 3  # the first, the one before and this one


@pytest.mark.parametrize("network", [calls, nested, image])
def test_what_is_read_is_let_go(network):
    gc.disable()
    try:
        graph = build(network(8))
        document = weakref.ref(graph.document)
        del graph
        assert document() is None
    finally:
        gc.enable()


def test_as_many_branches_as_there_are_are_built():
    """Each is held in a variable of its own until all are joined."""
    count = 1100
    done = CliRunner().invoke(build_command, ["-"], input=lines("[4]", [f"add: [{', '.join(['[relu]'] * count)}]"]))
    assert done.exit_code == 0, done.output[-300:]
    assert f"x{count - 4}" in done.output


def test_what_sizes_were_computed_from():
    """Each size of a network is asked about; what the ones before it were computed from is known by then."""

    def sizes(count: int) -> list[int]:
        return [*itertools.accumulate(Quantity.named(f"n{index % 5}", index) for index in range(count))]

    assert exponent(sizes, lambda made: [leaves(one) for one in made], 100) < LINEAR
