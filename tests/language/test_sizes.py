"""Sizes of tensors in expressions, and repeats that go through values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archcalc.cost import Costs
from archcalc.language.expressions import divisible, round8
from archcalc.network.unused import unused
from tests.each import each

from .writing import graph, params, refused, shape, spec, wrong


@each(
    [
    (["flatten name=x"], "[2, 3]", {"c": 6}),
    (["conv 5 kernel=1 name=x"], "[2, 7]", {"c": 5, "n": 7}),
    (["conv 5 kernel=1 name=x"], "[2, 7, 8]", {"c": 5, "h": 7, "w": 8}),
    (["conv 5 kernel=1 name=x"], "[2, 7, 8, 9]", {"c": 5, "d": 7, "h": 8, "w": 9}),
    (["linear 5 name=x"], "[7, 2]", {"c": 5, "n": 7}),
    (["linear 5 name=x"], "[7, 8, 2]", {"c": 5, "h": 7, "w": 8, "n": 8}),
    (["linear 5 name=x"], "[7, 8, 9, 2]", {"c": 5, "n": 9}),
],
)  # fmt: skip
def test_letters(layers, input, values):
    for letter in "cdhwn":
        asked = [*layers, f"reshape ({letter}(x))x1x-1"]
        if letter in values:
            assert shape(*asked, input=input)[0] == values[letter]
        else:
            assert f"`{letter}(x)`: x " in wrong(*asked, input=input).message


def test_a_size_stands_wherever_a_number_does():
    conv = "conv 6 kernel=3 name=a"
    assert shape(conv, "conv 2*c(prev) kernel=1") == [12, 30, 30]
    assert shape(conv, "conv c(input) kernel=1 from=a") == [3, 30, 30]
    assert shape(conv, "maxpool 2", "upsample size=(h(a))x(w(a)+1)") == [6, 30, 31]
    assert shape(conv, "rearrange 'c h w -> (h w) c'", "rearrange '(h w) c -> c h w' h=h(a)") == [6, 30, 30]
    assert shape("split 3 axis=0 name=p", "conv h(p.1) kernel=3 from=p.0") == [32, 30, 30]
    assert params("conv 4 kernel=1", "conv cin kernel=1 repeat=h(input)//8") == 16 + 4 * 20


def test_the_tensor_before_is_the_one_that_is_read():
    assert shape("conv 6 kernel=3 name=a", "conv 8 kernel=3", "conv c(prev) kernel=1 from=a") == [6, 30, 30]


def test_a_layer_that_wants_a_layout_need_not_ask():
    assert shape("conv c(prev) kernel=1") == [3, 32, 32]
    assert shape("linear c(prev)", input="[7, 5]") == [7, 5]


def test_what_comes_later_may_decide():
    assert shape("relu name=x", "reshape (c(x))x-1", "linear 2", "conv 4 kernel=1 from=x") == [4, 32, 32]


def test_blocks_are_given_sizes_and_ask_their_arguments():
    up = "blocks:\n  up(skip, width):\n    - [upsample size=(h(skip))x(w(skip)), conv width kernel=1]\n"
    assert shape("conv 6 kernel=3 name=a", "maxpool 2", "up a width=c(a)", top=up) == [6, 30, 30]
    assert "`skip` is 3 here, not a layer" in wrong("up 3 width=4", top=up).message


def test_sizes_of_dims_stay_dims():
    dim = "dims: {side: 32}\n"
    net = graph("relu name=x", "conv 4 kernel=1", "upsample size=(2*h(x))x(w(x))", input="[3, side, side]", top=dim)
    assert [int(size) for size in net.outputs["upsample"].shape] == [4, 64, 32]
    assert shape(
        "relu name=x", "conv 4 kernel=1", "upsample size=(2*h(x))x(w(x))", input="[3, side, side]", top=dim, side="10"
    ) == [4, 20, 10]
    error = wrong("conv h(prev) kernel=1", input="[3, side, side]", top=dim)
    assert "depends on the dim in `side`" in error.message


@each(
    [
    ("reshape (h(input))x-1", "`h(input)`: the layout of input [8, 4, 6] is not decided", "size(input, 0), size(input, 1) or size(input, 2)"),
    ("reshape (h(input))x-9", "`h(input)`: the layout of input [8, 4, 6] is not decided", "size(input, 0), size(input, 1) or size(input, 2)"),
    ("conv size(input, 3) kernel=1", "`size(input, 3)`: input [8, 4, 6] has no axis 3", "its axes are 0 to 2"),
    ("conv size(input) kernel=1", "`size` needs the axis", "e.g. size(input, 0); the batch is not counted"),
    ("conv h(input, 1) kernel=1", "`h` takes only the name of a layer", "write h(input), or size(input, 1)"),
    ("conv h(3) kernel=1", "`h(...)` takes the name of a layer", "e.g. h(prev)"),
    ("conv n(prev) kernel=1", "`n(prev)`: prev [8, 4, 6] has channels and height and width, no positions", "h(prev) is 4, w(prev) is 6"),
    ("conv h(prve) kernel=1", "no earlier layer is named `prve`", "give an earlier layer name=prve"),
    ("conv divisible(3) kernel=1", "`divisible` takes a value and a divisor, not 1", ""),
    ("conv divisible(3, 0) kernel=1", "`divisible(3, 0)`: 0 is not a valid divisor", ""),
],
)  # fmt: skip
def test_messages(line, message, help):
    error = wrong(line, input="[8, 4, 6]")
    assert message in error.message
    assert help in (error.help or "")


def test_a_size_below_its_bound_for_large_maps_has_its_axes():
    """What later layers decide is found with maps of any size: with those, `64 - h(x)` is no size."""
    after = ("conv 3 kernel=1", "{add: [prev, x]}", "conv 4 kernel=1")
    assert shape("relu name=x", "reshape 3x(64-h(x))x32", *after) == [4, 32, 32]


def test_nothing_is_asked_before_there_are_layers():
    (error,) = refused(spec("conv 4 kernel=1", top="hparams: {a: h(input)}\n"))
    assert "there are no layers yet for `h(input)` to ask" in error.message
    (error,) = refused(spec("b", top="blocks:\n  b(a=c(prev)): [conv a kernel=1]\n"))
    assert "a default cannot use `c(prev)`" in error.message


@given(st.integers(1, 3000), st.integers(1, 64), st.sampled_from([1, 0.5, 0.75, 1.4]))
def test_divisible_as_the_reference_code_has_it(channels, divisor, width):
    """Source of the second derivation: `_make_divisible` of MobileNet's reference code."""
    value = channels * width
    wanted = max(divisor, int(value + divisor / 2) // divisor * divisor)
    wanted += divisor if wanted < 0.9 * value else 0
    if 10 * (wanted - divisor) != 9 * value:  # where 0.9 is not what the computer holds
        assert divisible(value, divisor) == wanted
    assert round8(value) == divisible(value, 8)


def test_a_repeat_goes_through_values():
    """As the copies written one by one."""
    by_hand = [f"conv 4 kernel=3 padding={d} dilation={d}" for d in (1, 2, 4)]
    loops = [
        "{conv: {channels: 4, kernel: 3, padding: d, dilation: d}, repeat: {d: [1, 2, 2**2]}}",
        "{repeat: {d: [1, 2, 4], k: [3, 3, 3]}, layers: [conv 4 kernel=k padding=d dilation=d]}",
        "{repeat: {i: 3}, layers: [conv 4 kernel=3 padding=2**i dilation=2**i]}",
        "{dilated: {d: d}, repeat: {d: [1, 2, 4]}}",
    ]
    top = "blocks:\n  dilated(d): [conv 4 kernel=3 padding=d dilation=d]\n"
    wanted = Costs(graph(*by_hand)).totals
    for loop in loops:
        net = graph(loop, top=top)
        assert (Costs(net).totals.params, Costs(net).totals.macs) == (wanted.params, wanted.macs)
        copies = [node for copy in net.nodes[0].children for node in (copy.children or [copy])]
        assert [node.layer.dilation for node in copies] == [(1,), (2,), (4,)]


def test_values_of_all_kinds():
    assert shape("{pad: {size: s}, repeat: {s: [1x2, 3]}}") == [3, 40, 42]
    assert params("{conv: {channels: 3, kernel: 1, bias: b}, repeat: {b: [true, false]}}") == 12 + 9
    assert shape("{repeat: {w: [c(prev), 2*c(prev)]}, layers: [conv w kernel=1]}") == [6, 32, 32]
    assert shape("{repeat: {i: 2}, layers: [{repeat: {j: i+1}, layers: [pad 1+j]}]}") == [3, 40, 40]
    assert shape("{conv: {channels: w, kernel: 1}, repeat: {w: [n, 2*n]}}", top="hparams: {n: 5}\n") == [10, 32, 32]
    assert shape("{repeat: {i: n}, layers: [pad i]}", top="hparams: {n: 0}\n") == [3, 32, 32]


@each(
    [
    ("{relu: {}, repeat: {}}", "SPC010", "`repeat:` names nothing"),
    ("{pad: {size: d}, repeat: {d: []}}", "SPC010", "an empty list of values"),
    ("{pad: {size: d}, repeat: {d: [1, 2], k: [3]}}", "SPC005", "`repeat` goes through 2 values of `d` but 1 of `k`"),
    ("{pad: {size: d+k}, repeat: {d: [1, 2], k: 3}}", "SPC005", "`repeat` goes through 2 values of `d` but 3 of `k`"),
    ("{pad: {size: n}, repeat: {n: [1, 2]}}", "SPC011", "`n` is already an hparam or dim"),
    ("{pad: {size: prev}, repeat: {prev: [1, 2]}}", "SPC011", "`prev` has a meaning of its own"),
    ("{pad: {size: first}, repeat: {first: [1, 2]}}", "SPC011", "`first` is already the name of a layer"),
    ("{repeat: {d: [1, 2]}, layers: [pad d name=d]}", "SPC011", "`d` is already a value that a repeat goes through"),
    ("{pad: {size: d}, repeat: {d: {a: 1}}}", "SPC010", "`d` goes through a list of values"),
    ("{pad: {size: d}, repeat: {d: [[1], 2]}}", "SPC010", "a value of a loop must be a number, a size, true or false, or an expression"),
    ("{conv: {channels: 3, kernel: d}, repeat: {d: [0]}}", "SPC005", "`kernel` must be at least 1, not 0"),
    ("{pad: {size: d}, repeat: {d: 1.5}}", "SPC005", "`repeat` must be a whole number, not 1.5"),
],
)  # fmt: skip
def test_loops_that_cannot_be(entry, code, message):
    error = refused(spec("relu name=first", entry, top="hparams: {n: 5}\n"))[0]
    assert code == error.code
    assert message in error.message


def test_a_loop_that_nothing_reads():
    (warning,) = unused(graph("{repeat: {i: 3, j: [1, 2, 3]}, layers: [pad j]}"))
    assert warning.message == "nothing reads `i`, which the repeat goes through"


@each(["(seq)x2x3", "(seq)x-1x3", "(seq)x2x-1"])
def test_axes_that_hold_no_dim_are_free_of_it(sizes: str) -> None:
    assert params(f"reshape {sizes}", "linear 5", input="[seq, 6]", top="dims: {seq: 8}\n") == 20
