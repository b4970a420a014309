import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from archcalc.diagnostics import SpecError
from archcalc.network.gradients import backward_macs
from archcalc.pytorch.instance import instantiate

from .oracle import DRAWN, FEW, Draw, compare, covers, graph, layer, line
from .test_shape import axis, batched, tensor

# Layer: PyTorch's function, operations for an element of the input and for one of the output.
REDUCTIONS = {
    "mean": (torch.mean, 1, 0), "sum": (torch.sum, 1, 0), "max": (torch.amax, 1, 0), "min": (torch.amin, 1, 0),
    "var": (torch.var, 4, 1), "std": (torch.std, 4, 2), "logsumexp": (torch.logsumexp, 4, 2),
    "norm": (lambda x, dim, p=2, keepdim=False: torch.linalg.vector_norm(x, p, dim, keepdim), 2, 1),
}  # fmt: skip


@covers(*REDUCTIONS)
@pytest.mark.parametrize("op", REDUCTIONS)
@DRAWN
@given(data=st.data())
def test_reductions(op, data):
    draw = Draw(data)
    function, each, more = REDUCTIONS[op]
    shape = tensor(draw)
    axes = tuple(draw(st.lists(axis(draw, len(shape)), min_size=1, max_size=len(shape))))
    keys = draw.some(keepdim=st.booleans(), **({"p": st.sampled_from([1, 2, 3.0])} if op == "norm" else {}))
    if op in ("var", "std"):
        keys["correction"] = 0  # of one element with PyTorch's own there is none
    gone = {where % len(shape) for where in axes if -len(shape) <= where < len(shape)}
    compare(
        line(op, axes, **keys),
        shape,
        lambda: lambda x: function(x, dim=[batched(where) for where in axes], **keys),
        # The batch alone would be left: a tensor of ours has at least one axis.
        stricter=len(gone) == len(axes) == len(shape) and not keys.get("keepdim", False),
    )
    if len(gone) == len(axes) < len(shape):
        node = layer(line(op, axes), shape)
        assert node.other_flops == each * torch.Size(shape).numel() + more * torch.Size(node.output.shape).numel()


@pytest.mark.parametrize("op", ["var", "std"])
def test_spread_is_corrected_as_pytorch_does(op):
    compare(op, (4, 3), lambda: lambda x: getattr(torch, op)(x, dim=1))
    compare(f"{op} -1 correction=2", (4, 3), lambda: lambda x: getattr(torch, op)(x, dim=-1, correction=2))


