"""The time of GPUs: what kernels reach of the peak rates, types under autocast, fused passes, and programs that are late."""

import json
import math

import pytest

from archcalc.devices import find, names
from archcalc.diagnostics import Source
from archcalc.memory.how import how
from archcalc.network.load import build_graph, load_graph
from archcalc.prediction.answer import answer
from archcalc.prediction.autocast import widths
from archcalc.prediction.backward import gradients
from archcalc.prediction.host import started
from archcalc.prediction.kernels import FILE, Kernels, efficiency, kernel
from archcalc.prediction.operations import operations
from archcalc.prediction.predict import executed
from archcalc.running import Running

# Published times in milliseconds, of networks that are also in the fit: a card's range has to hold them.
PUBLISHED = [
    # github.com/NVIDIA/DeepLearningExamples, PyTorch/Classification/ConvNets/resnet50v1.5
    ("resnet50", "v100", 1, "fp32", {}, 10.37),
    ("resnet50", "v100", 256, "fp32", {}, 214.48),
    ("resnet50", "v100", 256, "autocast-fp16", {}, 84.14),
    # github.com/huggingface/pytorch-image-models, results/benchmark-infer-amp-nhwc-pt240-cu124-rtx3090.csv
    ("resnet18", "rtx3090", 1024, "autocast-fp16", {"memory_format": "channels-last"}, 91.511),
]


def run(path, **given):
    return answer(load_graph(path, batch=given.get("batch")), Running(**given))


def time(path, **given):
    return run(path, **given).total


@pytest.mark.parametrize(("spec", "device", "batch", "precision", "more", "measured"), PUBLISHED)
def test_published_times_lie_in_the_range(spec, device, batch, precision, more, measured):
    found = time(f"specs/{spec}.yaml", mode="inference", device=device, batch=batch, precision=precision, **more)
    assert found.low <= measured / 1000 <= found.high


def test_every_share_is_one_that_some_kernel_has():
    used = {"products backward", "passes backward"}
    for name in ("gpt2", "lstm", "mobilenetv2", "resnext50", "transformer", "unet"):
        for dtype in ("fp16", "fp32"):
            for one in operations(load_graph(f"specs/{name}.yaml"), dtype):
                for backward in (False, True):
                    found = kernel(one, find("rtx3090"), dtype, "", backward)
                    used |= {*found.computing_shares, *found.moving_shares}
    shares = efficiency()["shares"]
    assert set(shares) == used & set(shares)
    plain = {name for name in used if not name.endswith("backward")}
    assert plain - set(shares) == set(), "a kernel that nothing is known of"
    assert all(0 < one <= 1 for one in shares.values())


@pytest.mark.parametrize("device", [*efficiency()["devices"], "l4"])
def test_no_kernel_passes_the_peak_rates(device):
    kernels = Kernels(find(device), "fp16")
    assert 0 < kernels._computing <= 1
    assert 0 < kernels._moving <= 1
    for name in ("gpt2", "mobilenetv2", "resnet50"):
        for one in operations(load_graph(f"specs/{name}.yaml", batch=8), "fp16"):
            for backward in (False, True):
                at_peak = kernel(one, find(device), "fp16", "", backward)
                seconds, computing, moving, _ = kernels.time(one, backward)
                assert computing >= at_peak.computing
                assert moving >= at_peak.moving + at_peak.streaming
                assert seconds >= max(at_peak.computing, at_peak.moving + at_peak.streaming)


