"""Operations and their times: what runs adds up to what the network costs, and coefficients mean what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError, Source
from archcalc.memory.how import how
from archcalc.network.graph import walk
from archcalc.network.load import build_graph, load_graph
from archcalc.prediction.answer import answer
from archcalc.prediction.backward import gradients
from archcalc.prediction.estimate import CALIBRATED, COMPUTE, DATASHEET, LAUNCH, MEMORY, NEIGHBOURS, Estimator
from archcalc.prediction.model import ELEMENTWISE, FEATURES, PRODUCTS, Model, features, pool_of, roofline
from archcalc.prediction.operations import Operation, operations
from archcalc.prediction.predict import executed
from archcalc.reports.prediction.words import headline, used
from archcalc.running import Running

from .cases import shared
from .conftest import SPECS


def device(kind: str = "cpu", **calibration: object) -> Device:
    return Device("mine", "Mine", kind, 1, 0, 100.0, {"fp32": 1000.0}, 4, "here", calibration or None)


def operation(**changes: int) -> Operation:
    return replace(Operation("linear", 20, 20, 5, 4100, 10, 20, 30, 25, 1, None), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_work_of_all_operations_is_the_networks(path, batch):
    graph = shared(path.stem, batch)
    totals = Costs(graph).totals
    work = sum(one.flops * one.runs for one in operations(graph))
    # A matrix of which only a few elements are not 0 takes the time of all of them, as `build` writes it.
    zeros = sum(
        node.runs(stored, runs, batch) * (int(node.layer.counted(node.macs, node.exit, *node.inputs)) - int(node.macs))
        for node, stored, runs in walk(graph.nodes)
        if node.layer is not None
    )
    # Experts share positions that do not divide evenly; a step of a recurrent layer is a whole number.
    assert work == pytest.approx(totals.flops + totals.other_flops + 2 * zeros, rel=1e-3)
    assert all(one.runs >= 1 and min(one.flops, one.in_bytes, one.weight_bytes, one.out_bytes) >= 0 for one in operations(graph))  # fmt: skip


def test_a_linear_layer(graph):
    [one] = operations(graph("7, 16", "linear 5", batch=2))
    assert (one.kind, one.m, one.n, one.k, one.runs) == ("linear", 14, 5, 16, 1)
    assert (one.in_bytes, one.weight_bytes, one.out_bytes) == (4 * 14 * 16, 4 * (16 * 5 + 5), 4 * 14 * 5)
    assert operations(graph("16", "linear 5"))[0].kind == "matrix-vector"
    assert operations(graph("7, 16", "linear 5", batch=2), "bf16")[0].weight_bytes == 2 * 85


def test_an_embedding_reads_rows_and_writes_a_whole_gradient(graph):
    [one] = operations(graph("7", "embedding 100 dim=8", batch=2))
    assert (one.in_bytes, one.weight_bytes, one.gradient_bytes) == (8 * 14, 4 * 14 * 8, 4 * 100 * 8)


def test_copies_run_one_after_the_other(graph):
    first, second = operations(graph("8, 9, 9", "conv 8 kernel=3 padding=1 groups=8 repeat=5", "flatten"))
    assert (first.kind, first.runs, first.k) == ("depthwise convolution", 5, 9)
    assert (second.kind, second.in_bytes, second.out_bytes) == ("flatten", 0, 0)


def test_experts_run_once_each_on_their_share(graph):
    found = operations(graph("10, 8", "moe: {experts: 4, top_k: 2, layers: [linear 8]}", batch=3))
    expert = next(one for one in found if one.kind == "linear")
    assert (expert.runs, expert.m) == (4, 15)


def test_recurrent_layers_run_step_by_step(graph):
    projection, step = operations(graph("12, 8", "lstm 6 bidirectional=true"))
    assert (projection.m, projection.n, projection.k, projection.runs) == (12, 24, 8, 2)
    assert (step.kind, step.m, step.n, step.k, step.runs) == ("lstm", 1, 24, 6, 24)


def test_attention_is_projections_and_scores(graph):
    q, k, v, scores, output = operations(graph("10, 16", "attention heads=4 kv_heads=2"))
    assert [one.n for one in (q, k, v, output)] == [16, 8, 8, 16]
    assert [one.part for one in (q, k, v, scores, output)] == ["queries", "keys", "values", "scores", "output"]
    assert (scores.kind, scores.m, scores.n, scores.k) == ("attention", 10, 10, 4)
    assert (scores.in_bytes, scores.out_bytes) == (4 * 10 * (16 + 8 + 8), 4 * 10 * 16)


def test_queries_and_keys_are_turned_and_normed(graph):
    found = operations(graph("10, 16", "attention heads=4 kv_heads=2 rope=10000 qknorm=true"))
    assert [one.kind for one in found[3:6]] == ["rmsnorm", "rope", "attention"]
    assert [one.in_bytes for one in found[3:5]] == [4 * 10 * (16 + 8)] * 2


MASKED = (
    "{model: m, input: {x: [5, 6, 16], m: [5, 1, 6, 6]}, "
    "layers: [relposbias 4 kind=window window=2x3 from=x name=b, attention heads=4%s from=x]}"
)


def test_what_is_added_to_scores_is_made_and_read():
    pairs = 2 * 5 * 4 * 6 * 6 * 4  # bytes of all scores of two samples of five windows

    def found(words: str, **said: object) -> tuple[Operation, Operation]:
        run = Running(mode="inference", batch=2, **said)
        one = build_graph(Source("m.yaml", MASKED % words), batch=2, said=run)
        every = executed(one, how(one, run, "inference"))
        return next(o for o in every if o.part == "mask"), next(o for o in every if o.part == "scores")

    plain = 3 * 4 * 2 * 5 * 6 * 16  # queries, keys and values
    for words, moved in (
        (" mask=m", (2 * 2 * 5 * 36 * 4, 2 * 5 * 36 * 4)),  # for all heads
        (" relbias=b", (2 * 4 * 36 * 4, 4 * 36 * 4)),  # for all samples and windows
        (" relbias=b mask=m", (2 * pairs, 2 * pairs)),  # for each score, without what is hidden and with it
    ):
        made, scores = found(words)
        assert ((made.in_bytes, made.out_bytes), scores.in_bytes) == (moved, plain), words
    autocast = {"device": "rtx3090", "precision": "autocast-fp16"}
    half = pairs // 2
    cast, _ = found(" relbias=b mask=m", **autocast)  # to 2 bytes, then aligned to 8 keys
    assert (cast.in_bytes, cast.out_bytes) == (2 * pairs + 2 * half, 2 * pairs + 2 * half)
    fused, _ = found(" relbias=b mask=m", **autocast, execution="compiled")
    assert (fused.in_bytes, fused.out_bytes) == (half, half)
    by_hand, scores = found(" relbias=b mask=m", device="rtx3090", precision="fp32", attention="math")
    assert (by_hand.in_bytes, scores.in_bytes) == (0, plain + 2 * pairs + 2 * pairs)
    train = Running(mode="train", batch=2)
    one = build_graph(Source("m.yaml", MASKED % " relbias=b"), batch=2)
    back = [k for g in gradients(one, executed(one, how(one, train, "train"))) for k in g.kernels if k.part == "mask"]
    assert [(k.kind, k.in_bytes) for k in back] == [("sum", pairs)]


def test_roll_is_a_pass_for_each_axis(graph):
    (one,) = operations(graph("4, 4", "roll 1x2 axes=0x1"))
    assert (one.runs, one.in_bytes) == (2, 64)


def test_features_count_all_runs_in_whole_tiles_and_waves():
    assert features(operation(runs=3), "cpu") == (3, 12300, 3 * 2 * 32 * 32 * 5, 30, 60, 90)
    assert features(operation(runs=2), "cpu", phase="backward")[4] == 50
    assert features(operation(), "gpu", 4)[2] == 2 * 4 * 128 * 128 * 5
    assert features(operation(m=0), "gpu", 4)[2] == 0


def test_weights_of_recurrent_steps_stay_near_the_processor_or_do_not():
    step = operation(kind="lstm", weight_bytes=100, gradient_bytes=100, runs=2)

    def weights(near: float, phase: str = "forward", work: Operation = step) -> float:
        return features(work, "cpu", phase=phase, near_bytes=near)[4]

    assert [weights(near) for near in (0, 50, 100 / 1.15, 100 / 0.75, 1000)] == pytest.approx([200, 200, 200, 0, 0])
    assert 0 < weights(100) < 200
    assert weights(1000, "backward") == 0
    assert weights(1000, work=replace(step, kind="linear")) == 200


def test_coefficients_are_seconds_for_each_feature():
    own, pool = [1.0, 0, 0, 0, 0, 2.0], [0.5] + [0.0] * 5
    both = {PRODUCTS: pool, ELEMENTWISE: pool}
    model = Model(device(coefficients={"forward": {"linear": own}}, pools={"forward": both}))
    assert model.parts(operation(runs=2)) == [2, 0, 0, 0, 0, 120]
    assert model.seconds(operation(kind="gru", runs=2)) == 1
    with pytest.raises(KeyError):
        model.seconds(operation(), "backward")


def test_weights_of_small_networks_stay_in_the_cache():
    pools = {phase: {PRODUCTS: [1.0] * 6, ELEMENTWISE: [1.0] * 6} for phase in ("forward", "cached forward")}
    model = Model(device(coefficients={"forward": {}}, pools=pools, cache_bytes=800))
    assert model.inference_phase([operation(runs=4)]) == "cached forward"
    assert model.inference_phase([operation(runs=5)]) == "forward"
    assert model.inference_phase([operation(kind="lstm", runs=500)]) == "cached forward"
    assert (
        Model(device(coefficients={"forward": {}}, pools={"forward": {}})).inference_phase([operation()]) == "forward"
    )


def test_a_step_takes_its_tensors_and_bytes():
    model = Model(device(coefficients={"forward": {}}, pools={"forward": {}}, steps={"adam": [2.0, 0.5]}))
    assert model.step_seconds("adam", 3, 10) == 11
    with pytest.raises(KeyError):
        model.step_seconds("sgd", 1, 1)


def test_kinds_have_neighbours():
    assert pool_of("linear") == pool_of("convolution") == PRODUCTS
    assert pool_of("relu") == pool_of("maxpool") == ELEMENTWISE


def test_the_roofline_is_the_slower_of_both():
    assert roofline(operation(runs=2), device(), "fp32") == 2 * 4.1
    assert roofline(operation(flops=10), device(), "fp32") == 0.6


@pytest.mark.parametrize(
    "calibration",
    [
        {"coefficients": 3},
        {"coefficients": {}, "pools": {}},
        {"coefficients": {"forward": {}}, "pools": {"forward": {}}, "cache_bytes": 10**400},
        {"coefficients": {"forward": {"linear": [1] * len(FEATURES)}}},
        {"coefficients": {"forward": {"linear": [1]}}, "pools": {}},
        {"coefficients": {"forward": {"linear": [-1] * len(FEATURES)}}, "pools": {}},
        {"coefficients": {"forward": {"linear": ["x"] * len(FEATURES)}}, "pools": {}},
        {"coefficients": {"forward": {}}, "pools": {"forward": {PRODUCTS: [1] * len(FEATURES)}}, "overlap": 0.5},
    ],
)
def test_a_calibration_that_is_not_one(calibration):
    with pytest.raises(RequestError, match="is invalid"):
        Model(device(**calibration))


def test_a_data_sheet_alone_is_not_a_calibration():
    with pytest.raises(RequestError, match="not calibrated"):
        Model(device())


# -- estimates ------------------------------------------------------------------------------


def calibrated(kind: str, slow: float, **more: object) -> Device:
    """A device that takes `slow` seconds a run of `linear`, and no time for anything else of it."""
    own = {"forward": {"linear": [slow, 0, 0, 0, 0, 0]}}
    pools = {"forward": {ELEMENTWISE: [slow] + [0] * 5}}
    error = {"forward": {"mean": 0.1}}
    return device(kind, dtype="fp32", coefficients=own, pools=pools, error=error, **more)


def test_what_is_known_says_so_and_how_far_off_it_is():
    found = Estimator(calibrated("cpu", 20.0)).estimate(operation(runs=3))
    assert (found.seconds, found.bases) == (60, {CALIBRATED: 60})
    assert (found.low, found.high) == (pytest.approx(54), pytest.approx(66))
    alike = Estimator(calibrated("cpu", 2.0)).estimate(operation(kind="relu", m=0))
    assert alike.bases == {NEIGHBOURS: 2}
    assert alike.low <= 2 <= alike.high
    unknown = Estimator(calibrated("cpu", 2.0)).estimate(operation(kind="convolution"))
    assert set(unknown.bases) == {DATASHEET}
    assert unknown.low == roofline(operation(), device(), "fp32")
    assert unknown.high == pytest.approx(unknown.low / 0.25)
    assert unknown.low < unknown.seconds < unknown.high


def test_nothing_passes_the_rates_of_a_data_sheet():
    least = roofline(operation(), device(), "fp32")
    assert Estimator(calibrated("gpu", 1e-6)).estimate(operation()).seconds == least
    assert Estimator(calibrated("gpu", 1e-6, measured=[])).estimate(operation()).seconds == pytest.approx(1e-6)


@pytest.mark.parametrize(
    ("changes", "bound"),
    [({"flops": 10_000}, COMPUTE), ({"in_bytes": 1000}, MEMORY), ({"flops": 1, "in_bytes": 0}, LAUNCH)],
)
def test_what_a_gpu_waits_for(changes, bound):
    rates = {"forward": {"linear": [0.9, 1e-3, 0, 1e-2, 1e-2, 1e-2]}}
    gpu = device("gpu", dtype="fp32", coefficients=rates, pools={"forward": {}}, overlap=2)
    done = operation(weight_bytes=0, out_bytes=0, **{"in_bytes": 10, **changes})
    assert set(Estimator(gpu).estimate(done).bounds) == {bound}


def test_other_types_than_the_measured_one_are_neighbours():
    gpu = calibrated("gpu", 2.0)
    both = replace(gpu, peaks={"fp32": 1000.0, "fp16": 4000.0})
    assert set(Estimator(both, "fp32").estimate(operation()).bases) == {CALIBRATED}
    assert set(Estimator(both, "fp16").estimate(operation()).bases) == {NEIGHBOURS}
    assert Estimator(both, "fp16").stored == "fp16"


def moves_nothing(node):
    """Whether it only puts the channels first, which leaves an image with its channels last where it is."""
    before, _, after = node.layer.pattern.partition(" -> ") if node.op == "rearrange" else ("", "", "")
    axes = before.split()
    return len(axes) == 3 and after.split() == [axes[-1], *axes[:-1]]


@pytest.mark.parametrize("mode", ["inference", "train"])
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_times_of_networks_are_sums_within_their_ranges(path, mode):
    for name in ("h100", "l4"):
        found = answer(shared(path.stem, 2), Running(device=name, mode=mode))
        one, whole = found.prediction, found.total
        layers = sum(layer.total.seconds for layer in one.layers)
        assert whole.seconds == pytest.approx(layers + one.loss.seconds + one.step.seconds)
        assert 0 < whole.low <= whole.seconds <= whole.high
        assert sum(whole.bases.values()) == pytest.approx(whole.seconds)
        assert sum(whole.bounds.values()) == pytest.approx(whole.seconds)
        for layer in one.layers:
            idle = layer.node.is_view or layer.node.op in ("dropout", "droppath") or moves_nothing(layer.node)
            assert layer.forward.seconds > 0 or idle, layer.node.id
        larger = answer(shared(path.stem, 64), Running(device=name, mode=mode)).total
        assert whole.seconds * (1 - 1e-9) <= larger.seconds < 33 * whole.seconds


@pytest.mark.parametrize("peak", [1.0, 1.12, 20.0])
def test_more_than_the_peak_is_a_plain_number(graph, peak):
    found = answer(graph("7, 16", "linear 5"), Running(mode="inference", precision="fp32"), device())
    rate = found.prediction.costs.totals.flops / found.total.seconds / peak
    running = found.prediction.running.also()
    running.chip = replace(device(), peaks={"fp32": rate})
    slow = replace(found.prediction, running=running)
    facts = " ".join(fact for line in headline(replace(found, prediction=slow)) for fact in line)
    assert f" {100 * peak:,.0f} % of the peak" in facts


def test_products_that_frozen_layers_leave_out_do_not_count_as_reached():
    """With adapters beside frozen weights products run twice and not three times; the first layers leave out a little more."""
    products = []
    for more in ({}, {"lora": 8}):
        said = Running(mode="train", device="rtx4090", precision="bf16", batch=4, **more)
        found = answer(load_graph("specs/gpt2.yaml", batch=4, said=said), said).prediction
        products.append(used(found) * found.total.seconds * 165.2e12)
    weights = 4 * 1024 * 2 * (12 * 12 * 768**2 + 768 * 50257)
    assert weights < products[0] - products[1] < 1.05 * weights


@pytest.mark.parametrize(("weights", "measured"), [(None, 104.9), ("int8", 155.58), ("int4", 196.8)])
def test_quantised_weights_are_read_as_they_are_stored(weights, measured):
    # gpt-fast, README: Llama 2 7B on an A100 80 GB, compiled, one prompt of 5 and 200 tokens; tokens a second.
    sizes = {"vocab": "32000", "kv_heads": "32", "ff": "11008"}
    graph = load_graph("specs/llama3.yaml", sizes)
    run = {"mode": "generate", "length": 205, "new_tokens": 200, "execution": "compiled", "device": "a100"}
    step = answer(graph, Running(**run, weights=weights)).decoding.step
    assert 0.98 * step.low < 1 / measured < 1.02 * step.high


def test_a_dequantised_copy_is_written_and_read():
    graph = load_graph("specs/llama3.yaml", {"depth": "2"})
    said = {"mode": "generate", "device": "a100", "execution": "compiled"}
    plain, packed, expanded = (
        answer(graph, Running(**said, weights=kind)).decoding.step.seconds for kind in (None, "int4", "nf4")
    )
    assert packed < plain < expanded


def test_experts_are_one_kernel_on_a_gpu(graph):
    mixture = graph("10, 8", "moe: {experts: 64, top_k: 2, layers: [linear 8]}", batch=3)
    (each,) = [one for one in operations(mixture) if one.kind == "linear" and one.n == 8 and one.part != "router"][-1:]
    (all_of,) = [one for one in operations(mixture, grouped=True) if one.kind == "linear" and one.n == 8][-1:]
    assert (all_of.runs, all_of.flops, all_of.weight_bytes) == (
        1,
        each.runs * each.flops,
        each.runs * each.weight_bytes,
    )
    # Of 64 experts, 30 positions that choose 2 by chance each miss some.
    assert each.runs == round(64 * (1 - (1 - 2 / 64) ** 30))
