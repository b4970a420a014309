import pytest

from archcalc.diagnostics import SpecError
from archcalc.language.pytorch import MADE_OF, from_python
from archcalc.layers import REGISTRY

from .writing import graph, wrong


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)", "conv 64 kernel=7 stride=2 padding=3 bias=false"),
        ("Conv2d(64, kernel_size=3)", "conv 64 kernel=3"),
        ("nn.Conv2d(3, 64, kernel_size=(3, 5), padding='same')", "conv 64 kernel=3x5 padding=same"),
        ("nn.ConvTranspose2d(64, 32, 2, 2)", "convtranspose 32 kernel=2 stride=2"),
        ("nn.Linear(10, 5, bias=False)", "linear 5 bias=false"),
        ("nn.Linear(5)", "linear 5"),
        ("nn.BatchNorm2d(64)", "batchnorm"),
        ("nn.LayerNorm([64])", "layernorm"),
        ("nn.GroupNorm(32, 64)", "groupnorm 32"),
        ("nn.Embedding(1000, 64, padding_idx=0)", "embedding 1000 dim=64"),
        ("nn.LSTM(10, 20, 2, batch_first=True)", "lstm 20 layers=2"),
        ("nn.MultiheadAttention(512, 8)", "attention 8"),
        ("nn.MaxPool2d(2, 2)", "maxpool 2 stride=2"),
        ("nn.AdaptiveAvgPool2d((1, 1))", "adaptiveavgpool 1"),
        ("nn.ReLU(inplace=True)", "relu"),
        ("F.relu(x)", "relu"),
        ("nn.Dropout(0.5)", "dropout 0.5"),
        ("nn.Softmax(dim=1)", "softmax axis=0"),
        ("nn.Softmax(dim=-1)", "softmax axis=-1"),
        ("conv(8, kernel=3)", "conv 8 kernel=3"),
        ("Conv2d(", "conv"),
    ],
)
def test_a_call_as_a_line(call, line):
    assert from_python(call) == f"write `{line}`"


@pytest.mark.parametrize(
    ("call", "help"),
    [
        ("nn.TransformerEncoderLayer(512, 8)", "write it in layers, as `[residual: "),
        ("nn.Sequential(nn.Linear(3, 4), nn.ReLU())", "write it in layers, as `[linear 8, relu"),
        ("torch.cat([a, b], dim=1)", "write `concat: [a, b]`, with the names"),
        ("nn.CrossEntropyLoss()", "write `loss: crossentropy` beside `layers:`"),
    ],
)
def test_a_call_that_is_no_layer(call, help):
    assert from_python(call).startswith(help)


@pytest.mark.parametrize("name", MADE_OF)
def test_what_is_no_layer_is_made_of_layers(name):
    assert name not in REGISTRY
    assert wrong(name).help == f"write it in layers, as `{MADE_OF[name]}`"
    for input in ("[64, 32, 32]", "[7]", "[7, 512]"):  # an image, tokens, a sequence of vectors
        try:
            assert graph(MADE_OF[name], input=input).nodes
            return
        except SpecError:
            continue
    pytest.fail(f"{MADE_OF[name]} fits none of the inputs")


def test_a_key_beside_a_list_belongs_inside():
    said = wrong("{concat: [prev, prev], axis: 0}")
    assert "archcalc layer concat" in said.help
