"""What combines samples of the batch has no place in a network of one sample: its inputs are given instead."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import archcalc
from archcalc.diagnostics import RequestError

from .test_calls import Of, parameter, read


def towers(m, x, y):
    """Every text with every image, as CLIP's logits."""
    first, second = F.normalize(m.a(x), dim=-1), F.normalize(m.b(y), dim=-1)
    scores = first @ second.t() * m.scale.exp()
    return scores, scores.t().softmax(-1), first


TOWERS = Of(towers, a=nn.Linear(8, 5), b=nn.Linear(6, 5), scale=parameter(1))


def test_towers_are_given_in_place_of_their_product():
    found = read(TOWERS, (8,), (6,)).comparison
    assert found.equal
    assert found.outputs[0] == [[5], [5]]
    assert found.macs == (8 * 5 + 6 * 5,) * 2
    assert found.unreached == {"scale": 1}
    said = "\n".join(found.lines("net"))
    assert "what combines samples of the batch (test_across.py:19, test_across.py:20) is not in the spec" in said
    assert "1 parameter goes into that; like its MACs, it is not in the spec: scale" in said
    assert "not read in this mode" not in said


def test_layers_after_samples_are_set_against_each_other_are_said_to_be_missing():
    def mixing(m, x):
        return m.c(m.b(m.a(x) @ x.t() @ x))

    found = read(Of(mixing, a=nn.Linear(8, 8), b=nn.Linear(8, 5), c=nn.LayerNorm(5)), (8,)).comparison
    said = "\n".join(found.lines("net"))
    assert "55 parameters go into that; like its MACs, they are not in the spec: b, c" in said, said


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        (lambda m, x: (m.a(x) - x).square().mean(), [8]),
        (lambda m, x: (m.a(x) - x).square().sum(1).mean().sqrt(), [1]),
        (lambda m, x: {"loss": F.mse_loss(y := m.a(x), x), "y": y}, [8]),
    ],
)
def test_a_mean_over_the_batch_gives_what_it_is_the_mean_of(loss, output):
    found = read(Of(loss, a=nn.Linear(8, 8)), (8,)).comparison
    assert found.equal
    assert not found.declared
    assert found.outputs[0] == [output]


def test_a_mean_that_samples_read_again_is_opaque():
    found = read(Of(lambda m, x: m.a(x - x.mean(0)), a=nn.Linear(8, 3)), (8,)).comparison
    assert found.left_out is None
    assert [what for _, what in found.declared] == ["mean"]


def test_nothing_but_samples_against_each_other_is_no_network():
    with pytest.raises(RequestError, match="does nothing with its input"):
        read(Of(lambda m, x: x @ x.t()), (8,))


def test_products_of_numbers_that_depend_on_no_input_are_told():
    def forward(m, x):
        angles = torch.ones(len(x), 5, 1) @ torch.ones(len(x), 1, 4)
        return m.a(x + angles.cos())

    found = read(Of(forward, a=nn.Linear(4, 3)), (5, 4)).comparison
    assert found.equal
    assert found.macs == (5 * 4 * 3,) * 2
    assert "20 MACs of numbers that depend on no input are not in the spec" in "\n".join(found.lines("net"))


def test_a_module_of_a_list_of_tensors_is_read_as_advised():
    def summed(m, maps):
        return sum(m.a(one) for one in maps)

    head = Of(summed, a=nn.Linear(8, 3))
    with pytest.raises(
        RequestError, match=r"has the batch first\. A module that takes a list of tensors gets --input NAME\.0=SIZE"
    ):
        read(head, (4, 8))
    with pytest.raises(RequestError, match="not a list of tensors: put the module in one that takes each"):
        archcalc.of(head, [torch.zeros(1, 8)])
    found = read(Of(lambda m, a, b: m.head([a, b]), head=head), (8,), (8,)).comparison
    assert found.equal
    assert found.params == (27, 27)
