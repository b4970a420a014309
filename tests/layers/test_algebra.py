import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archcalc import loads
from archcalc.diagnostics import SpecError
from archcalc.pytorch.verify import verify

from .oracle import DRAWN, FEW, Draw, compare, covers, graph, layer, other_flops


@covers("matmul")
@DRAWN
@given(data=st.data())
def test_matmul(data):
    draw = Draw(data)
    lead = draw(st.lists(st.integers(1, 4), max_size=2))
    m, k, n = draw(st.tuples(*[st.integers(1, 4)] * 3))

    def stretched():
        return tuple(draw.of(size, size, 1) for size in lead)

    shapes = {"a": (*stretched(), m, k), "b": (*stretched(), k, n)}
    if draw.wild:
        # One other size, but in as many axes: PyTorch lines up unequal ranks from the right, across the batch.
        name, at = draw.of("a", "b"), draw(st.integers(0, len(lead) + 1))
        shapes[name] = tuple(draw(st.integers(1, 4)) if i == at else size for i, size in enumerate(shapes[name]))
    compare("matmul: [a, b]", shapes, lambda: torch.matmul)


@FEW
@given(data=st.data())
def test_sparse_products(data):
    """MACs are the products without a zero; PyTorch's counter, which sees zeros too, is known to `verify`."""
    draw = Draw(data)
    lead, (m, k, n) = draw(st.integers(1, 3)), draw(st.tuples(*[st.integers(1, 4)] * 3))
    first = torch.zeros(draw.of(1, lead), m, k)
    nonzero = draw(st.integers(0, first.numel()))
    first.view(-1)[:nonzero] = 1
    written = f"matmul: {{operands: [a, b], nonzero: {nonzero}}}"
    network = graph(written, {"a": tuple(first.shape), "b": (lead, k, n)})
    assert network.nodes[-1].macs == first.expand(lead, m, k).to_sparse()._nnz() * n
    assert not verify(network).differences


def test_more_that_is_not_zero_than_there_is():
    with pytest.raises(SpecError, match="nonzero=13 is more than the 12 elements"):
        layer("matmul: {operands: [a, b], nonzero: 13}", {"a": (3, 4), "b": (4, 2)})


@covers("einsum")
@DRAWN
@given(data=st.data())
def test_einsum(data):
    draw = Draw(data)
    # From 2: PyTorch takes an axis of 1 for one to stretch, and multiplies without a matrix product.
    sizes = {letter: draw(st.integers(2, 4)) for letter in "abcd"}
    term = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True).map("".join)
    terms = draw(st.lists(term, min_size=1, max_size=2))
    inside = sorted(set("".join(terms)))
    right = draw(st.lists(st.sampled_from(inside + (["e"] if draw.wild else [])), min_size=1, max_size=4, unique=True))
    shapes = {name: tuple(sizes[letter] for letter in term) for name, term in zip("xy", terms)}
    if draw.wild:
        name, other = draw.of(*shapes), draw(st.integers(2, 4))
        shapes[name] = draw.of((other, *shapes[name][1:]), (*shapes[name], other), shapes[name][1:] or (other,))
    equation = f"{','.join(terms)}->{''.join(right)}"
    batched = f"{','.join('z' + term for term in terms)}->z{''.join(right)}"
    compare(
        f"einsum: {{equation: '{equation}', operands: [{', '.join(shapes)}]}}",
        shapes,
        lambda: lambda *tensors: torch.einsum(batched, *tensors),
    )


@pytest.mark.parametrize("equation", ["a1->a", "aé->a", "a", "ab->", "ab->ac", "ab->aa", "ab->ab->a", "a,b->ab", ""])
def test_what_is_no_equation(equation):
    with pytest.raises(SpecError, match=r"SPC005|SHP107"):
        layer(f"einsum: {{equation: '{equation}', operands: [input]}}", (4, 3))


