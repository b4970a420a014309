"""What the program suggests about broken specs is applied: the error goes away, and the sentence comes true."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcalc.spelling.names import MADE_OF, SAID
from tests.language.writing import spec
from tests.spelling.test_against_pytorch import FUNCTIONS, MODULES
from tests.spelling.test_convert import CALLS, TWO
from tests.spelling.test_convert import SAID as CALLS_SAID
from tests.spelling.test_mistakes import MENDED, TOLD, text
from tests.suggestions import wrong

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
# By the input: layers, the last of which cannot be computed.
LAYERS = {
    "[3, 32, 32]": (
        "prelu 5", "celu 0", "conv 8 kernel=5x5x5", "conv 8 kernel=3x3x1", "conv 8 kernel=3x3x5",
        "conv 10 kernel=3 groups=4", "conv 96 kernel=3 groups=5; conv 96 kernel=3 groups=7",
        "conv: {channels: 96, kernel: 3, groups: 5}", "conv 8 kernel=64", "conv 8 kernel=33 padding=0 stride=2",
        "conv 8 kernel=3x33 padding=0 stride=2", "conv 8 kernel=3 dilation=20", "conv 8 kernel=3 padding=valid",
        "conv 8 kernel=3 padding=circular", "conv 8 kernel=7 padding=same stride=2",
        "conv 8 kernel=4 padding=same stride=2", "convtranspose 8 kernel=2 stride=2 padding=same",
        "convtranspose 8 kernel=3 stride=2 padding=same", "convtranspose 8 kernel=3 stride=2 output_padding=2",
        "convtranspose 8 kernel=3 padding=30", "maxpool 3 padding=2", "maxpool 40", "maxpool 3 padding=same",
        "maxpool 2 padding=same", "avgpool 3 padding=same stride=2", "maxpool 2 padding=valid", "maxpool 2 kernel=3", "maxpool 2 kernel=x",
        "{repeats: 2, layers: [relu]}", "groupnorm 5",
        "conv 64 kernel=3; groupnorm 7", "conv 64 kernel=3; groupnorm: {groups: 7}", "upsample 2 mode=linear",
        "upsample 2 size=4x4", "upsample 2 align_corners=true", "upsample 0.01", "upsample",
        "pad 1 value=3 mode=reflect", "pad 40 mode=reflect", "pixelshuffle 2", "conv 16 kernel=1; pixelshuffle 3",
        "pixelunshuffle 3", "channelshuffle 2", "reshape 784", "reshape 3x1000", "reshape 5x-1x7", "transpose 1x3",
        "transpose 1x2x3", "select 40", "select 2 axis=3", "slice 2 end=1", "split 2 axis=0", "split 5 axis=1",
        "expand 3x32", "expand 5x32x32", "mean 1x2x3", "mean 0x1x2", "mean 4", "roll 3x3", "roll 3x3 axes=2x3",
        "layernorm axes=0", "layernorm axes=0x1", "flatten start=2 end=1", "rearrange 'a b -> b a'",
        "residual: [conv 8 kernel=3 padding=1 stride=2]", "residual: {layers: [conv 8 kernel=3 padding=1 stride=2]}",
        "residual: [conv 8 kernel=3]", "conv 8 kernel=3; lstm 64", "conv 8 kernel=3; attention 8",
        "conv 8 kernel=3; linear 8", "linear 3; conv 64 kernel=3", "conv 8 kernel=3 groups=3", "lstm 3 from=input",
        "lstm 4 from=a", "{conv: {channels: 4.5, kernel: 3}}", "{type: conv, channels: 8, kernel: 3}",
        "{relu: , name: x}",
    ),
    "[10, 768]": (
        "attention 10", "attention: {heads: 10}", "attention 12 kv_heads=5", "attention 12 rope=10000 head_dim=63",
        "attention 12 rope_dim=8", "attention 12 rope=10000 rope_dim=80", "attention 12 rope=10000 rope_dim=7",
        "linear 6; attention 2 rope=10000", "posembed length=5", "lstm 7 name=a; lstm 8 state=a",
        "lstm 7 name=a layers=2; lstm 7 state=a", "lstm 7 name=a layers=2; gru 7 state=a",
        "gru 7 name=a layers=2; gru 7 state=a", "rope dim=1000", "rope dim=7", "residual: [linear 8]",
        "residual: [linear 768, attention 12]", "moe: {experts: 4, top_k: 8, layers: [linear 768]}",
        "linear 5 name=a; linear 6 name=b; matmul: [a, b]", "linear 5 name=a; linear 5 name=b; matmul: [a, b]",
        "linear 5 name=a; linear 5; matmul: [a, [linear 5]]", "layernorm axes=-2", "embedding 30 dim=4",
        "transpose 1x2",
    ),
    "[64]": (
        "select 3", "select -1", "reshape 8x9", "linear 8; conv 8 kernel=3", "mean 0", "lstm 3", "attention 2",
        "conv 3 kernel=1", "conv 3 kernel=1x1",
    ),
    "[5, 3, 32, 32]": (
        "conv 16 kernel=3x3 padding=1", "conv 16 kernel=3x3 stride=2 name=c", "conv: {channels: 16, kernel: 3x3}",
        "maxpool 2x2", "upsample size=4x4", "adaptiveavgpool 1x1", "pad 1x2", "lstm 5", "batchnorm; attention 5",
        "batchnorm; attention 3", "conv 4 kernel=1 padding=1",
    ),
    "[196, 8]": ("linear 3; conv 64 kernel=3", "linear 3; upsample 2"),
}  # fmt: skip
LINES = {
    "calls": [*CALLS, *TWO, *CALLS_SAID],
    "pytorch": [f"nn.{name}()" for name in MODULES] + [f"F.{name}(x)" for name in FUNCTIONS],
    "names": [*MADE_OF, *SAID],
    "mistakes": [*MENDED, *TOLD],
}


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_of_broken_specs(file: Path) -> None:
    assert list(wrong(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("input", LAYERS)
def test_of_layers(input: str) -> None:
    found = [sentence for line in LAYERS[input] for sentence in wrong(spec(*line.split("; "), input=input))]
    assert found == []


@pytest.mark.parametrize("kind", LINES)
def test_of_lines(kind: str) -> None:
    found = [sentence for line in LINES[kind] for sentence in wrong(text(line, input="[3, 32, 32]"))]
    assert found == []


def test_what_is_not_true_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from archcalc.layers.convolution import Conv

    monkeypatch.setattr(Conv, "_fitting", lambda self, x, kernel, dilation: [])
    monkeypatch.setattr("archcalc.network.remedies._joined", lambda told: "write `nothing`")
    (sentence,) = wrong(spec("groupnorm 2"))
    assert "does not offer it" in sentence
