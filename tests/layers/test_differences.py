"""Where we and PyTorch differ on purpose. Each entry is checked to be a difference still."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archcalc.diagnostics import SpecError

from .oracle import graph, run

A, B = (4, 3), (3, 5)

# Why we refuse it: the layers, the input's shape or shapes, what PyTorch takes.
STRICTER = {
    "a tap at the same place again and again: only a transposed convolution with kernel 1 lets it pass": (
        "convtranspose 2 kernel=1 dilation=0", (3, 4), lambda: nn.ConvTranspose1d(3, 2, 1, dilation=0)
    ),
    "a negative number under a root is never meant": (
        "layernorm eps=-1", (4, 3), lambda: nn.LayerNorm(3, eps=-1)
    ),
    "a running mean moves by a share of 0 to 1": (
        "batchnorm momentum=2", (3, 4), lambda: nn.BatchNorm1d(3, momentum=2)
    ),
    "softplus divides by beta and is a hinge only above 0": ("softplus -1", (3,), lambda: nn.Softplus(-1)),
    "one slope for each feature is no channel's: PyTorch takes axis 1 for channels": (
        ["linear 4", "prelu 4"], (4, 4), lambda: nn.PReLU(4)
    ),
    "channels first into features last: PyTorch cannot tell them apart": (
        ["conv 4 kernel=1", "linear 2"], (3, 5), lambda: nn.Sequential(nn.Conv1d(3, 4, 1), nn.Linear(5, 2))
    ),
    "features last into channels first": (
        ["linear 4", "batchnorm"], (3, 5), lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(3))
    ),
    "images in a sequence: an image has three axes": (
        "pixelshuffle 2", (2, 4, 3, 3), lambda: nn.PixelShuffle(2)
    ),
    "the batch alone is no tensor of ours": ("select 0", (3,), lambda: lambda x: x.select(1, 0)),
    "a mean over everything leaves the batch alone": ("mean", (3,), lambda: lambda x: x.mean(1)),
    "torch.chunk makes unequal parts": ("split 2", (3,), lambda: lambda x: x.chunk(2, -1)[0]),
    "torch.chunk may make fewer parts than asked": ("split 5", (6,), lambda: lambda x: x.chunk(5, -1)[0]),
    "operands of unequal rank line up from the right, so that the batch meets another axis": (
        "matmul: [a, b]", {"a": (2, 4, 3), "b": (3, 5)}, lambda: torch.matmul
    ),
    "a vector has no rows": ("matmul: [a, b]", {"a": (4,), "b": (4,)}, lambda: lambda a, b: a @ b.mT),
    "sums broadcast equal ranks and vectors only": (
        "add: [a, b]", {"a": (2, 4, 3), "b": (4, 3)}, lambda: lambda a, b: a + b[:, None]
    ),
    "a vector goes along features: along the positions of channels say reshape": (
        ["parameter 5 name=b", "conv 4 kernel=1 from=input", "add: [prev, b]"], (3, 5),
        lambda: lambda x: F.conv1d(x, torch.ones(4, 3, 1)) + torch.ones(5),
    ),
    "an axis twice in a term is a diagonal": ("einsum: {equation: 'aa->a', operands: [input]}", (3, 3), lambda: (
        lambda x: torch.einsum("zaa->za", x))
    ),
    "an axis of 1 does not stretch in an equation": (
        "einsum: {equation: 'ab,bc->ac', operands: [a, b]}", {"a": (4, 1), "b": B},
        lambda: lambda a, b: torch.einsum("zab,zbc->zac", a, b),
    ),
    "an equation says what comes out": (
        "einsum: {equation: 'ab,bc', operands: [a, b]}", {"a": A, "b": B},
        lambda: lambda a, b: torch.einsum("zab,zbc->zac", a, b),
    ),
    "an equation names every axis": (
        "einsum: {equation: '...b,bc->...c', operands: [a, b]}", {"a": A, "b": B},
        lambda: lambda a, b: torch.einsum("z...b,zbc->z...c", a, b),
    ),
    "the cost of three operands depends on the order of the products": (
        "einsum: {equation: 'ab,bc,cd->ad', operands: [a, b, c]}", {"a": A, "b": B, "c": (5, 2)},
        lambda: lambda a, b, c: torch.einsum("zab,zbc,zcd->zad", a, b, c),
    ),
    "heads of one do not stretch: say expand": (
        "sdpa q=a k=b v=b", {"a": (2, 4, 3), "b": (1, 5, 3)},
        lambda: lambda a, b: F.scaled_dot_product_attention(a, b, b),
    ),
    "two directions are not two layers, though the states have one shape": (
        ["gru 4 bidirectional=true name=a", "gru 4 layers=2 state=a"], (3, 2),
        lambda: lambda x: nn.GRU(8, 4, 2, batch_first=True)(
            *nn.GRU(2, 4, bidirectional=True, batch_first=True)(x))[0],
    ),
    "a gru's state means something else to an rnn": (
        ["gru 4 name=a", "rnn 4 state=a"], (3, 2),
        lambda: lambda x: nn.RNN(4, 4, batch_first=True)(*nn.GRU(2, 4, batch_first=True)(x))[0],
    ),
}  # fmt: skip

# Why we take it: PyTorch refuses it while training with a batch of 1, which is nothing a layer knows.
LENIENT = {
    "a batch of 1 has no variance": ("batchnorm", (3,), lambda: nn.BatchNorm1d(3)),
}


@pytest.mark.parametrize("reason", STRICTER)
def test_we_refuse_what_pytorch_takes(reason):
    layers, shape, make = STRICTER[reason]
    with pytest.raises(SpecError):
        graph(layers, shape)
    run(make, list(shape.values()) if isinstance(shape, dict) else [shape], "cpu")


@pytest.mark.parametrize("reason", LENIENT)
def test_we_take_what_pytorch_refuses(reason):
    layers, shape, make = LENIENT[reason]
    graph(layers, shape, batch=1)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        make()(torch.ones(1, *shape))


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ("conv 4 kernel=3", (3,)), ("conv 4 kernel=3", (3, 4, 4, 4, 4)), ("maxpool 2", (3,)), ("avgpool 2", (3,)),
        ("adaptiveavgpool 1", (3,)), ("upsample 2", (3,)), ("pad 1", (3,)), ("pixelshuffle 1", (4, 4)),
        ("channelshuffle 1", (4,)), ("instancenorm", (3,)), ("localresponsenorm 2", (3,)), ("lstm 4", (3,)),
        ("lstm 4", (2, 3, 4)), ("attention 1", (3,)), ("rope", (4,)), ("posembed", (4,)), ("clstoken", (4,)),
        ("batchnorm", (3, 1, 1, 1, 1)), (["linear 4", "embedding 9 dim=3"], (4,)), (["embedding 9 dim=3", "relu from=input"], (4,)),
    ],
)  # fmt: skip
def test_wrong_ranks_and_contents_are_refused(layers, shape):
    with pytest.raises(SpecError, match="SHP101"):
        graph(layers, shape)


@pytest.mark.parametrize(
    "layers",
    [
        ["attention 1 kv=b from=a", "embedding 9 dim=3 from=b"],
        ["gru 4 state=b from=a", "embedding 9 dim=3 from=b"],
        ["attention 1 relbias=b from=a", "embedding 9 dim=3 from=b"],
        ["sdpa q=a k=b v=b", "embedding 9 dim=3 from=b"],
        ["embedding 9 dim=3 from=b", "attention 1 kv=b from=a"],
        ["embedding 9 dim=3 from=b", "gru 4 state=b from=a"],
        ["embedding 9 dim=3 from=b", "attention 1 relbias=b from=a"],
        ["embedding 9 dim=3 from=b", "sdpa q=a k=b v=b"],
    ],
)
def test_an_input_read_as_numbers_holds_no_token_ids(layers):
    shape = (1, 4, 4) if "relbias" in str(layers) else (1, 4)
    with pytest.raises(SpecError, match="token ids"):
        graph(layers, {"a": (4, 4) if "relbias" in str(layers) else (1, 4), "b": shape})


def test_a_single_number_goes_along_any_layout():
    conv = ["parameter 1 name=b", "conv 4 kernel=1 from=input", "add: [prev, b]"]
    (ours,) = {graph(conv, (3, 5)).nodes[-1].output.shape}
    assert ours == (F.conv1d(torch.ones(1, 3, 5), torch.ones(4, 3, 1)) + torch.ones(1)).shape[1:]