@pytest.mark.parametrize(
    ("equation", "shapes", "work"),
    [
        ("hqd,hkd->hqk", {"x": (2, 3, 4), "y": (2, 5, 4)}, 0),
        ("ab,cd->abcd", {"x": (2, 3), "y": (4, 5)}, 2 * 3 * 4 * 5),  # products without a sum
        ("ab,bc->c", {"x": (2, 3), "y": (3, 5)}, 2 * 3),  # `a` is summed away first
        ("ab->a", {"x": (2, 3)}, 2 * 3),
        ("ab->ba", {"x": (2, 3)}, 0),
    ],
)
def test_element_wise_work_of_einsum(equation, shapes, work):
    spec = f"einsum: {{equation: '{equation}', operands: [{', '.join(shapes)}]}}"
    assert layer(spec, shapes).other_flops == work


class MoE(nn.Module):
    """Each position through the top_k of its router's choice; here every position chooses the first ones."""

    def __init__(self, width, experts, top_k, bias, expert):
        super().__init__()
        if not 1 <= top_k <= experts:
            raise ValueError("a position goes to one expert at least, and to one expert once")
        self.router = nn.Linear(width, experts, bias)
        self.experts = nn.ModuleList(expert() for _ in range(experts))
        self.top_k = top_k

    def forward(self, x):
        weights, _ = self.router(x).softmax(-1).topk(self.top_k)
        chosen = [expert(x) for expert in self.experts[: self.top_k]]
        return sum(weights[..., i : i + 1] * out for i, out in enumerate(chosen))


class Routed(nn.Module):
    """The same with the router's choice, position by position, the weights of those chosen adding up to 1."""

    def __init__(self, width, experts, top_k, bias, expert):
        super().__init__()
        self.experts = nn.ModuleList(expert() for _ in range(experts))
        self.router = nn.Linear(width, experts, bias)
        self.top_k = top_k

    def forward(self, x):
        rows = []
        for position in x.flatten(0, -2):
            scores = self.router(position).softmax(-1)
            chosen = scores.argsort(descending=True)[: self.top_k]
            total = scores[chosen].sum()
            rows.append(sum(scores[i] / total * self.experts[i](position) for i in chosen))
        return torch.stack(rows).unflatten(0, x.shape[:-1])


@covers("moe")
@FEW
@given(data=st.data())
def test_moe(data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    experts = draw(draw.number(1, 4, 0))
    top_k = draw(draw.number(1, max(1, experts), 0, experts + 1))
    hidden, out = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    bias = draw(st.booleans())

    def expert():
        return nn.Sequential(nn.Linear(shape[-1], hidden), nn.ReLU(), nn.Linear(hidden, out))

    compare(
        f"moe: {{experts: {experts}, top_k: {top_k}, bias: {str(bias).lower()}, layers: [linear {hidden}, relu, linear {out}]}}",
        shape,
        lambda: MoE(shape[-1], experts, top_k, bias, expert),
        whole=True,
        values=lambda: Routed(shape[-1], experts, top_k, bias, expert),
    )


def test_a_router_costs_a_softmax_and_weighted_sums():
    router = 5 * 7 * 4 + 2 * 2 * 7 * 3
    assert other_flops("moe: {experts: 4, top_k: 2, layers: [linear 3 bias=false]}", (7, 6)) == router
    biased = other_flops("moe: {experts: 4, top_k: 2, bias: true, layers: [linear 3 bias=false]}", (7, 6))
    assert biased == router + 7 * 4
    relu = other_flops("moe: {experts: 4, top_k: 2, layers: [linear 3 bias=false, relu]}", (7, 6))
    assert relu == router + 7 * 2 * 3


def test_active_parameters_are_those_of_the_chosen_experts_and_of_all_that_is_no_expert():
    spec = "{moe: {experts: 8, top_k: 2, bias: true, layers: [linear 256, gelu, linear 64]}, repeat: 3}"
    net = loads(f"{{model: m, input: [128, 64], layers: [{spec}, linear 5], expect: {{active_params: 200413}}}}")
    expert, router, head = 64 * 256 + 256 + 256 * 64 + 64, 64 * 8 + 8, 64 * 5 + 5
    assert net.params == 3 * (8 * expert + router) + head
    assert net.active_params == 3 * (2 * expert + router) + head == 200_413
