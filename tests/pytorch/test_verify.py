"""`archcalc verify`: holds for every spec, and sees a difference when there is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import archcalc.pytorch.verify as verifying
from archcalc.diagnostics import RequestError, Source
from archcalc.layers import REGISTRY
from archcalc.layers.code import module
from archcalc.layers.tensor import Tensor
from archcalc.network.load import Graph, build_graph
from archcalc.pytorch.instance import Probe, instantiate
from archcalc.pytorch.verify import verify
from tests.conftest import SPECS
from tests.program import here
from tests.pytorch.specs import distinct, load, path, short, without_gradient


def build(text: str, batch: int = 1) -> Graph:
    return build_graph(Source("t.yaml", text), batch=batch)


def found(graph: Graph) -> list[str]:
    return [str(difference) for difference in verify(graph).differences]


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_holds_for_every_spec(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[nn.Module] = []

    def kept(graph: Graph, device: str, probe: Probe) -> nn.Module:
        made.append(instantiate(graph, device, probe))
        return made[-1]

    monkeypatch.setattr(verifying, "instantiate", kept)
    for case in distinct(spec.stem):
        graph = short(case)
        assert verify(graph).differences == [], case
        # Without data one expert does all the work.
        assert all(re.search(r"\.experts\.[1-9]", name) for name in without_gradient(graph, made[-1])), case


def test_seventy_billion_parameters_need_no_memory() -> None:
    result = verify(load("llama3@70b"))
    assert result.differences == []
    assert result.params == 70_553_706_496


@pytest.mark.parametrize("case", ["lenet", "gpt2", "mixtral", "unet", "seq2seq-attention"])
def test_holds_for_a_batch(case: str) -> None:
    assert found(load(case, batch=3)) == []


@pytest.mark.parametrize("frozen", ["", " frozen=true"])
@pytest.mark.parametrize(
    "layers",
    [
        "[conv 8 kernel=1, conv 6 kernel=3 groups=2{}]",
        "[conv 8 kernel=1, convtranspose 6 kernel=3 groups=2{}]",
        "[conv 8 kernel=1 name=x, conv 18 kernel=3 name=o, deformconv 6 kernel=3 offset=o groups=2{} from=x]",
    ],
)
def test_holds_for_groups(layers: str, frozen: str) -> None:
    assert found(build(f"{{model: m, input: [4, 8, 8], layers: {layers.format(frozen)}}}", batch=2)) == []


# -- planted differences --------------------------------------------------------------------


def test_sees_a_wrong_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["linear"], "macs", lambda self, y, *inputs: y.elements)
    differences = found(load("net"))
    assert differences[:2] == ["fc1: FLOPs is 40 here, 400 in PyTorch", "fc2: FLOPs is 4 here, 80 in PyTorch"]
    assert differences[2].startswith("net: forward FLOPs is 44 here, 480")


def test_sees_a_wrong_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(self: Any, x: Tensor, *others: Tensor) -> Tensor:
        return Tensor((x.shape[0], x.shape[1] // 2 + 1, x.shape[2] // 2))

    monkeypatch.setattr(REGISTRY["maxpool"], "infer", one_more)
    graph = build("{model: m, input: [3, 8, 8], layers: [maxpool 2, relu]}")
    assert found(graph) == [
        "maxpool: the output is [3, 5, 4] here, [3, 4, 4] in PyTorch",
        "relu: the output is [3, 5, 4] here, [3, 4, 4] in PyTorch",
    ]


def test_sees_a_wrong_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["layernorm"], "params", lambda self, x: {"weight": (x.shape[-1],)})
    graph = build("{model: m, input: [4, 8], layers: [layernorm name=norm]}")
    assert found(graph) == [
        "norm.bias: the shape is missing here, [8] in PyTorch",
        "m: the number of trainable parameters is 8 here, 16 in PyTorch",
    ]


def test_sees_a_wrong_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["batchnorm"], "buffers", lambda self, x: {})
    graph = build("{model: m, input: [4, 8, 8], layers: [batchnorm]}")
    assert found(graph) == ["m: the number of elements in buffers is 0 here, 9 in PyTorch"]


def test_sees_a_difference_in_a_further_output(monkeypatch: pytest.MonkeyPatch) -> None:
    real = REGISTRY["gru"].infer

    def wrong(self: Any, x: Tensor, *others: Tensor) -> Tensor:
        y = real(self, x, *others)
        y.outputs["last"] = Tensor((y.shape[-1] + 1,))
        return y

    monkeypatch.setattr(REGISTRY["gru"], "infer", wrong)
    graph = build("{model: m, input: [4, 8], layers: [gru 5 name=g, relu from=g.last]}")
    assert found(graph) == ["relu: the output is [6] here, [5] in PyTorch"]


def test_sees_a_wrong_backward_count_at_its_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["conv"], "backward_macs", lambda self, learns, needs, y, *inputs: y.elements)
    text = "{model: m, input: [3, 8, 8], layers: [conv 4 kernel=1 name=first, relu, {repeat: 3, layers: [conv 4 kernel=3 padding=1]}]}"
    assert found(build(text)) == [
        "first: backward FLOPs is 512 here, 1536 in PyTorch",
        "repeat.0.conv: backward FLOPs is 1536 here, 110592 in PyTorch",
        "m: backward FLOPs is 2048 here, 112128 in PyTorch",
    ]


def test_too_little_memory_is_said_before_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "available_bytes", lambda device: 10_000_000_000)
    monkeypatch.setattr(verifying, "instantiate", None)
    graph = build("{model: m, input: [4], layers: [{repeat: 1000000, layers: [linear 4, relu]}]}")
    with pytest.raises(RequestError, match=r"^m has 2,000,000 layers, which take about 30\.0 GB .* there are 10\.0 GB"):
        verify(graph)


def test_sees_a_layer_that_pytorch_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["relu"], "torch", lambda self, y, x, *inputs: module("nn.Linear", 7, 7))
    (difference,) = found(build("{model: m, input: [4], layers: [linear 5, relu name=bad]}"))
    assert difference.startswith("bad: the layer is possible here, refused (RuntimeError: ")


def test_every_difference_names_its_layer_inside_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["conv"], "macs", lambda self, y, *inputs: 0)
    names = [difference.layer for difference in verify(load("resnet18")).differences if difference.what == "FLOPs"]
    assert len(names) == 20
    assert names[0] == "conv1"
    assert all(name.split(".")[-1].startswith(("conv", "downsample")) for name in names)


# -- the command ----------------------------------------------------------------------------


def test_status_0_and_what_was_compared() -> None:
    status, output = here("verify", path("net"))
    assert status == 0
    assert output.startswith(
        "net: 4 layers, 4 named parameters (262), 480 forward and 560 backward FLOPs equal PyTorch's\n"
    )


def test_status_1_for_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["linear"], "macs", lambda self, y, *inputs: 0)
    status, output = here("verify", path("net"), path("convolution"))
    assert status == 1
    assert output.startswith("net: 6 differences\n  fc1: FLOPs is 0 here, 400 in PyTorch\n")
    assert "convolution: 1 layer" in output


def test_status_1_for_an_invalid_spec(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("model: m\ninput: [3]\nlayers:\n  - linear 0\n")
    status, output = here("verify", str(tmp_path / "m.yaml"), path("net"))
    assert status == 1
    assert "SPC005" in output
    assert "net: 4 layers" in output


def test_status_2_for_a_missing_spec(tmp_path: Path) -> None:
    assert here("verify", str(tmp_path / "none.yaml"))[0] == 2


def test_a_sequence_that_is_too_long_is_refused_at_once():
    text = "model: m\ndims: {t: 1000000}\ninput: [t, 4]\nlayers: [lstm 4 bidirectional=true name=read]\n"
    with pytest.raises(RequestError, match=r"`read` has 2,000,000 steps.*verify it with a shorter sequence"):
        verify(build_graph(Source("t.yaml", text)))


def test_steps_of_a_scan_that_are_too_many_are_refused_at_once():
    layers = "[{add: [prev, [linear 4 from=h]]}, tanh name=n]"
    scan = f"{{scan: prev, state: {{h: [4]}}, next: {{h: n}}, layers: {layers}}}"
    with pytest.raises(RequestError, match=r"`scan.step` has 1,000,000 steps.*verify it with a shorter sequence"):
        verify(build_graph(Source("t.yaml", f"model: m\ninput: [1000000, 4]\nlayers: [{scan}]\n")))
