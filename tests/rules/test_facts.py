"""What the rules claim, shown in PyTorch: the number of a message is the number that comes out."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import nn

import archcalc
from archcalc.rules.check import load_rules
from tests.rules.linting import apply, findings, one

RULES = load_rules()


def example(code: str) -> str:
    return RULES[code].section("Example")


def module(text: str, seed: int = 0) -> nn.Module:
    torch.default_generator.manual_seed(seed)
    return archcalc.loads(text).to_torch().double()


def input_of(text: str, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, *archcalc.loads(text).inputs["input"], dtype=torch.double, requires_grad=True)


def gradients(text: str, batch: int = 3) -> dict[str, torch.Tensor]:
    net, x = module(text), input_of(text, batch)
    y = net(x)
    (y * torch.randn_like(y)).sum().backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()} | {"input": x.grad}


def spec(input: str, *layers: str) -> str:
    return f"model: m\ninput: [{input}]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("GEO201", example("GEO201")),
        ("GEO201", spec("2, 7, 7", "maxpool kernel=2")),
        ("GEO201", spec("2, 7, 9", "maxpool kernel=3 stride=2 padding=1", "avgpool kernel=2")),
        ("GEO201", spec("2, 23", "conv 4 kernel=5 stride=4")),
        ("GEO202", example("GEO202")),
        ("GEO202", spec("2, 20, 20", "conv 4 kernel=3 stride=5")),
        ("GEO202", spec("2, 20, 20", "conv 4 kernel=3 stride=2 dilation=2 padding=2")),
        ("GEO202", spec("2, 16, 16", "residual: {layers: [conv 4 kernel=1 stride=2], shortcut: [conv 4 kernel=1 stride=2]}")),
        ("ATT605", example("ATT605")),
    ],
)  # fmt: skip
def test_unread_pixels_have_no_gradient(code: str, text: str) -> None:
    found = one(text, code)
    net, x = module(text), input_of(text)
    seen: dict[str, torch.Tensor] = {}
    reader = next((m for name, m in net.named_modules() if name == found.layer), None)
    if reader is not None and not isinstance(next(net.children()), type(reader)):
        reader.register_forward_pre_hook(lambda m, inputs: seen.setdefault("x", inputs[0]).retain_grad())
    y = net(x)
    (y * torch.randn_like(y)).sum().backward()
    gradient = seen.get("x", x).grad
    unread = (gradient == 0).flatten(0, 1).all(dim=0) if gradient.shape[1] > 1 else (gradient == 0).all(dim=0)
    if isinstance(reader, nn.MaxPool2d):  # a pixel that no window chooses is read none the less
        probe = type(reader)(reader.kernel_size, reader.stride, reader.padding)
        ones = torch.zeros(gradient.shape[2:], dtype=torch.double)
        unread = torch.tensor(
            [[self_chosen(probe, ones, i, j) for j in range(ones.shape[1])] for i in range(ones.shape[0])]
        )
    assert int(unread.sum()) == found.data["unread"]


def self_chosen(pool: nn.Module, zeros: torch.Tensor, i: int, j: int) -> bool:
    """Whether the pooling does not notice a pixel larger than all others."""
    image = zeros.clone()
    image[i, j] = 1
    return bool(pool(image[None, None]).max() == 0)


def test_pixels_that_a_sibling_reads_are_read() -> None:
    text = spec(
        "2, 16, 16", "residual: {layers: [conv 4 kernel=3 stride=2 padding=1], shortcut: [conv 4 kernel=1 stride=2]}"
    )
    assert (gradients(text)["input"] != 0).all()


@pytest.mark.parametrize("text", [example("GEO203"), spec("2, 5, 4", "conv 3 kernel=3 padding=4")])
def test_outputs_of_padding_do_not_change(text: str) -> None:
    net, found = module(text), one(text, "GEO203")
    same = net(input_of(text, 1)) == net(input_of(text, 1) + 1)
    assert int(same.all(dim=1).sum()) == found.data["blind"]


@pytest.mark.parametrize(
    ("layer", "counts"),
    [("kernel=3 stride=2", (1, 2)), ("kernel=1 stride=2", (0, 1)), ("kernel=5 stride=3", (1, 2)), ("kernel=3 stride=2 dilation=2", (0, 3))],
)  # fmt: skip
def test_overlaps_are_uneven(layer: str, counts: tuple[int, int]) -> None:
    text = spec("1, 12", f"convtranspose 1 {layer} bias=false")
    found, net = one(text, "GEO206"), module(text)
    nn.init.ones_(net.convtranspose.weight)
    inner = net(torch.ones(1, 1, 12, dtype=torch.double))[0, 0, 6:-6]
    assert (inner.min(), inner.max()) == counts == (found.data["few"], found.data["many"])


def test_pooling_twice_to_one_size() -> None:
    text = example("GEO207")
    x = input_of(text)
    assert torch.equal(module(text)(x), module(apply(text, [one(text, "GEO207").fix]))(x))


def test_adaptive_pooling_repeats_values() -> None:
    net, x = module(spec("3, 2, 2", "adaptiveavgpool 4")), torch.randn(1, 3, 2, 2, dtype=torch.double)
    assert len(net(x).unique()) == x.numel()


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


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("GEO202", spec("2, 15, 15", "conv 4 kernel=1 stride=2")),
        ("GEO202", spec("2, 16, 15", "conv 4 kernel=2 stride=5 padding=1")),
        ("GEO205", spec("2, 15, 16", "conv 4 kernel=2x5 padding=same")),
        ("GEO206", spec("2, 7, 8", "convtranspose 4 kernel=3 stride=2 padding=1 output_padding=1")),
        ("GEO206", spec("2, 7, 8", "convtranspose 4 kernel=3 stride=2 padding=1")),
        ("GEO206", spec("2, 7, 8", "convtranspose 4 kernel=2 stride=3")),
        ("PRM302", spec("2, 1, 1", "conv 4 kernel=5 padding=2")),
        ("PRM302", spec("2, 5, 5", "conv 4 kernel=3 padding=24 dilation=24")),
        ("PRM302", spec("2, 2", "conv 4 kernel=5 padding=same")),
    ],
)
def test_a_fix_of_windows_keeps_the_size(code: str, text: str) -> None:
    fix = one(text, code).fix
    assert fix
    mended = apply(text, [fix])
    assert not findings(mended, (code,))
    assert module(mended)(input_of(mended)).shape == module(text)(input_of(text)).shape


def test_without_its_dead_taps_a_convolution_is_the_same() -> None:
    text = spec("2, 5, 5", "conv 4 kernel=7 padding=9 dilation=3")
    net, small = module(text), module(apply(text, [one(text, "PRM302").fix]))
    cut = (net.conv.weight.shape[-1] - small.conv.weight.shape[-1]) // 2
    with torch.no_grad():
        small.conv.weight.copy_(net.conv.weight[:, :, cut:-cut, cut:-cut])
        small.conv.bias.copy_(net.conv.bias)
    x = input_of(text)
    assert torch.allclose(net(x), small(x))


@pytest.mark.parametrize("norm", ["layernorm", "groupnorm 2", "rmsnorm"])
def test_other_norms_keep_a_bias(norm: str) -> None:
    layers = ("linear 6", norm) if norm != "groupnorm 2" else ("conv 6 kernel=3", norm)
    text = spec("9, 4" if norm != "groupnorm 2" else "4, 9", *layers)
    every = gradients(text)
    assert float(every[next(name for name in every if name.endswith("bias"))].abs().max()) > 1e-2


@pytest.mark.parametrize(
    "text",
    [
        spec("5, 1, 1", "conv 4 kernel=3 padding=1"),
        spec("2, 20, 20", "conv 3 kernel=3 dilation=24 padding=24"),
        spec("2, 2, 5", "conv 3 kernel=5 padding=2"),
        spec("4, 1, 1", "conv 4 kernel=3 padding=1 groups=4"),
    ],
)
def test_dead_taps_have_no_gradient(text: str) -> None:
    assert int((gradients(text)["conv.weight"] == 0).sum()) == one(text, "PRM302").data["parameters"]


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


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_floor_of_a_second_softmax(classes: int) -> None:
    text = spec("20", f"linear {classes}", "softmax") + "loss: crossentropy\n"
    best = torch.zeros(1, classes, dtype=torch.double)
    best[0, 0] = 1000
    loss = nn.functional.cross_entropy(best.softmax(dim=1), torch.tensor([0]))
    assert math.isclose(loss.item(), one(text, "ACT401").data["floor"])


def test_the_floors_of_a_second_sigmoid() -> None:
    found = one(example("ACT403"), "ACT403")
    for logit, target, floor in ((1e3, 1.0, found.data["positive"]), (-1e3, 0.0, found.data["negative"])):
        value = torch.tensor([logit], dtype=torch.double).sigmoid()
        loss = nn.functional.binary_cross_entropy_with_logits(value, torch.tensor([target], dtype=torch.double))
        assert math.isclose(loss.item(), floor)


def test_a_second_log_softmax_changes_nothing() -> None:
    x = torch.randn(4, 10, dtype=torch.double)
    assert torch.allclose(x.log_softmax(1), x.log_softmax(1).log_softmax(1))


def test_losses_on_logits() -> None:
    logits = torch.tensor([[1e6, 0.0]])
    assert nn.functional.nll_loss(logits, torch.tensor([0])) == -1e6
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        nn.functional.binary_cross_entropy(logits, torch.ones(1, 2))


@pytest.mark.parametrize("layer", ["sigmoid", "hardsigmoid", "tanh", "softsign"])
def test_the_floor_of_bounded_logits(layer: str) -> None:
    text = spec("20", "linear 10", layer) + "loss: crossentropy\n"
    best = torch.full((1, 10), -1e12, dtype=torch.double)
    best[0, 0] = 1e12
    squeezed = module(spec("10", layer))(best)
    loss = nn.functional.cross_entropy(squeezed, torch.tensor([0]))
    assert math.isclose(loss.item(), one(text, "ACT407").data["floor"])


def test_the_other_loss_is_the_same() -> None:
    text = example("ACT402")
    mended = apply(text, [one(text, "ACT402").fix])
    x, target = module(text)(input_of(text, 5)), torch.randint(10, (5,))
    assert archcalc.loads(mended).graph.document.loss.text == "nll"
    assert torch.allclose(nn.functional.cross_entropy(x, target), nn.functional.nll_loss(x, target))


@pytest.mark.parametrize(
    "layers",
    [
        ["linear 6", "relu", "dropout 0.5", "relu"],
        ["linear 6", "sigmoid", "leakyrelu 0.3"],
        ["linear 6", "softplus", "elu"],
        ["linear 6", "exp", "celu"],
        ["linear 6", "relu6", "identity", "relu6"],
    ],
)
def test_an_activation_of_what_is_not_negative(layers: list[str]) -> None:
    text = spec("6", *layers)
    mended = apply(text, [one(text, "ACT405").fix])
    x = input_of(text)
    assert torch.equal(module(text).eval()(x), module(mended).eval()(x))


@pytest.mark.parametrize(
    "layers",
    [["relu", "relu6"], ["relu", "dropout 0.5", "relu6"], ["leakyrelu", "relu"], ["relu", "batchnorm", "relu"]],
)
def test_an_activation_that_does_something(layers: list[str]) -> None:
    assert not findings(spec("6", *layers), ("ACT405",))


def test_a_second_activation() -> None:
    text = example("ACT405")
    x = input_of(text)
    assert torch.equal(module(text)(x), module(apply(text, [one(text, "ACT405").fix]))(x))
    extreme = torch.eye(7, dtype=torch.double) * 1e4
    for first, second in (("softmax", "softmax"), ("softmax", "sigmoid"), ("sigmoid", "softmax")):
        text = spec("7", first, second)
        found, y = one(text, "ACT405"), module(text)(torch.cat([extreme, 1e4 - 2 * extreme, 2 * extreme - 1e4]))
        assert found.data["low"] - 1e-12 <= y.min() <= y.max() <= found.data["high"] + 1e-12
        assert y.max() > found.data["high"] - 1e-6
        assert y.min() < found.data["low"] + 1e-6


def test_pooling_first_gives_the_same_bits() -> None:
    x = input_of(example("ACT406"))
    assert torch.equal(module(example("ACT406"))(x), module(RULES["ACT406"].section("Use instead"))(x))


def test_clipped_logits_have_no_gradient() -> None:
    net, x = module(example("ACT407")), input_of(example("ACT407"), 64)
    seen: list[torch.Tensor] = []
    net.linear.register_forward_hook(lambda m, inputs, y: seen.append(y) or y.retain_grad())
    nn.functional.cross_entropy(net(x), torch.zeros(64, dtype=torch.long)).backward()
    assert (seen[0].grad[seen[0] < 0] == 0).all()


def test_a_softmax_of_one_number() -> None:
    text = example("ACT408")
    assert (module(text)(input_of(text)) == one(text, "ACT408").data["value"]).all()


def test_a_batchnorm_of_one_value() -> None:
    text = example("NRM501")
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        module(text).train()(input_of(text, 1))
    module(text).train()(input_of(text, 2))


@pytest.mark.parametrize("text", [example("NRM503"), spec("5, 1", "layernorm")])
def test_a_norm_of_one_element(text: str) -> None:
    assert one(text, "NRM503")
    assert module(text)(input_of(text)).abs().max() < 1e-12


def test_a_group_of_one_element() -> None:
    text = spec("6, 1", "groupnorm 6")
    (found,) = findings(text, ("NRM503",), batch=2)
    assert found.data == {"elements": 1}
    assert archcalc.loads(text, batch=2).to_torch().double()(torch.randn(2, 6, 1).double()).abs().max() < 1e-12


def test_an_rms_norm_of_one_element() -> None:
    text = spec("5, 1", "rmsnorm axis=1")
    assert "sign" in one(text, "NRM503").message
    x = input_of(text)
    assert torch.allclose(module(text)(x), x.sign(), atol=1e-2)


def test_dropout_before_batchnorm_shifts_the_mean_square() -> None:
    text = spec("4", "dropout 0.5", "batchnorm momentum=1")
    found, net, x = one(text, "NRM504"), module(text).train(), torch.randn(400_000, 4, dtype=torch.double)
    net(x)
    assert torch.allclose(net.batchnorm.running_var / x.var(0), torch.tensor(found.data["factor"]).double(), rtol=0.02)


def test_dropout_of_predictions() -> None:
    text = example("NRM505")
    y = module(text).train()(torch.ones(20_000, 20, dtype=torch.double))
    assert abs((y == 0).double().mean().item() - one(text, "NRM505").data["probability"]) < 0.01


def test_pytorch_warns_of_recurrent_dropout() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        nn.LSTM(4, 4, dropout=0.3)
    assert "non-zero dropout expects num_layers greater than 1" in str(seen[0].message)


def test_shuffled_tokens_are_a_bag() -> None:
    net, tokens = module(example("ATT601")).eval(), torch.randint(1000, (2, 16))
    shuffled = tokens[:, torch.randperm(16)]
    assert torch.allclose(net(tokens), net(shuffled))
    ordered = module(RULES["ATT601"].section("Use instead")).eval()
    assert not torch.allclose(ordered(tokens), ordered(shuffled))


PATCHES = """model: m
input: [3, 16, 16]
layers:
  - conv 32 kernel=4 stride=4
  - rearrange 'c h w -> (h w) c'
  - clstoken
  - repeat: 2
    layers: [residual: [layernorm, attention 4 bias=qvo], residual: [layernorm, linear 64, gelu, linear 32]]
  - [layernorm, select 0, linear 10]
