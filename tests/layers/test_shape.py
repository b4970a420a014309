import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, FEW, Draw, compare, covers, graph, layer, line


def tensor(draw, least=1, most=4, high=6):
    """A shape of any rank."""
    return tuple(draw(st.lists(st.integers(1, high), min_size=least, max_size=most)))


def axis(draw, rank):
    """An axis as a spec numbers it, in a wild example perhaps none; -rank - 1 is PyTorch's batch."""
    return draw.number(-rank, rank - 1, rank, -rank - 2)


def batched(number):
    """The same axis where the batch counts."""
    return number if number < 0 else number + 1


@covers("flatten")
@DRAWN
@given(data=st.data())
def test_flatten(data):
    draw = Draw(data)
    shape = tensor(draw)
    keys = draw.some(start=axis(draw, len(shape)), end=axis(draw, len(shape)))
    start, end = batched(keys.get("start", 0)), batched(keys.get("end", -1))
    compare(line("flatten", **keys), shape, lambda: nn.Flatten(start, end))


@covers("reshape")
@DRAWN
@given(data=st.data())
def test_reshape(data):
    draw = Draw(data)
    shape = tensor(draw)
    elements = torch.Size(shape).numel()
    wanted = [shape[::-1], (elements,), (-1,), (-1, shape[0]), (shape[-1], -1), (1, elements, 1)]
    if draw.wild:
        wanted += [(-1, 5), (7,), (-1, -1), (elements, 2), (-2, 3), (-1, 4, 2)]
    new = draw.of(*wanted)
    compare(line("reshape", new), shape, lambda: lambda x: x.reshape(x.shape[0], *new))


@covers("transpose")
@DRAWN
@given(data=st.data())
def test_transpose(data):
    draw = Draw(data)
    shape = tensor(draw)
    first, second = draw(axis(draw, len(shape))), draw(axis(draw, len(shape)))
    compare(line("transpose", (first, second)), shape, lambda: lambda x: x.transpose(batched(first), batched(second)))


@covers("select")
@DRAWN
@given(data=st.data())
def test_select(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    index = draw(st.integers(-7, 6))
    compare(
        line("select", index, axis=where),
        shape,
        lambda: lambda x: x.select(batched(where), index),
        stricter=len(shape) == 1,  # the batch alone would be left: a tensor of ours has at least one axis
    )


@covers("slice")
@DRAWN
@given(data=st.data())
def test_slice(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    keys = draw.some(start=st.integers(-7, 7), end=st.integers(-7, 7), step=draw.number(1, 3, 0, -1))

    def cut(x):
        if not -len(shape) <= where < len(shape):
            raise IndexError(where)
        indices = [slice(None)] * x.dim()
        indices[batched(where)] = slice(keys.get("start"), keys.get("end"), keys.get("step"))
        return x[tuple(indices)]

    compare(line("slice", axis=where, **keys), shape, lambda: cut)


@covers("split")
@DRAWN
@given(data=st.data())
def test_split(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(axis(draw, len(shape)))
    inside = -len(shape) <= where < len(shape)
    parts = draw(draw.number(1, 6, 0, -1))
    compare(
        line("split", parts, axis=where),
        shape,
        lambda: lambda x: {str(i): part for i, part in enumerate(x.chunk(parts, batched(where)))},
        stricter=inside and parts > 0 and shape[where] % parts > 0,  # torch.chunk makes unequal parts, or fewer
    )


@FEW
@given(data=st.data())
def test_split_of_given_sizes(data):
    draw = Draw(data)
    shape = tensor(draw)
    where = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(draw.number(1, 4, 0), min_size=1, max_size=4))
    if draw.of(True, True, False):
        shape = tuple(sum(sizes) if axis == where % len(shape) else size for axis, size in enumerate(shape))
    written = list(sizes)
    if draw.of(True, False):
        written[0] = -1
        sizes[0] = shape[where] - sum(sizes[1:])
    compare(
        line("split", sizes="x".join(map(str, written)), axis=where),
        shape,
        lambda: lambda x: {str(i): part for i, part in enumerate(x.split(sizes, batched(where)))},
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("split", "`split` needs `parts` or `sizes`"),
        ("split 2 sizes=2x4", "takes a number of parts or their sizes, not both"),
        ("split sizes=2x3 axis=0", r"parts of 2\+3 are not the 6 of axis 0 in"),
        ("split sizes=-1x-1 axis=0", r"parts of -1\+-1 are not the 6"),
    ],
)
def test_splits_that_are_refused(said, why):
    with pytest.raises(SpecError, match=why):
        layer(said, (6,))


def test_split_is_over_channels_or_features_by_default():
    assert layer(["conv 6 kernel=1", "split 3"], (3, 5, 5)).output.outputs["2"].shape == (2, 5, 5)
    assert layer(["linear 6", "split 3"], (5, 5)).output.outputs["2"].shape == (5, 2)


@covers("expand")
@DRAWN
@given(data=st.data())
def test_expand(data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=3)))
    front = draw(st.lists(draw.number(1, 3, -1, 0), max_size=2))
    kept = [
        draw(draw.number(1, 4, size) if size == 1 else draw.number(size, size, 5, 1, -2) | st.just(-1))
        for size in shape
    ]
    sizes = tuple(front + kept)[draw(st.integers(0, 1)) if draw.wild else 0 :]
    new = len(sizes) - len(shape)

    def repeat(x):
        if not sizes:
            raise ValueError("no sizes")
        return x.reshape(x.shape[0], *[1] * new, *x.shape[1:]).expand(x.shape[0], *sizes)

    if any(size == -1 for size in sizes[: max(0, new)]):
        # Our reference has put an axis of 1 where the new one goes; Tensor.expand itself refuses -1 there.
        with pytest.raises(RuntimeError):
            torch.ones(shape).expand(sizes)
    if sizes:
        compare(line("expand", sizes), shape, lambda: repeat, stricter=-1 in sizes[: max(0, new)])