def test_convolutions_without_matrix_units_multiply_less(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("model: net\ninput: [8, 8, 8]\nlayers: [conv 8 kernel=3, conv 8 kernel=3, conv 8 kernel=1]\n")
    v100 = find("v100")
    _, three, one = (each for each in operations(load_graph(str(path)), "fp32") if each.m)
    for work, fewer in ((three, 2.25), (one, 1)):
        plain, tensor = (kernel(work, v100, dtype).computing * v100.peaks[dtype] for dtype in ("fp32", "fp16"))
        assert tensor / plain == pytest.approx(fewer)


def test_the_file_knows_shipped_cards_and_says_where_it_is_from():
    fitted = efficiency()
    assert set(fitted["devices"]) <= set(names())
    assert fitted["sources"]
    for own in fitted["devices"].values():  # nearer on cards that were measured than on those that were left out
        assert own["spread"]
        assert all(1 < spread < fitted["spread"][kind] for kind, spread in own["spread"].items())
    with open(FILE, encoding="utf-8") as file:
        assert json.load(file) == fitted


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("h200", ["h100"]),  # the same multiprocessors
        ("l4", ["rtx4090"]),
        ("t4", ["v100"]),  # the nearest of its major version
        ("agx-orin", ["rtx3090"]),
        ("b200", [*efficiency()["devices"]]),  # like none
        ("mi300x", [*efficiency()["devices"]]),
    ],
)
def test_a_card_without_published_times_has_the_mean_of_those_built_like_it(name, like):
    known = efficiency()["devices"]
    kernels = Kernels(find(name), "fp16")
    assert not kernels.is_measured
    for side, found in (("computing", kernels._computing), ("moving", kernels._moving)):
        assert math.log(found) == pytest.approx(sum(math.log(known[one][side]) for one in like) / len(like))


def test_a_card_with_profiles_of_its_operations_reaches_what_they_do():
    a40 = find("a40")
    kernels, found = Kernels(a40, "fp16"), a40.calibration["coefficients"]["forward"]
    assert not kernels.is_measured
    assert kernels._computing == pytest.approx(1 / ((found["linear"][1] + found["linear"][2]) * a40.peaks["fp16"]))
    assert kernels._moving == pytest.approx(1 / (found["add"][3] * a40.bandwidth))


def test_weights_are_read_from_end_to_end_whatever_the_card_reaches_else():
    (product,) = (one for one in operations(load_graph("specs/mlp.yaml", batch=1), "fp16") if one.n == 10)
    for name in ("a100-40gb", "rtx4090"):
        one = kernel(product, find(name), "fp16")
        assert one.streaming == product.weight_bytes / find(name).bandwidth
        _, _, moving, _ = Kernels(find(name), "fp16").time(product)
        assert moving > one.streaming / efficiency()["streaming"]
        behind = kernel(product, find(name), "fp16", backward=True)
        assert behind.streaming == 0
        assert behind.moving == pytest.approx(one.moving + one.streaming)


# Tokens a second, none of them in the fit: vLLM, johnmusgrave.com; llama.cpp, github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference.
DECODED = [("a100-40gb", 1152, 128, 75.0), ("rtx3090", 1024, 1023, 46.51), ("rtx4080", 1024, 1023, 40.29), ("rtx4090", 1024, 1023, 54.34)]  # fmt: skip


@pytest.mark.parametrize(("device", "length", "tokens", "measured"), DECODED)
def test_published_speeds_of_decoding_lie_in_the_range(device, length, tokens, measured):
    given = {"mode": "generate", "precision": "fp16", "execution": "graph", "length": length, "new_tokens": tokens}
    step = run("specs/llama3.yaml@8b", device=device, **given).decoding.step
    assert step.low <= 1 / measured <= step.high