@covers("argmax", "argmin")
@pytest.mark.parametrize("op", ["argmax", "argmin"])
@DRAWN
@given(data=st.data())
def test_places(op, data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    keys = draw.some(keepdim=st.booleans())
    compare(
        line(op, where, **keys),
        shape,
        lambda: lambda x: getattr(torch, op)(x, dim=batched(where), **keys),
        stricter=len(shape) == 1 and not keys.get("keepdim", False),
    )


def test_a_place_may_be_looked_up():
    assert layer(["argmax -1", "embedding 5 dim=3"], (4, 5)).output.shape == (4, 3)


@pytest.mark.parametrize(
    ("lines", "said"),
    [(["topk 2 axis=1 name=t", "rearrange 'a b -> b a' from=t.indices", "slice end=1 axis=1", "flatten name=i", "parameter 3x4", "gather index=i"],
      "goes up to 7, and axis 0 of .* 3 positions"),
     (["topk 2 axis=1 name=t", "split 2 axis=1 from=t.indices name=s", "flatten from=s.1 name=i", "parameter 3x4", "gather index=i"],
      "goes up to 7, and axis 0 of .* 3 positions"),
     (["constant 4 kind=arange name=t", "flip 0 name=i", "parameter 3x4", "gather index=i"], "goes up to 3, and axis 0 of .* 3 positions"),
     (["argmax -1", "embedding 5 dim=3"], "goes up to 7, which is not one of the 5 tokens"),
     (["argmin -1 keepdim=true", "embedding 5 dim=3"], "goes up to 7, which is not one of the 5 tokens"),
     (["topk 2 axis=1 name=t", "parameter 3x4", "gather index=t.indices"], "goes up to 7, and axis 0 of .* 3 positions")],
)  # fmt: skip
def test_places_in_a_longer_axis_are_refused(lines, said):
    with pytest.raises(SpecError, match=said):
        graph(lines, (4, 8))


@covers("cumsum")
@DRAWN
@given(data=st.data())
def test_cumsum(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    compare(line("cumsum", where), shape, lambda: lambda x: x.cumsum(batched(where)))


@covers("normalize")
@DRAWN
@given(data=st.data())
def test_normalize(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    keys = draw.some(p=st.sampled_from([1, 2, 3.0]), eps=st.sampled_from([1e-12, 0.5, 1e-3]))
    compare(line("normalize", where, **keys), shape, lambda: lambda x: F.normalize(x, dim=batched(where), **keys))


def test_normalize_is_over_channels_or_features_by_default():
    assert layer(["conv 4 kernel=1", "normalize"], (3, 5, 5)).other_flops == 3 * 100 + 2 * 25
    assert layer(["linear 4", "normalize"], (5, 3)).other_flops == 3 * 20 + 2 * 5


@covers("topk")
@FEW
@given(data=st.data())
def test_topk(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    k, keys = draw(draw.number(1, 3, 0, 9)), draw.some(largest=st.booleans())
    compare(
        line("topk", k, axis=where, **keys),
        shape,
        lambda: lambda x: dict(zip(("", "indices"), x.topk(k, dim=batched(where), **keys))),
    )


def test_the_places_of_topk_are_whole_numbers_without_a_gradient():
    net = graph(["linear 6", "topk 2 name=t", "embedding 6 dim=3 frozen=true from=t.indices"], (4, 5))
    assert backward_macs(net) == 0
    assert net.nodes[1].output.outputs["indices"].integer
    assert backward_macs(graph(["linear 6", "topk 2 name=t", "linear 3"], (4, 5), output="t.indices")) == 0
    assert net.nodes[1].other_flops == 4 * 6


def gathered(lines, function):
    """Compare values and the gradient of the input."""
    net = graph(lines, (5, 4, 3))
    x = torch.randn(2, 5, 4, 3, requires_grad=True)
    weights = torch.randn(2, *net.nodes[-1].output.shape)
    ours, theirs = instantiate(net)(x), function(x)
    assert torch.equal(ours, theirs)
    assert torch.equal(*(torch.autograd.grad((y * weights).sum(), x)[0] for y in (ours, theirs)))


@covers("gather")
@pytest.mark.parametrize("where", [0, 1, -1])
def test_gather_by_a_constant(where):
    at, rows = where % 3 + 1, torch.arange(3)
    gathered(
        ["constant 2x3 kind=arange name=k", f"gather index=k axis={where} from=input"],
        lambda x: torch.stack([x.index_select(at, rows)] * 2, at),
    )


def test_gather_by_an_index_of_each_sample():
    gathered(
        ["rearrange 'a b c -> a (b c)' name=x", "topk 2 axis=0 name=t", "gather index=t.indices from=x"],
        lambda x: torch.stack([row[row.topk(2, 0).indices] for row in x.flatten(2)]),
    )


def test_gather_of_a_table_that_is_learned():
    net = graph(
        ["rearrange 'a b c -> a (b c)'", "topk 2 axis=0 name=t", "parameter 5x7 name=p", "gather index=t.indices"],
        (5, 4, 3),
    )
    module, x = instantiate(net), torch.randn(2, 5, 4, 3)
    assert torch.equal(module(x), module.p.weight[x.flatten(2).topk(2, 1).indices])


@covers("takealongdim")
@pytest.mark.parametrize("where", [0, 1, -1])
def test_what_stands_where_the_largest_are(where):
    at = where % 3 + 1
    gathered(
        [f"topk 2 axis={where} name=t", f"takealongdim index=t.indices axis={where} from=input"],
        lambda x: x.topk(2, at).values,
    )


def test_an_axis_of_size_1_of_an_index_stretches():
    gathered(
        ["constant 6 kind=arange name=k", "reshape 6x1x1", "index 5 name=i", "takealongdim index=i axis=0 from=input"],
        lambda x: torch.cat([x, x[:, -1:]], 1),
    )


@covers("index")
@DRAWN
@given(data=st.data())
def test_index(data):
    draw = Draw(data)
    shape = tensor(draw)
    size = draw.of(1, 2, 5)
    compare(line("index", size), shape, lambda: lambda x: x.floor().clamp(0, size - 1).long())


@pytest.mark.parametrize(
    ("lines", "said"),
    [(["index 9 name=i", "takealongdim index=i from=input"], "goes up to 8, and axis 1 of .* has 4 positions"),
     (["linear 4 name=i", "takealongdim index=i from=input"], "holds numbers, and an index has whole ones"),
     (["mean 1 keepdim=true", "index 4 name=i", "takealongdim index=i axis=0 from=input"], None),
     (["topk 2 axis=0 name=t", "takealongdim index=t.indices from=input"], r"`index` must be \[5, k\], with any k, not \[2, 4\]")],
)  # fmt: skip
def test_which_indices_go_along_an_axis(lines, said):
    if said is None:
        assert graph(lines, (5, 4)).nodes[-1].output.shape == (5, 4)
        return
    with pytest.raises(SpecError, match=said):
        graph(lines, (5, 4))


@pytest.mark.parametrize(
    ("line", "said"),
    [("gather index=x from=x", "holds numbers, and an index has whole ones"),
     ("gather index=t.indices axis=1 from=x", "an index of each sample takes positions of axis 0, not of axis 1")],
)  # fmt: skip
def test_what_is_no_index(line, said):
    with pytest.raises(SpecError, match=said):
        graph(["linear 4 name=x", "topk 2 axis=0 name=t", line], (5, 4))
