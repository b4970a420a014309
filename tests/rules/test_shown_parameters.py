"""What rules say of parameters that do nothing or stand for others, shown in PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archcalc
from tests.rules.linting import apply, findings, one
from tests.rules.shown import RULES, example, gradients, input_of, module, spec


@pytest.mark.parametrize(
    ("code", "text", "dead"),
    [
        ("PRM301", example("PRM301"), ["conv.bias"]),
        ("PRM301", spec("4, 9", "convtranspose 6 kernel=3", "groupnorm 6"), ["convtranspose.bias"]),
        ("PRM301", spec("4, 9", "conv 6 kernel=3", "instancenorm"), ["conv.bias"]),
        (
            "PRM301",
            spec("4, 9, 9", "conv 6 kernel=3", "maxpool 2", "upsample 2 mode=bilinear", "batchnorm"),
            ["conv.bias"],
        ),
        ("PRM301", spec("4, 9, 9", "conv 6 kernel=3", "avgpool 2", "flatten", "batchnorm"), ["conv.bias"]),
        ("PRM301", spec("5, 4", "linear 6", "transpose", "batchnorm"), ["linear.bias"]),
        ("PRM301", spec("4, 9", "conv 6 kernel=3", "conv 6 kernel=3 groups=6 bias=false", "batchnorm"), ["conv1.bias"]),
        (
            "PRM301",
            spec("4, 9", "concat: [[conv 2 kernel=1], [conv 3 kernel=1 bias=false]]", "batchnorm"),
            ["conv1.bias"],
        ),
        (
            "PRM301",
            spec("4, 9", "repeat: 3\n    layers: [residual: [batchnorm, relu, conv 4 kernel=1]]", "batchnorm"),
            [f"repeat.{copy}.conv.bias" for copy in range(3)],
        ),
        ("PRM309", spec("4, 9", "batchnorm", "identity", "instancenorm"), ["batchnorm.weight", "batchnorm.bias"]),
        ("PRM309", example("PRM309"), ["batchnorm1.weight", "batchnorm1.bias"]),
        ("PRM309", spec("4, 9", "groupnorm 2", "batchnorm"), ["groupnorm.weight", "groupnorm.bias"]),
    ],
)
def test_cancelled_parameters_have_no_gradient(code: str, text: str, dead: list[str]) -> None:
    found = one(text, code)
    every = gradients(text, 8)
    assert sum(every[name].numel() for name in dead) == found.data["parameters"]
    largest = max(float(gradient.abs().max()) for gradient in every.values())
    # the small number added to the variance leaves a rest
    assert max(float(every[name].abs().max()) for name in dead) < 1e-3 * largest


@pytest.mark.parametrize(
    "layers",
    [
        ["conv 6 kernel=3", "avgpool kernel=2 padding=1", "batchnorm"],  # the border's means hold zeros
        ["conv 6 kernel=3", "conv 6 kernel=3 padding=1 bias=false", "batchnorm"],
        ["conv 6 kernel=3", "relu", "batchnorm"],
        ["conv 6 kernel=3", "dropout 0.5", "batchnorm"],
        ["conv 6 kernel=3", "pad 1", "batchnorm"],
        ["concat: {operands: [[conv 6 kernel=1], [identity]], axis: 1}", "batchnorm"],
    ],
)
def test_a_bias_that_the_norm_notices(layers: list[str]) -> None:
    text = spec("6, 9, 9", *layers)
    assert not findings(text, ("PRM301",))
    bias = next(gradient for name, gradient in gradients(text).items() if name.startswith("conv") and "bias" in name)
    assert bias.abs().max() > 1e-6


@pytest.mark.parametrize("norm", ["layernorm", "groupnorm 2", "rmsnorm"])
def test_other_norms_keep_a_bias(norm: str) -> None:
    layers = ("linear 6", norm) if norm != "groupnorm 2" else ("conv 6 kernel=3", norm)
    text = spec("9, 4" if norm != "groupnorm 2" else "4, 9", *layers)
    every = gradients(text)
    assert float(every[next(name for name in every if name.endswith("bias"))].abs().max()) > 1e-2


@pytest.mark.parametrize("key", ["bias_kv", "zero_attn"])
def test_the_bias_of_keys_counts_beside_keys_that_have_none(key: str) -> None:
    assert not findings(example("PRM303").replace("attention 4", f"attention 4 {key}=true"), ("PRM303",))


def test_key_biases_have_no_gradient() -> None:
    text = example("PRM303")
    gradient = gradients(text)["attention.in_proj_bias"]
    keys = gradient[64:128]
    assert keys.numel() == one(text, "PRM303").data["parameters"]
    assert keys.abs().max() < 1e-12 * gradient.abs().max()
    mended = apply(text, [one(text, "PRM303").fix])
    assert archcalc.loads(mended).params == archcalc.loads(text).params - 64


def test_two_linear_layers_are_one() -> None:
    text = example("PRM305")
    found, net, x = one(text, "PRM305"), module(text), input_of(text)
    both = nn.Linear(100, 10).double()
    with torch.no_grad():
        both.weight.copy_(net.linear2.weight @ net.linear1.weight)
        both.bias.copy_(net.linear2.weight @ net.linear1.bias + net.linear2.bias)
    assert torch.allclose(net(x), both(x))
    assert sum(p.numel() for p in both.parameters()) == found.data["merged"] == 1010
    assert sum(p.numel() for p in net.parameters()) == found.data["parameters"] == 44410


@pytest.mark.parametrize(
    ("first", "second"),
    [("conv 9 kernel=3", "conv 5 kernel=1"), ("conv 9 kernel=1", "conv 5 kernel=3"), ("conv 9 kernel=1 bias=false", "conv 5 kernel=3 padding=1")],
)  # fmt: skip
def test_two_convolutions_are_one(first: str, second: str) -> None:
    text = spec("4, 6, 6", first, second)
    found, net = one(text, "PRM305"), module(text)
    taps = [
        torch.nn.functional.pad(layer.weight, [1] * 4) if layer.kernel_size == (1, 1) else layer.weight
        for layer in (net.conv1, net.conv2)
    ]
    merged = torch.einsum("oixy,ijuv->ojxyuv", taps[1], taps[0])
    centre = merged[:, :, 1, 1] if net.conv2.kernel_size == (1, 1) else merged[:, :, :, :, 1, 1]
    both = nn.Conv2d(4, 5, 3, padding=net.conv2.padding).double()
    with torch.no_grad():
        both.weight.copy_(centre)
        shift = 0 if net.conv1.bias is None else net.conv2.weight.sum(dim=(2, 3)) @ net.conv1.bias
        both.bias.copy_(shift + net.conv2.bias)
    x = input_of(text)
    assert torch.allclose(net(x), both(x))
    assert found.data["merged"] == sum(p.numel() for p in both.parameters())


@pytest.mark.parametrize(
    "layers",
    [
        ["conv 9 kernel=1", "conv 5 kernel=3 padding=1"],  # the border sees no bias
        ["conv 3 kernel=1", "conv 5 kernel=3"],  # narrower than both ends
        ["conv 8 kernel=3 groups=4", "conv 8 kernel=1"],
        ["conv 8 kernel=3", "conv 8 kernel=3"],  # one of 5x5 is larger
    ],
)
def test_convolutions_that_are_not_one(layers: list[str]) -> None:
    assert not findings(spec("4, 6, 6", *layers), ("PRM305",))


def test_a_stack_of_linear_layers_is_one() -> None:
    text = spec("6", "{repeat: 3, name: stack, layers: [linear 6]}", "relu")
    found, net = one(text, "PRM305"), module(text)
    assert found.data["parameters"] == sum(p.numel() for p in net.parameters()) == 3 * found.data["merged"]
    x, y = input_of(text), input_of(text)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]

    def map_(x: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            x = layer(x)
        return x

    assert torch.allclose(map_(x + y) + map_(torch.zeros_like(x)), map_(x) + map_(y))
    assert not findings(spec("6", "{repeat: 3, layers: [linear 6, relu]}"), ("PRM305",))


def test_an_input_that_nothing_reads() -> None:
    text = "model: m\ninput: {x: [8], y: [4]}\nlayers: [linear 4 from=x]\n"
    found = one(text, "GRF701")
    assert (found.place.line, found.place.column, found.data["values"]) == (2, 17, 4)


def test_a_constant_that_nothing_reads() -> None:
    found = one(spec("4", "constant 3x3 kind=triangle name=mask", "linear 2 from=input"), "GRF701")
    assert found.message == "nothing reads the constant `mask`"
    assert (found.place.line, found.place.column) == (4, 5)


def test_unused_parameters_have_no_gradient() -> None:
    text = example("GRF701")
    without = [gradient for gradient in gradients(text).values() if gradient is None]
    net = module(text)
    net(input_of(text)).sum().backward()
    unused = [p.numel() for p in net.parameters() if p.grad is None]
    assert sum(unused) == one(text, "GRF701").data["parameters"]
    assert len(unused) == len(without)


def test_a_scan_of_which_the_last_state_is_read() -> None:
    """Its outputs are stacked all the same; a layer that only they need is for nothing."""
    scan = "{{scan: prev, state: {{z: [4]}}, layers: [grucell 4 state=z name=y{more}], next: {{z: y}}, name: s}}"
    assert not findings(spec("6, 4", scan.format(more=""), "linear 3 from=s.z"), ("GRF701",))
    found = one(spec("6, 4", scan.format(more=", linear 7"), "linear 3 from=s.z"), "GRF701")
    assert (found.data["layers"], found.data["parameters"]) == (1, 35)


@pytest.mark.parametrize(("layer", "equal"), [("rnn 6", True), ("lstm 6", True), ("gru 6", False)])
def test_the_second_recurrent_bias(layer: str, equal: bool) -> None:
    text = spec("5, 4", layer)
    every = gradients(text)
    first, second = (next(g for name, g in every.items() if f"bias_{kind}" in name) for kind in ("ih", "hh"))
    assert torch.allclose(first, second) == equal
    if equal:
        assert one(text, "PRM304").data["parameters"] == second.numel()


def test_a_linear_layer_takes_in_a_scale_and_a_shift() -> None:
    text, plain = example("PRM306"), RULES["PRM306"].section("Use instead")
    net, other, x = module(text), module(plain, 1), input_of(text)
    with torch.no_grad():
        nn.init.normal_(net.layernorm.weight)
        nn.init.normal_(net.layernorm.bias)
        other.linear.weight.copy_(net.linear.weight * net.layernorm.weight)
        other.linear.bias.copy_(net.linear.bias + net.linear.weight @ net.layernorm.bias)
    assert torch.allclose(net(x), other(x))
    saved = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in other.parameters())
    assert saved == one(text, "PRM306").data["parameters"]


@pytest.mark.parametrize("size", ["11, 11", "9, 2"])
def test_the_share_of_a_layer(size: str) -> None:
    text = spec(f"3, {size}", "conv 8 kernel=3 padding=1", "relu", "flatten", "linear 10")
    found, net = one(text, "PRM307"), module(text)
    assert found.data["parameters"] == sum(p.numel() for p in net.linear.parameters())
    assert found.data["total"] == sum(p.numel() for p in net.parameters())