def test_attention_step_by_step_keeps_its_scores(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("model: net\ninput: [seq, 64]\ndims: {seq: 32}\nlayers: [attention heads=2]\n")
    graph = load_graph(str(path), batch=4)
    given = {"mode": "train", "device": "rtx3090", "batch": 4}
    found = {}
    for kind, precision in (("efficient", "fp16"), ("math", "fp16"), ("math", "autocast-fp16")):
        ahead = executed(graph, how(graph, Running(**given, precision=precision, attention=kind), "train", None))
        one = next(each for each in ahead if each.kind == "attention")
        (behind,) = (
            each for gradient in gradients(graph, ahead) for each in gradient.kernels if each.kind == "attention"
        )
        found[kind, precision] = one.in_bytes + one.out_bytes, behind.flops / one.flops
    scores = 4 * 2 * 32 * 32
    efficient, plain, cast = found.values()
    assert plain[0] - efficient[0] == scores * 2 * 4, "written and read before the softmax, and after it"
    assert cast[0] - efficient[0] == scores * (2 + 2 + 4 + 4 + 4 + 4 + 2 + 2), "in fp32 around the softmax"
    assert (efficient[1], plain[1], cast[1]) == (5 / 2, 2, 2)


def test_the_gradient_of_a_bias_is_a_sum_of_its_own(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("model: net\ninput: [64]\nlayers: [linear 32, linear 16 bias=false]\n")
    graph = load_graph(str(path), batch=8)
    ahead = executed(graph, how(graph, Running(mode="train", device="a100", precision="bf16"), "train", None))
    sums = [one for gradient in gradients(graph, ahead) for one in gradient.kernels if one.kind == "sum"]
    assert [one.in_bytes for one in sums] == [8 * 32 * 2]


def test_adapters_are_products_of_their_own_beside_frozen_ones(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("model: net\ninput: [64]\nlayers: [linear 32, linear 16]\n")
    said = Running(mode="train", device="a100", precision="bf16", lora=4, lora_on=["linear*"])
    graph = load_graph(str(path), batch=8, said=said)
    ahead = executed(graph, how(graph, said, "train", None))
    assert [(one.part, one.m, one.n, one.k) for one in ahead] == [
        ("", 8, 32, 64), ("adapter", 8, 4, 64), ("adapted", 8, 32, 4), ("adapted", 0, 0, 0),
        ("", 8, 16, 32), ("adapter", 8, 4, 32), ("adapted", 8, 16, 4), ("adapted", 0, 0, 0),
    ]  # fmt: skip
    behind = [one for gradient in gradients(graph, ahead) for one in gradient.kernels if one.m]
    frozen = [(one.m, one.n, one.k) for one in behind if not one.part]
    assert frozen == [(8, 32, 16)], "the input's gradient alone, and none before the first layer that learns"
    assert len([one for one in behind if one.part]) == 4 * 2 - 1, "nor there of what the adapter reads"


def test_channels_that_go_to_the_front_stay_where_they_are():
    graph = load_graph("specs/convnext.yaml", batch=2)
    moved = {}
    for memory_format in ("contiguous", "channels-last"):
        given = {"mode": "inference", "device": "rtx3090", "precision": "fp16", "memory_format": memory_format}
        for one in executed(graph, how(graph, Running(**given), "inference", None)):
            if one.kind == "rearrange":
                moved[memory_format, one.node.layer.pattern] = one.in_bytes + one.out_bytes > 0
    assert moved == {
        ("contiguous", "c h w -> h w c"): True,
        ("contiguous", "h w c -> c h w"): False,
        ("channels-last", "c h w -> h w c"): False,
        ("channels-last", "h w c -> c h w"): False,
    }


def test_casts_of_what_a_pass_computes_are_part_of_it_when_compiled(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("model: net\ninput: [4, 8]\nlayers: [linear 8, layernorm, linear 8, layernorm]\n")
    graph = load_graph(str(path))
    given = {"mode": "inference", "device": "rtx4090", "precision": "autocast-fp16", "execution": "compiled"}
    copies = [
        (one.in_bytes, one.out_bytes)
        for one in executed(graph, how(graph, Running(**given), "inference", None))
        if one.part == "copy"
    ]
    assert copies == [(4 * 8 * 4, 4 * 8 * 2), (0, 0)], "the input is cast, and what layernorm gives is written so"


def test_autocast_is_as_wide_as_its_layers_compute(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "model: net\ninput: [4, 8]\nlayers: [linear 8, gelu, layernorm, linear 8, residual: [layernorm, linear 8]]\n"
    )
    graph = load_graph(str(path))
    wide = widths(graph, how(graph, Running(mode="train", device="rtx4090"), "train", None))
    first, gelu, norm, second, _ = graph.nodes
    assert [wide[id(node.exit)] for node in (first, gelu, norm, second)] == [2, 2, 4, 2]
    assert widths(graph, how(graph, Running(mode="train", precision="fp32", device="rtx4090"), "train", None)) == {}
    found = operations(graph, "bf16", wide)
    assert [one.part for one in found[:5]] == ["copy", "", "", "", "copy"]
    copy = found[0]
    assert (copy.in_bytes, copy.out_bytes) == (4 * 8 * 4, 4 * 8 * 2)
    assert found[3].in_bytes == 4 * 8 * 2
    assert found[3].out_bytes == 4 * 8 * 4


def test_passes_between_products_are_one_kernel_when_compiled(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "model: net\ninput: [8, 6, 6]\nlayers: [conv 8 kernel=1 bias=false, batchnorm, relu, conv 8 kernel=1 bias=false]\n"
    )
    graph = load_graph(str(path))
    given = {"mode": "inference", "device": "rtx4090", "precision": "fp16"}
    plain, compiled = (
        executed(graph, how(graph, Running(**given, execution=one), "inference", None)) for one in ("eager", "compiled")
    )
    size = 8 * 6 * 6 * 2
    assert [(one.in_bytes, one.out_bytes) for one in plain] == [(size, size)] * 4
    assert [(one.in_bytes, one.out_bytes) for one in compiled] == [(size, size), (size, 0), (0, size), (size, size)]
    assert [one.flops for one in plain] == [one.flops for one in compiled]


@pytest.mark.parametrize("mode", ["inference", "train"])
def test_small_batches_wait_for_the_program_unless_compiled(mode):
    given = {"mode": mode, "device": "a100", "batch": 1, "precision": "bf16"}
    eager, compiled = (run("specs/resnet50.yaml", **given, execution=one).total for one in ("eager", "compiled"))
    assert eager.bound == "launch"
    assert compiled.seconds < eager.seconds / 3
    assert eager.low < eager.seconds < eager.high
    if mode == "inference":
        graph = load_graph("specs/resnet50.yaml", batch=1)
        count = sum(started(executed(graph, how(graph, Running(**given), mode, None))).values())
        assert eager.seconds == pytest.approx(count * efficiency()["host"]["plain"])


def test_channels_last_is_faster_for_convolutions_alone():
    given = {"mode": "inference", "device": "rtx3090", "batch": 256, "precision": "autocast-fp16"}
    for spec, faster in (("resnet50", True), ("vit", False)):
        first, last = (
            time(f"specs/{spec}.yaml", **given, memory_format=one).seconds for one in ("contiguous", "channels-last")
        )
        assert (last < 0.95 * first) == faster


def test_masked_scores_are_left_out_by_fused_attention():
    given = {"mode": "inference", "device": "a100", "precision": "bf16", "batch": 8}
    graph = load_graph("specs/gpt2.yaml", batch=8)
    for attention, share in (("flash", 0.51), ("math", 1.0)):
        run = how(graph, Running(**given, attention=attention), "inference", None)
        scores = [one for one in executed(graph, run) if one.kind == "attention"]
        whole = [one for one in operations(graph, "bf16") if one.kind == "attention"]
        assert sum(one.flops for one in scores) == pytest.approx(share * sum(one.flops for one in whole), rel=0.03)


def test_copies_read_what_the_copy_before_gives():
    text = """{model: m, input: [3, 28, 28], blocks: {b: [{residual: [conv 64 kernel=3 padding=1, layerscale]}]},
        layers: [conv 64 kernel=1, b repeat=3]}"""
    graph = build_graph(Source("m.yaml", text))
    wide = widths(graph, how(graph, Running(mode="train", device="a100"), "train", None))
    residual = graph.nodes[1].children[0]
    first = residual.children[0]
    assert [wide[id(x)] for x in (first.inputs[0], first.exit, residual.exit)] == [4, 2, 4]
