"""What the rules claim, shown in PyTorch: the number of a message is the number that comes out."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import nn

import archcalc
from archcalc.rules.check import load_rules
from tests.rules.linting import apply, one

RULES = load_rules()


def example(code: str) -> str:
    return RULES[code].section("Example")


def module(text: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
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


@pytest.mark.parametrize("text", [example("NRM503"), spec("5, 1", "layernorm"), spec("6, 1", "groupnorm 6")])
def test_a_norm_of_one_element(text: str) -> None:
    assert one(text, "NRM503")
    assert module(text)(input_of(text)).abs().max() < 1e-12


def test_an_rms_norm_of_one_element() -> None:
    text = spec("5, 1", "rmsnorm")
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
