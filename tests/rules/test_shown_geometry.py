"""What rules say of windows and pixels, shown in PyTorch: the number of a message is the number that comes out."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import archcalc
from tests.rules.linting import apply, findings, one
from tests.rules.shown import example, gradients, input_of, module, spec


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


def test_sizes_of_layers_that_share_parameters() -> None:
    tied = "  - conv 8 kernel=3 padding=1 name=one\n  - conv 8 kernel=3 padding=1 tie=one\n"
    text = example("GEO212").replace("  - conv 8 kernel=3 padding=1 name=skip", tied + "  - relu name=skip")
    assert one(text, "GEO212").data == one(example("GEO212"), "GEO212").data


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
