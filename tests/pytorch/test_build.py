"""`archcalc build`: the source of every spec is tidy, complete, and runs without archcalc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

from archcalc.api import Network
from archcalc.diagnostics import Source
from archcalc.network.graph import Graph, layers_of
from archcalc.network.load import build_graph
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.source import module_source
from tests.cases import CASES, shared
from tests.conftest import SPECS
from tests.program import here
from tests.pytorch.specs import SHRUNK, distinct, is_small, load, path, short, shrunk, without_gradient

RUFF = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))


def shapes(outputs: object) -> list[list[int]]:
    tensors = outputs if isinstance(outputs, tuple) else (outputs,)
    return [list(tensor.shape) for tensor in tensors]


# -- the text -------------------------------------------------------------------------------


@cache
def source_of(case: str) -> str:
    return module_source(shared(case))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of all cases as files."""
    made = tmp_path_factory.mktemp("sources")
    for case in CASES:
        (made / f"{case.replace('@', '_').replace('-', '_')}.py").write_text(source_of(case), "utf-8")
    return made


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
def test_is_what_ruff_would_leave(folder: Path) -> None:
    result = subprocess.run(
        [str(RUFF), "format", "--diff", "--isolated", "--no-cache", "."], cwd=folder, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
def test_has_no_finding_of_ruff(folder: Path) -> None:
    result = subprocess.run(
        [str(RUFF), "check", "--isolated", "--no-cache", "."], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("case", CASES)
def test_stands_alone_and_says_what_it_is(case: str) -> None:
    graph = shared(case)
    source = source_of(case)
    assert set(re.findall(r"^(?:import|from) (\w+)", source, re.M)) <= {"math", "torch"}
    assert "archcalc" not in re.sub(r'""".*?"""', "", source, flags=re.S)
    network = Network(graph)
    assert re.search(rf"{network.params:,} parameters( \([\d,]+ trainable\))?, {network.macs:,} MACs", source)
    assert os.path.basename(graph.path) in source
    assert max(len(line) for line in source.splitlines() if not line.lstrip().startswith('"""')) <= 88


def test_reads_like_a_textbook() -> None:
    assert module_source(load("net")).endswith(
        '''
class Net(nn.Module):
    """net: input 10, 262 parameters, 240 MACs.

    Written by archcalc from net.yaml.
    """

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 20)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(20, 2)
        self.logsoftmax = nn.LogSoftmax(dim=-1)

    def forward(self, x):
        x = self.fc1(x)
        x = self.relu(x)
        x = self.fc2(x)
        return self.logsoftmax(x)
'''
    )


@pytest.mark.parametrize("case", ["resnet152", "vgg19", "vgg16@bn", "googlenet", "siamese", "swin", "unet"])
def test_a_block_is_one_class(case: str) -> None:
    described = re.findall(r'"""The block `(\w+)`', source_of(case))
    assert described
    twice = ["windows"] if case == "swin" else []  # with a mask and without one
    assert sorted(described) == sorted([*set(described), *twice])


def test_arguments_and_their_defaults_are_those_of_the_spec() -> None:
    source = source_of("resnet152")
    assert "def __init__(self, in_channels, width, blocks, stride=2)" in source
    assert "self.layer1 = BottleneckStage(64, 64, blocks=3, stride=1)" in source
    assert "self.layer2 = BottleneckStage(256, 128, blocks=8)" in source
    assert "*(Bottleneck(4 * width, width) for _ in range(blocks - 1))" in source


def test_a_first_copy_of_its_own_does_not_unroll_the_loop() -> None:
    source = source_of("vgg19")
    assert source.count("RepeatLayer(in_channels, channels),") == 1
    assert "*(RepeatLayer(channels, channels) for _ in range(convs - 1))," in source
    text = "{model: m, input: [3], layers: [{repeat: 1000, layers: [linear 4, relu]}, linear 5 repeat=1000]}"
    assert len(module_source(build_graph(Source("m.yaml", text))).splitlines()) < 50


def test_a_tower_called_twice_is_made_once() -> None:
    source = source_of("siamese")
    assert "a = self.a(left)\n        b = self.a(right)\n" in source
    assert "tie_weights" not in source


def test_variables_are_named_as_in_the_spec() -> None:
    source = source_of("t5")
    assert "x = layer(x, before, memory)" in source
    assert "def forward(self, x, before, memory):" in source
    assert "return torch.cat([x, self.new_channels(x)], dim=1)" in source_of("densenet121")
    assert "_, rnn_state = self.rnn(x)" in source_of("many-to-one")


def test_says_what_was_chosen() -> None:
    assert "Written by archcalc from gpt2.yaml@medium with seq=16." in module_source(load("gpt2@medium", seq="16"))


def test_is_deterministic() -> None:
    assert module_source(load("transformer")) == module_source(load("transformer"))


# -- the module -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_state_dict_is_the_named_parameters(case: str) -> None:
    graph = short(case)
    module = instantiate(graph, "meta")
    ours = dict(Network(graph).named_parameters())
    theirs = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    assert theirs == ours
    assert list(theirs) == list(ours)
    assert set(ours) <= set(module.state_dict())


@pytest.mark.parametrize("case", [case for spec in SPECS for case in distinct(spec.stem) if is_small(case)])
def test_trains_one_step(case: str) -> None:
    """What takes more than a moment is followed backward where it is verified, on the meta device."""
    graph = short(case, batch=2)
    torch.default_generator.manual_seed(0)
    module = instantiate(graph)
    inputs = [x.requires_grad_() if x.is_floating_point() else x for x in example_inputs(graph)]
    optimizer = torch.optim.SGD([*module.parameters(), *(x for x in inputs if x.requires_grad)], lr=1e-3)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    outputs = module(*inputs)
    assert shapes(outputs) == [[2, *map(int, tensor.shape)] for tensor in graph.outputs.values()]
    loss = sum(one.square().mean() for one in (outputs if isinstance(outputs, tuple) else (outputs,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    assert without_gradient(graph, module) == []
    assert torch.isfinite(loss)
    assert all(torch.isfinite(one.grad).all() for one in module.parameters() if one.grad is not None)
    moved = [not torch.equal(old, new) for old, new in zip(before, module.parameters())]
    assert any(moved) or not moved


@pytest.mark.parametrize("name", SHRUNK)
def test_every_weight_of_a_small_version_learns(name: str) -> None:
    torch.default_generator.manual_seed(0)
    module = instantiate(shrunk(name))
    outputs = module(*example_inputs(shrunk(name)))
    outputs.square().mean().backward()
    for parameter_name, parameter in module.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name


# torch.compile leaves recurrent layers to PyTorch, and experts get what the data sends them.
WHOLE = ["lenet", "mlp", "attention", "self-attention", "graph-xxy", *(name for name in SHRUNK if name != "mixtral")]


def small(case: str) -> Graph:
    return shrunk(case) if case in SHRUNK else load(case, batch=2)


@pytest.mark.filterwarnings("ignore:The tensor attributes? self.* assigned during export")  # torch's own, in RNNs
@pytest.mark.parametrize("case", [*WHOLE, "rnn", "gru@stacked", "lstm", "many-to-one", "one-to-many"])
def test_exports(case: str) -> None:
    module = instantiate(small(case)).eval()
    inputs = tuple(example_inputs(small(case)))
    exported = torch.export.export(module, inputs)
    torch.testing.assert_close(exported.module()(*inputs), module(*inputs))


@pytest.mark.parametrize("case", [*WHOLE, "lstm", "mixtral"])
def test_compiles(case: str) -> None:
    torch.compiler.reset()
    module = instantiate(small(case)).eval()
    inputs = example_inputs(small(case))
    with torch.no_grad():
        compiled = torch.compile(module, backend="eager", fullgraph=case in WHOLE)(*inputs)
        torch.testing.assert_close(compiled, module(*inputs))


@pytest.mark.parametrize("case", ["lenet", "mlp", "one-to-many", "unet"])
def test_a_state_dict_loads_into_a_fresh_copy(case: str) -> None:
    graph = shared(case)
    module = instantiate(graph, "meta")
    assert module.load_state_dict(instantiate(graph, "meta").state_dict(), assign=True)


_BARE = """
import importlib.util, sys
import torch
sys.path[:0] = [sys.argv[1]]
import model
assert not any(name.split(".")[0] == "archcalc" for name in sys.modules)
with torch.device("meta"):
    net = model.Resnet152()
    print(sum(p.numel() for p in net.parameters()), list(net(torch.empty(2, 3, 224, 224)).shape))
"""


def test_resnet152_is_short_and_runs_in_a_bare_directory(tmp_path: Path) -> None:
    status, _ = here("build", path("resnet152"), "-o", str(tmp_path / "model.py"))
    assert status == 0
    assert len((tmp_path / "model.py").read_text("utf-8").splitlines()) < 250
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", _BARE, str(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.stdout == "60192808 [2, 1000]\n", result.stderr


# -- the command ----------------------------------------------------------------------------


def test_writes_to_standard_output() -> None:
    assert here("build", path("net")) == (0, module_source(load("net")))


def test_does_not_overwrite_without_force(tmp_path: Path) -> None:
    target = tmp_path / "model.py"
    assert here("build", path("net"), "-o", str(target)) == (0, "")
    target.write_text("mine")
    status, output = here("build", path("net"), "-o", str(target))
    assert status == 2
    assert "--force" in output
    assert target.read_text() == "mine"
    assert here("build", path("net"), "-o", str(target), "--force") == (0, "")
    assert target.read_text("utf-8") == module_source(load("net"))


def test_settings_and_variants() -> None:
    assert here("build", path("gpt2@medium"), "--set", "seq=16") == (0, module_source(load("gpt2@medium", seq="16")))


def test_state_dict() -> None:
    assert here("build", path("net"), "--format", "state-dict") == (
        0,
        "fc1.weight  20×10\nfc1.bias  20\nfc2.weight  2×20\nfc2.bias  2\n",
    )


@pytest.mark.parametrize("target", ["missing/model.py", "."])
def test_an_unwritable_path_is_status_2(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, output = here("build", path("net"), "-o", target, "--force")
    assert status == 2
    assert target in output


def test_an_invalid_spec_is_status_1(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("model: m\ninput: [3]\nlayers:\n  - linear 0\n")
    status, output = here("build", str(tmp_path / "m.yaml"), "-o", str(tmp_path / "m.py"))
    assert status == 1
    assert "SPC005" in output
    assert not (tmp_path / "m.py").exists()


def test_a_missing_spec_is_status_2(tmp_path: Path) -> None:
    assert here("build", str(tmp_path / "none.yaml"))[0] == 2


TIED = """
model: tied
dims: {n: 6}
input: [n]
blocks:
  words:
    - embedding 50 dim=16 name=embed
    - {repeat: {w: [16, 32]}, name: stack, layers: [linear w name=up, linear 16 name=mix]}
    - residual: [layernorm, linear 16 name=mix]
  decoder(table):
    - repeat: 3
      layers: [layernorm, linear 16 tie=table.mix]
    - linear 50 bias=false tie=table.embed name=head
layers:
  - words name=encoder
  - lstm 16
  - linear 32 tie=encoder.stack.1.up
  - linear 16
  - decoder table=encoder
"""


def test_weights_of_a_layer_inside_a_block():
    """By its path, from elsewhere or inside another block that is given the first one; PyTorch has as many."""
    graph = build_graph(Source("tied.yaml", TIED))
    owners = {node.id: owner.id for node in layers_of(graph.nodes) for owner in node.tied.values()}
    assert owners == {
        "linear1": "encoder.stack.1.up",
        "decoder.repeat.0.linear": "encoder.mix",
        "decoder.head": "encoder.embed",
    }
    network = instantiate(graph)
    assert sum(one.numel() for one in network.parameters()) == 5_520
    assert network.decoder.head.weight is network.encoder.embed.weight
    assert network.decoder.repeat[2].linear.weight is network.encoder.mix.weight


COPIES_TIED = """
model: tied
input: [7]
blocks:
  twice(x):
    - linear 7 from=x name=n
    - linear 7 tie=n
  stack(x):
    - twice x=x repeat=3
layers:
  - stack x=input name=first
  - relu
  - stack x=input tie=first
"""


def test_copies_tied_to_copies_have_the_weights_of_each(tmp_path: Path) -> None:
    """A block that reads other tensors has modules of its own; a generated list would give all copies one weight."""
    spec = tmp_path / "m.yaml"
    spec.write_text(COPIES_TIED)
    status, output = here("build", str(spec))
    assert status == 2
    assert "first.twice.0.n: weights tied across a block or repeat cannot be written yet" in output
    spec.write_text(COPIES_TIED.replace("    - twice x=x repeat=3\n", "    - twice x=x\n" * 3))
    status, output = here("build", str(spec))
    assert status == 0
    assert "first.twice1.n, self.first.twice2.n, self.first.twice3.n" in " ".join(output.split())