@covers("flip")
@DRAWN
@given(data=st.data())
def test_flip(data):
    draw = Draw(data)
    shape = tensor(draw)
    axes = tuple(draw(st.lists(axis(draw, len(shape)), min_size=1, max_size=3)))
    compare(line("flip", axes), shape, lambda: lambda x: x.flip([batched(where) for where in axes]))


@covers("tile")
@DRAWN
@given(data=st.data())
def test_tile(data):
    draw = Draw(data)
    shape = tensor(draw)
    rank = len(shape) if not draw.wild else draw(st.integers(1, 3))
    times = tuple(draw(st.lists(draw.number(1, 3, 0, -1), min_size=rank, max_size=rank)))

    def tiled(x):
        assert len(times) == len(shape)
        assert min(times) > 0
        return x.tile((1, *times))

    compare(line("tile", times), shape, lambda: tiled)


@covers("roll")
@DRAWN
@given(data=st.data())
def test_roll(data):
    draw = Draw(data)
    shape = tensor(draw)
    axes = tuple(draw(st.lists(axis(draw, len(shape)), min_size=1, max_size=3)))
    count = st.just(len(axes)) if not draw.wild else st.integers(1, 3)
    shift = tuple(draw(st.lists(st.integers(-9, 9), min_size=(n := draw(count)), max_size=n)))
    compare(
        line("roll", shift, axes=axes), shape, lambda: lambda x: x.roll(shift, tuple(batched(where) for where in axes))
    )


def test_moving_elements_takes_no_operations_and_no_memory_where_pytorch_makes_a_view():
    x = torch.ones(2, 4, 6)
    for op, view in {
        "flatten": x.flatten(1),
        "reshape 6x4": x.reshape(2, 6, 4),
        "transpose": x.transpose(1, 2),
        "select 1": x.select(1, 1),
        "slice 1": x[:, 1:],
        "split 2 axis=-1": x.chunk(2, -1)[0],
        "expand 3x-1x-1": x[:, None].expand(2, 3, 4, 6),
        "identity": nn.Identity()(x),
        "detach": x.detach(),
        "roll 1": x.roll(1, 1),
        "rearrange 'a b -> b a'": x.permute(0, 2, 1),
        "rearrange 'a b -> (b a)'": x.permute(0, 2, 1).reshape(2, -1),
    }.items():
        node = layer(op, (4, 6))
        assert node.other_flops == node.macs == 0
        if not op.startswith("rearrange"):  # whether einops copies depends on the pattern; we always count a copy
            assert node.is_view == (view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()), op


@FEW
@given(data=st.data())
def test_token_ids_stay_token_ids(data):
    op = Draw(data).of(
        "flatten", "reshape -1", "transpose", "select 0", "slice 1", "roll 1", "expand 2x-1x-1", "identity", "detach"
    )
    node = graph([op, "embedding 9 dim=3"], (4, 6)).nodes[-1]
    assert node.output.shape[-1] == 3
