"""What depends on parameters alone has no batch axis: it runs once a batch, in every count and in the module."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.network.graph import walk
from archcalc.network.load import Graph, build_graph
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.verify import verify
from tests.draw.case import Case
from tests.draw.checks import build
from tests.memory.test_saved import difference

# Input, and layers.
CASES = """
[16] | linear 8 name=x, [parameter 225x2, linear 512, relu, linear 3 bias=false, mean 0 name=p], [linear 3 from=x, add: [prev, p]]
[5,8] | linear 8 name=x, parameter 3x8 name=q, linear 8, relu, {concat: {operands: [prev, x], axis: 0}}, linear 4
[5,8] | linear 8 name=x, parameter 3x8, attention 2 name=q, attention 2 kv=x, linear 4
[5,8] | linear 8 name=x, parameter 3x8, linear 8 name=q, attention 2 kv=q from=x, attention 2 kv=q kv_heads=1, linear 4
[5,8] | linear 8 name=x, parameter 2x5x5, linear 5, softmax name=b, attention 2 relbias=b from=x, attention 2 relbias=b softcap=3
[5,8] | linear 8 name=x, parameter 5x8 name=p, linear 8 name=c, {mul: [x, c]}, {mul: [p, c, prev]}, {sub: [c, prev]}
[5,8] | linear 8 name=x, parameter 8x6, linear 6 name=c, {matmul: [x, c]}, {einsum: {equation: 'ab,cb->ac', operands: [prev, c]}}
[2,5,8] | linear 8 name=x, parameter 2x8x6, linear 6 name=c, {matmul: [x, c]}
[2,5,8] | linear 8 name=x, parameter 1x8x6, linear 6 name=c, {matmul: [x, c]}
[5,8] | linear 8 name=x, parameter 5x6, gru 8 name=g, gru 8 state=g from=x, linear 3
[5,8] | linear 8 name=x, parameter 1x8, linear 8 name=h, gru 8 state=h from=x, linear 3
[5,8] | linear 8 name=x, parameter 5x8, {repeat: 3, layers: [{residual: [layernorm, linear 8, relu]}]}, {add: [prev, x]}, {repeat: 2, layers: [linear 8]}
[5,8] | linear 8 name=x, parameter 5x8, {repeat: 3, layers: [linear 8, {add: [prev, x]}]}
[5,8] | linear 8 name=x, parameter 5x8, {repeat: 3, layers: [{concat: {operands: [prev, x], axis: -1}}, linear 8]}
[5,8] | linear 8 name=x, parameter 8, linear 8 name=c, {moe: {experts: 3, top_k: 2, layers: [linear 8, {add: [prev, c]}, linear 4]}, from: x}, linear 3
[5,8] | linear 8 name=x, parameter 8, linear 8 name=c, {moe: {experts: 3, top_k: 2, layers: [linear 8, {concat: {operands: [prev, c], axis: 0}}]}, from: x}
[5,8] | linear 8 name=x, {moe: {experts: 3, top_k: 2, layers: [linear 8 name=l, parameter 8, linear 8 name=m, mul: [l, m], linear 4]}}, linear 3
[3,8,8] | conv 4 kernel=3 padding=1 name=x, parameter 4x8x8, conv 4 kernel=3 padding=1, batchnorm, relu, {add: [prev, x]}, flatten, linear 3
[5,8] | linear 8 name=x, parameter 2x5x8, linear 8, split 2 axis=0 name=s, reshape 5x8 from=s.0, {add: [prev, x]}
[5,8] | linear 8 name=x, parameter 5x8, dropout 0.3, linear 8, {sdpa: {q: prev, k: x, v: x}}
[5,8] | linear 8 name=x, relposbias 2 name=b, exp, attention 2 relbias=b from=x
[5,8] | parameter 5x8, linear 3
[4,6] | linear 6, transpose, attention 2 kv_heads=1
""".strip().splitlines()


def network(line: str, batch: int) -> Graph:
    sizes, layers = line.split(" | ")
    return build_graph(Source("t.yaml", f"model: t\ninput: {sizes}\nlayers: [{layers}]\n"), batch=batch)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("line", CASES)
def test_counts_values_and_kept_bytes_are_those_of_the_module(line: str, batch: int) -> None:
    graph = network(line, batch)
    assert not verify(graph).differences
    assert difference(graph) == 0
    sizes, layers = line.split(" | ")
    assert build.wrong(Case(f"model: t\ninput: {sizes}\nlayers: [{layers}]\n", batch)) is None
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        instantiate(graph)(*example_inputs(graph))
    assert counter.get_total_flops() == Costs(graph).totals.flops


def test_the_work_on_a_parameter_does_not_grow_with_the_batch() -> None:
    one, eight = (Costs(network(CASES[0], batch)) for batch in (1, 8))
    assert eight.totals.macs - one.totals.macs == 7 * (16 * 8 + 8 * 3)  # that of the two layers of the input
    assert Costs(network(CASES[0], 8), batch=1).totals == one.totals


def test_states_of_an_lstm_that_reads_a_parameter_start_every_sample() -> None:
    graph = network("[5,8] | linear 8 name=x, parameter 5x6, lstm 8 name=g, lstm 8 state=g from=x, linear 3", 4)
    assert not verify(graph).differences  # on the CPU PyTorch's counter does not see an lstm
    (result,) = [instantiate(graph)(*example_inputs(graph))]
    assert result.shape == (4, 5, 3)


def test_a_network_of_parameters_alone_gives_one_sample() -> None:
    graph = network("[5,8] | parameter 5x8, linear 3", 4)
    assert not any(node.exit.batched for node, _, _ in walk(graph.nodes))
    assert instantiate(graph)(torch.zeros(4, 5, 8)).shape == (1, 5, 3)


def test_experts_route_the_positions_of_samples() -> None:
    with pytest.raises(
        SpecError, match=r"`moe` routes the positions of each sample, but \[5, 8\] depends only on parameters"
    ):
        network("[5,8] | parameter 5x8, {moe: {experts: 2, top_k: 1, layers: [linear 8]}}", 2)