"""


def test_shuffled_patches_give_the_same() -> None:
    assert one(PATCHES, "ATT601").data["positions"] == 16
    net, image = module(PATCHES).eval(), torch.randn(1, 3, 16, 16, dtype=torch.double)
    patches = image.unfold(2, 4, 4).unfold(3, 4, 4).reshape(3, 16, 4, 4)[:, torch.randperm(16)]
    shuffled = patches.reshape(3, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(1, 3, 16, 16)
    assert not torch.equal(image, shuffled)
    assert torch.allclose(net(image), net(shuffled))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  - clstoken\n", "  - [clstoken, posembed]\n"),
        ("kernel=4 stride=4", "kernel=7 stride=4 padding=3"),  # the padding tells the border from the middle
        ("attention 4 bias=qvo", "attention 4 bias=qvo rope=10000"),
        ("  - clstoken\n", "  - roll 1 axes=0\n  - linear 32\n"),
    ],
)
def test_patches_with_an_order(old: str, new: str) -> None:
    assert not findings(PATCHES.replace(old, new), ("ATT601",))


@pytest.mark.parametrize("stem", [[], ["conv 8 kernel=3 stride=2 padding=1"]])
def test_sizes_that_do_not_fit_together(stem: list[str]) -> None:
    text = example("GEO212").replace(
        "  - conv 8 kernel=3 padding=1 name",
        "".join(f"  - {layer}\n" for layer in stem) + "  - conv 8 kernel=3 padding=1 name",
    )
    found = one(text, "GEO212").data
    net = module(text)
    for more, fits in ((0, True), (found["broken"], False), (found["step"], True)):
        x = torch.randn(1, 8, 32 + more, 32 + more, dtype=torch.double)
        if fits:
            assert net(x).shape[-1] == (32 + more) // (1 + len(stem))
        else:
            with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
                net(x)


def test_an_input_that_nothing_reads() -> None:
    text = "model: m\ninput: {x: [8], y: [4]}\nlayers: [linear 4 from=x]\n"
    found = one(text, "GRF701")
    assert (found.place.line, found.place.column, found.data["values"]) == (2, 17, 4)


def test_scores_are_kept_for_the_backward_pass() -> None:
    def kept(text: str) -> set[int]:
        tensors: list[torch.Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: tensors.append(t) or t, lambda t: t):
            archcalc.loads(text).to_torch()(torch.randn(1, 128, 64))
        return {tensor.nbytes for tensor in tensors if tensor.shape[-2:] == (128, 128)}

    assert kept(example("ATT607")) == {one(example("ATT607"), "ATT607").data["bytes"]}
    assert not kept(RULES["ATT607"].section("Use instead"))


def test_an_unmasked_layer_shows_what_comes() -> None:
    tokens = torch.randint(1000, (1, 16))
    changed = tokens.clone()
    changed[0, -1] = (tokens[0, -1] + 1) % 1000
    leaky, tight = module(example("ATT602")).eval(), module(RULES["ATT602"].section("Use instead")).eval()
    assert not torch.allclose(leaky(tokens)[:, 0], leaky(changed)[:, 0])
    assert torch.allclose(tight(tokens)[:, :-1], tight(changed)[:, :-1])


def test_unused_parameters_have_no_gradient() -> None:
    text = example("GRF701")
    without = [gradient for gradient in gradients(text).values() if gradient is None]
    net = module(text)
    net(input_of(text)).sum().backward()
    unused = [p.numel() for p in net.parameters() if p.grad is None]
    assert sum(unused) == one(text, "GRF701").data["parameters"]
    assert len(unused) == len(without)


@pytest.mark.parametrize(("layer", "equal"), [("rnn 6", True), ("lstm 6", True), ("gru 6", False)])
def test_the_second_recurrent_bias(layer: str, equal: bool) -> None:
    text = spec("5, 4", layer)
    every = gradients(text)
    first, second = (next(g for name, g in every.items() if f"bias_{kind}" in name) for kind in ("ih", "hh"))
    assert torch.allclose(first, second) == equal
    if equal:
        assert one(text, "PRM304").data["parameters"] == second.numel()


def test_same_padding_of_an_even_kernel() -> None:
    text = spec("1, 9", "conv 1 kernel=4 padding=same bias=false")
    found, net = one(text, "GEO205"), module(text)
    nn.init.ones_(net.conv.weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = net(torch.ones(1, 1, 9, dtype=torch.double))[0, 0].tolist()
    assert (y[0], y[-1]) == (4 - found.data["left"], 4 - found.data["right"])


def test_padding_that_is_read_on_one_side() -> None:
    found = one(example("GEO204"), "GEO204")
    padded = nn.functional.pad(torch.randn(1, 3, 224, 224), (1, 1, 1, 1)).requires_grad_()
    net = archcalc.loads(example("GEO204")).to_torch()
    nn.functional.conv2d(padded, net.conv.weight, stride=2).square().sum().backward()
    unread = (padded.grad == 0).all(dim=1)[0]
    assert int(unread.all(dim=0).sum()) == int(unread.all(dim=1).sum()) == found.data["unread"]
    assert unread[:, -1].all()
    assert not unread[:, 0].all()


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
