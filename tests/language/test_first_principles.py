"""The lecture's recurrent networks written out step by step, beside the built-in layers: equal counts, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archcalc.cost import Costs
from archcalc.network.load import Graph, load_graph
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.verify import verify


def same_counts(ours: Graph, theirs: Graph) -> None:
    one, other = Costs(ours).totals, Costs(theirs).totals
    assert (one.params, one.macs) == (other.params, other.macs)


def same_values(
    ours: nn.Module, theirs: nn.Module, weights: dict[str, str | list[str]], inputs: list[torch.Tensor]
) -> None:
    """`weights`: a parameter of `theirs` and those of `ours` that stand one below the other in it."""
    given = dict(ours.named_parameters())
    names = {name: [one] if isinstance(one, str) else one for name, one in weights.items()}
    assert sorted(one for several in names.values() for one in several) == sorted(given)
    theirs.load_state_dict({name: torch.cat([given[one] for one in several]) for name, several in names.items()})
    found = []
    for module in (ours, theirs):
        given_inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        y = module(*given_inputs)
        y.sin().sum().backward()
        found.append([y, *(x.grad for x in given_inputs if x.grad is not None)])
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    parts = {name: torch.cat([given[one].grad for one in several]) for name, several in names.items()}
    assert all(torch.allclose(a, b) for a, b in zip(*found))
    assert all(torch.allclose(gradients[name], parts[name]) for name in names)


@pytest.mark.parametrize("variant", ["", "@nobias"])
def test_recurrence(variant: str) -> None:
    ours, theirs = (load_graph(f"specs/{name}.yaml{variant}", {"steps": "6"}) for name in ("recurrence", "rnn"))
    same_counts(ours, theirs)
    kinds = ("weight", "bias") if not variant else ("weight",)
    weights: dict[str, str | list[str]] = {}
    for kind in kinds:
        weights[f"rnn.{kind}_ih_l0"], weights[f"rnn.{kind}_hh_l0"] = f"scan.linear1.{kind}", f"scan.linear2.{kind}"
    same_values(instantiate(ours).double(), instantiate(theirs).double(), weights, [torch.randn(3, 6, 10).double()])


def test_lstm_gate_by_gate() -> None:
    ours, theirs = (load_graph(f"specs/{name}.yaml", {"steps": "6"}) for name in ("lstm-gates", "lstm"))
    same_counts(ours, theirs)
    weights: dict[str, str | list[str]] = {}
    for kind in ("weight", "bias"):
        for where, which in (("ih", 1), ("hh", 2)):
            weights[f"lstm.{kind}_{where}_l0"] = [f"scan.gate{gate}.linear{which}.{kind}" for gate in (1, 2, 3, 4)]
    same_values(instantiate(ours).double(), instantiate(theirs).double(), weights, [torch.randn(3, 6, 10).double()])


def test_attention_decoder_step_by_step() -> None:
    small = {"vocab": "11", "width": "5", "hidden": "7", "src_len": "4", "tgt_len": "3"}
    for given in ({}, small):
        ours, theirs = (load_graph(f"specs/{name}.yaml", given) for name in ("attention-decoder", "seq2seq-attention"))
        same_counts(ours, theirs)
    made, built = instantiate(ours).double(), instantiate(theirs).double()
    weights: dict[str, str | list[str]] = {name: name for name, _ in built.named_parameters() if "decoder" not in name}
    weights |= {f"{name}.weight": f"logits.{name}.weight" for name in ("linear",)}
    weights |= {f"logits.{kind}": f"logits.linear2.{kind}" for kind in ("weight", "bias")}
    weights["linear.weight"] = "logits.linear1.weight"
    for layer, cell in enumerate(("low", "s")):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            weights[f"decoder.{name}_l{layer}"] = f"logits.{cell}.{name}"
    same_values(made, built, weights, [torch.randint(11, (2, 4)), torch.randint(11, (2, 3))])


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        ("attention-decoder", {"vocab": "50", "hidden": "16"}),
        ("tacotron2", {"chars": "9", "frames": "5", "width": "16", "hidden": "8", "attend": "4"}),
    ],
)
def test_is_built(spec: str, given: dict[str, str]) -> None:
    assert not verify(load_graph(f"specs/{spec}.yaml", given, batch=2)).differences
