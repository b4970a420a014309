"""Names of layers elsewhere: each leads to the layer, to layers that compute it, or to an honest sentence."""

from __future__ import annotations

import inspect
import re

import pytest
import torch
import torch.nn.functional as F

from archcalc.diagnostics import SpecError
from archcalc.layers import REGISTRY
from archcalc.spelling.names import _NONE, MADE_OF, SAID, meaning
from tests.each import each
from tests.language.writing import graph, wrong
from tests.program import inside

INPUTS = ("[64, 32, 32]", "[64]", "[7, 512]", "[10, 64]", "[4096]", "[3136]", "{a: [7, 64], b: [7, 64], c: [7, 64]}")
MODULES = sorted(
    name
    for name, one in vars(torch.nn).items()
    if inspect.isclass(one) and issubclass(one, torch.nn.Module) and not name.startswith("_")
)
FUNCTIONS = sorted(
    name
    for name, one in vars(F).items()
    if callable(one) and name[0].islower() and "torch_function" not in name and not inspect.isclass(one)
    and name not in ("boolean_dispatch", "assert_int_or_pair")
)  # fmt: skip


def computes(*layers: str) -> bool:
    """Whether layers fit one of a few inputs."""
    for input in INPUTS:
        try:
            assert graph(*layers, input=input).nodes
            return True
        except SpecError:
            continue
    return False


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("Conv2d", "conv"), ("nn.Conv2d", "conv"), ("Conv2D", "conv"), ("conv_2d", "conv"), ("LazyConv3d", "conv"),
        ("ConvTranspose2d", "convtranspose"), ("Conv2DTranspose", "convtranspose"), ("Dense", "linear"), ("fc", "linear"),
        ("attn", "attention"), ("mha", "attention"), ("MultiheadAttention", "attention"), ("SelfAttention", "attention"),
        ("BatchNorm2d", "batchnorm"), ("BatchNormalization", "batchnorm"), ("LayerNormalization", "layernorm"),
        ("MaxPooling2D", "maxpool"), ("MaxPool1D", "maxpool"), ("AveragePooling2D", "avgpool"), ("max_pool2d", "maxpool"),
        ("Embed", "embedding"), ("concatenate", "concat"), ("swish", "silu"), ("view", "reshape"), ("relu_", "relu"),
        ("ReLU", "relu"), ("Softmax", "softmax"), ("Upsampling2D", "upsample"), ("SimpleRNN", "rnn"),
    ],
)  # fmt: skip
def test_another_name_of_a_layer(name, layer):
    found = meaning(name)
    assert found is not None
    assert found.layer == layer
    assert found.sentence == f"write `{layer}`"
    done = inside("layer", name)
    assert done.returncode == 0
    assert done.stdout == inside("layer", layer).stdout
    assert f"`{name}` is `{layer}` here" in done.stderr


@each(MADE_OF)
def test_what_is_made_of_layers(name):
    assert name not in REGISTRY
    assert wrong(name).help == f"write it in layers, e.g. `{MADE_OF[name]}`"
    assert computes(MADE_OF[name])


@each(SAID)
def test_what_is_said_in_words(name):
    assert name not in REGISTRY
    assert wrong(name).help == SAID[name]
    for line in re.findall("`([^`]+)`", SAID[name]):
        words = line.split()
        op = words[0].strip("[{:").removesuffix(":")
        needs = (
            [argument for argument in REGISTRY[op].arguments.values() if argument.required] if op in REGISTRY else []
        )
        if (
            op in REGISTRY
            and "..." not in line.replace("'... ->", "").replace("1 ...'", "")
            and not (needs and line == op)
        ):
            named = ["relu name=NAME"] if "NAME" in line else []
            given = ["relu from=a"] if line.startswith(("add: [a", "mul: [a", "[add: [a")) else []
            assert computes(*given, *named, line) or computes("relu from=a", line), line


def test_honest_about_what_there_is_not():
    for name in ("convlstm", "se", "permute", "embeddingbag", "squeeze", "FractionalMaxPool", "scatter", "C2f"):
        said = wrong(name)
        assert said.fix is None
        assert "did you mean" not in said.help


@pytest.mark.parametrize("name", ["squeeze", "permute"])
def test_the_reference_knows_what_specs_know(name):
    done = inside("layer", name)
    assert done.returncode == 2
    assert meaning(name).sentence in done.stderr


@pytest.mark.parametrize("names", [MODULES, FUNCTIONS], ids=["modules", "functions"])
def test_every_module_and_function_of_pytorch_is_known(names):
    assert len(names) > 100
    assert [name for name in names if meaning(name) is None] == []


def test_no_alias_of_a_layer_is_said_to_be_missing():
    aliases = [alias for layer in (REGISTRY[name] for name in REGISTRY) for alias in layer.aliases]
    assert "mamba" in aliases
    missing = [alias for alias in aliases if (found := meaning(alias)) is None or found.sentence == _NONE]
    assert missing == []
