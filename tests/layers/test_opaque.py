"""`opaque`: what is declared is what comes out, and every total says so."""

from __future__ import annotations

import pytest
import torch

from archcalc.api import loads
from archcalc.cost import Costs
from archcalc.devices import find
from archcalc.diagnostics import SpecError
from archcalc.memory.assessment import Question, assess
from archcalc.memory.positions import NotGenerativeError
from archcalc.memory.simulation import simulate
from archcalc.network.gradients import backward_macs
from archcalc.network.paths import fields
from archcalc.prediction.predict import predict
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from archcalc.pytorch.verify import verify
from archcalc.reports.shapes.totals import convention, footer
from archcalc.running import Running
from tests.runs import run_of

from .oracle import covers, graph

ROI = "{opaque: {what: roi align, inputs: [f, boxes], output: {main: [20, 8, 7, 7], level: [20, 1]}, params: 5, macs: 100}, name: roi}"
SHAPES = {"image": (3, 16, 16), "boxes": (20, 4)}
LAYERS = ["conv 8 kernel=3 from=image name=f", ROI, "linear 3 from=roi.level name=y"]


@covers("opaque")
def test_what_is_declared_comes_out() -> None:
    net = graph(LAYERS, SHAPES)
    node = next(one for one in net.nodes if one.name == "roi")
    assert node.output.shape == (20, 8, 7, 7)
    assert {name: one.shape for name, one in (node.output.outputs or {}).items()} == {"level": (20, 1)}
    assert (Costs(net).own(node).params, node.macs, [x.shape for x in node.inputs]) == (5, 100, [(8, 14, 14), (20, 4)])


def test_numbers_may_be_expressions_and_the_shape_that_of_the_input() -> None:
    net = graph(
        ["conv 8 kernel=3", "opaque scan output=same params=c(prev)*18 macs=c(prev)*h(prev) other=7 buffers=2"],
        (3, 6, 6),
    )
    own = Costs(net, batch=1).own(net.nodes[-1])
    assert (own.params, own.buffers, own.macs, own.other_flops) == (144, 2, 32, 7)
    assert net.nodes[-1].output.layout == "channels first"
    assert (
        graph("opaque 'to a map' output=8x4x4 layout=channels-first", (20,)).nodes[-1].output.layout == "channels first"
    )


def test_axes_without_a_dim_are_free_of_it_and_the_first_output_has_its_name() -> None:
    opaque = "opaque: {what: rank, output: {main: [n, 6], aux: [2, n]}, layout: features-last}"
    spec = f"model: m\ndims: {{n: 5}}\ninput: [n, 4]\nlayers:\n  - {opaque}\n    name: o\n  - linear 3 from=o"
    assert loads(f"{spec}.main").params == loads(spec).params == 21
    with pytest.raises(SpecError, match="depends on the dim in `n`"):
        loads(f"{spec}.aux")


def test_time_grows_with_the_products_declared() -> None:
    """Backward takes twice the products, as its MACs do."""
    times = []
    for macs in (10**12, 2 * 10**12):
        net = graph(["linear 8", f"opaque look output=same macs={macs}"], (4, 8))
        found = predict(net, run_of("train", find("h100")))
        times.append((found.forward.seconds, found.backward.seconds))
    (forward, _), (more, most) = times
    assert more / forward == pytest.approx(2, rel=0.1)
    assert most / more == pytest.approx(2, rel=0.1)


def test_totals_say_what_was_declared() -> None:
    net = graph(LAYERS, SHAPES, batch=2)
    found = Costs(net).declared
    assert (found.layers, found.params, found.macs, found.unknown) == (1, 5, 200, False)
    facts, _ = footer(Costs(net))
    assert facts.parts[0].startswith("235 parameters, 5 of them declared (1 opaque layer), all trainable")
    assert "declared, not computed: 200 MACs of 1 opaque layer" in convention(Costs(net))
    assert "declared" not in loads("{model: m, input: [3], layers: [linear 2]}").to_dict()


