"""What rules say of activations, losses, norms and dropout, shown in PyTorch."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import nn

import archcalc
from tests.rules.linting import apply, findings, one
from tests.rules.shown import RULES, example, input_of, module, spec


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