def test_unknown_products_make_totals_at_least() -> None:
    net = loads("{model: m, input: [3], layers: [linear 2, opaque look output=4 macs=unknown]}")
    facts, _ = footer(Costs(net.graph))
    assert any(part.startswith("at least 6 MACs") for part in facts.parts)
    assert net.to_dict()["declared"] == {"layers": 1, "params": 0, "macs": None}


def test_gradients_pass_and_backward_takes_twice_as_much() -> None:
    net = graph(LAYERS, SHAPES)
    linear, conv = 20 * 3 * 1, 8 * 27 * 14 * 14
    assert backward_macs(net) == 2 * (2 * linear + 2 * 100 + conv)
    frozen = graph(["linear 4 frozen=true", "opaque look output=same macs=9"], (4,))
    assert backward_macs(frozen) == 0


def test_it_keeps_what_it_reads_and_gives_and_what_is_declared() -> None:
    net = graph(["linear 4", "opaque look output=3 saved=10"], (4,), batch=2)
    run = simulate(net, run_of("train"))
    assert run.layers[id(net.nodes[1])] == 2 * 4 * (4 + 3 + 10)
    found = assess(net, Question(Running(mode="train"))).modes[0].found
    assert (found.certainty("saved"), found.certainty("inputs")) == ("estimate", "exact")


def test_what_it_sees_is_unknown_and_nothing_is_generated() -> None:
    net = loads(
        "{model: m, dims: {n: 5}, input: [n], layers: [embedding 9 dim=4, attention 2 causal=true, opaque a output=same]}"
    )
    assert fields(net.graph)[id(net.graph.nodes[-1].exit)] == "unknown"
    with pytest.raises(NotGenerativeError, match="`opaque` does not declare what it keeps of earlier positions"):
        net.generation()


def test_verify_compares_all_the_rest() -> None:
    found = verify(graph(LAYERS, SHAPES))
    assert (found.differences, found.declared, found.params) == ([], 1, 224 + 5 + 6)
    wrong = graph([*LAYERS[:-1], "linear 3 from=roi.level name=y"], SHAPES)
    wrong.nodes[-1].macs += 1
    assert verify(wrong).differences


def test_what_is_built_says_what_is_missing_or_imports_it() -> None:
    net = graph(LAYERS, SHAPES)
    source = module_source(net)
    assert 'self.roi = Opaque("roi align", (20, 8, 7, 7), (20, 1), params=5)' in source
    namespace: dict[str, object] = {}
    exec(source, namespace)
    module = namespace["T"]()  # type: ignore[operator]
    with pytest.raises(NotImplementedError, match="roi align: the spec gives only its shape"):
        module(torch.zeros(1, 3, 16, 16), torch.zeros(1, 20, 4))
    with pytest.raises(BuildError, match="5:6: `opaque` cannot be built: 'roi align'"):
        instantiate(net)
    imported = module_source(graph("opaque nms output=300x6 class=pkg.module:Nms", (20,)))
    assert "from pkg.module import Nms\n" in imported
    assert "self.opaque = Nms()" in imported
    assert "class Opaque" not in imported


def test_no_class_is_imported_here() -> None:
    assert not verify(graph("opaque nms output=300x6 class=no.such.module:Nms", (20,))).differences


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("opaque a output=0", "`output` must be at least 1, not 0"),
        ("opaque a output=3 macs=-1", "`macs` must be at least 0, not -1"),
        ("opaque a output=3 class=evil:nn", "`nn` means something else in what `build` writes"),
        ("opaque a output=3 class=evil:super", "`super` means something else in what `build` writes"),
        ("opaque a output=3 class=evil.import:Net", "`import` means something else in what `build` writes"),
        (
            "opaque a output=3 class=os.system",
            "`class` must be a class, e.g. class=package.module:Name, not `os.system`",
        ),
        ("{opaque: {output: {2a: [3]}}}", "`2a` is not a name"),
        ("{opaque: {output: [[3]]}}", "`output` must be a size"),
        ("opaque a output=3 layout=first", "`layout` must be channels-first or features-last, not `first`"),
    ],
)
def test_what_is_refused(line: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        graph(line, (5,))
