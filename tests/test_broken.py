"""The wrong specs of `broken/`: each gets its message, at its place, with its advice."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
import yaml

from archcalc.cost import Costs
from archcalc.diagnostics import SpecError
from archcalc.network.load import load_graph
from tests.each import each

FOLDER = Path(__file__).parent / "broken"

# file: line, column, end column, code, part of the message, part of the help
EXPECTED = {
    "01-channels-typo": (4, 13, 19, "SPC003", "`conv` has no key `kernal`", "did you mean `kernel`?"),
    "02-unknown-layer": (4, 5, 11, "SPC002", "unknown layer `Conv2d`", "write `conv`"),
    "03-pytorch-key": (4, 13, 24, "SPC007", "`conv` has no key `kernel_size`", "write `kernel`"),
    "04-in-channels": (4, 12, 23, "SPC003", "`conv` has no key `in_channels`", "inputs are inferred: leave it out"),
    "05-residual-mismatch": (
        5, 7, 15, "SHP107", "the layers give [128, 28, 28] but the shortcut is [64, 56, 56]",
        "`shortcut: [conv 128 kernel=1 stride=2]` would do for this call",
    ),
    "06-concat-mismatch": (7, 17, 18, "SHP107", "[64, 254, 254] and [64, 127, 127] do not match", "must be equal"),
    "07-unknown-name": (6, 17, 25, "SPC008", "no earlier layer is named `encoderr`", "did you mean `encoder`?"),
    "08-duplicate-key": (7, 7, 13, "SPC006", "duplicate key `kernel`", "first given at 6:7"),
    "09-missing-dash": (
        5, 5, 12, "SPC010", "one layer per item: found both `conv` and `maxpool`",
        "`maxpool` belongs under `conv:` (indent it), or a `- ` is missing before it",
    ),
    "10-missing-indent": (
        4, 5, 15, "SPC010", "`attention:` has no value", "indent its keys under it",
    ),
    "11-norway": (4, 43, 45, "SPC005", "`bias` must be true or false, not `no`", ""),
    "12-anchor": (4, 5, 24, "SPC001", "anchors/aliases are not part of the language", "`blocks:` and `hparams:` for"),
    "13-heads": (5, 21, 23, "SHP106", "heads=10 does not divide the width 768", "write `heads=8` for heads of 96 features, or `heads=12` for heads of 64 features"),
    "90-sdpa-fewer-heads": (4, 16, 17, "SHP107", "the leading axes of `k` [2, 10, 16] are not those of `q`", "write `kv_heads=2`"),
    "91-sdpa-heads-that-do-not-divide": (
        4, 31, 32, "SHP106", "kv_heads=3 does not divide the 8 heads of `q`", "each head of k and v serves as many of q",
    ),
    "92-sdpa-heads-of-others": (
        4, 16, 17, "SHP107", "`k` is [2, 10, 16], which has no axis of 4 heads", "kv_heads is the number of heads in k and v",
    ),
    "93-sdpa-kv-heads-without-heads": (4, 31, 32, "SHP101", "`q` [10, 16] has no axis of heads", "delete `kv_heads`"),
    "94-sinks-without-heads": (4, 28, 32, "SHP101", "`sinks` are of heads, and `q` [10, 16] has none", "an axis of heads"),
    "95-mask-of-other-scores": (
        4, 28, 32, "SHP107", "`mask` is [12], the scores are [4, 10, 10]", "a mask is [keys], [queries, keys]",
    ),
    "96-cache-of-a-block": (
        9, 18, 22, "SPC003", "`latent` is a group of layers", "write cache=true on the layer inside it",
    ),
    "97-tie-inside-a-block": (
        10, 30, 42, "SPC012", "`encoder` has no layer named `embd`", "its named layers are embed",
    ),
    "98-tie-inside-copies": (
        8, 19, 28, "SPC012", "`stack` has 3 copies, each with weights of its own", "put the copies into a block",
    ),
    "103-tie-buffers-of-other-shapes": (
        9, 24, 29, "SPC012", "its running_mean is 2, the other's is 4", "tied layers have weights of one shape",
    ),
    "102-tie-copies-of-other-shapes": (
        13, 25, 27, "SPC012", "the copies of `block1` are alike in one of them and differ in shapes in the other",
        "let both read inputs of the same shapes",
    ),
    "101-positions-of-ids-or-vectors": (5, 5, 14, "SHP101", "its input [3, 2] holds numbers", "nothing else computes with"),
    "100-prev-beside-from": (6, 26, 30, "SPC008", "`prev` is `a` beside `from=a`, not the layer before", "put `kv=a` if"),
    "99-window-of-another-kind": (4, 25, 26, "SPC004", "kind=bucket has no `window`", "write `kind=window`, giving [4, 16, 16]"),
    "14-kernel-too-big": (6, 21, 22, "SHP103", "kernel 5 is larger than the padded input [16, 4, 4]", "write `kernel=4`, giving [120, 1, 1], or `padding=1`, giving [120, 2, 2]"),
    "15-linear-on-image": (
        5, 5, 11, "SHP102", "`linear` wants features last, but [8, 30, 30] is channels first",
        "add `flatten` before it",
    ),
    "16-comma-in-flow": (
        5, 11, 16, "SPC005", "not a number or an expression: `max(8`",
        "inside [ ] a comma ends the layer: give this layer its own `- ` line, or compute the value under `hparams:`",
    ),
    "17-tab": (4, 1, 2, "SPC001", "found character", "indent with spaces"),
    "18-list-kernel": (4, 33, 39, "SPC005", "`kernel` must be a size, e.g. 3 or 3x5, not a list", "write `3x5`"),
    "19-colon-line": (4, 11, 21, "SPC010", "`conv:` takes a mapping", "write `conv 8 kernel=3`"),
    "20-lstm-state": (
        6, 37, 44, "SHP101", "1 layer x 2 directions, this `lstm` has 2 layers x 1 direction", "write `layers=1 bidirectional=true`",
    ),
    "21-fraction": (
        5, 10, 18, "SPC005", "`channels` must be a whole number, not 22.4", "write `floor(64*width)` for 22, or `ceil(64*width)` for 23",
    ),
    "22-top-typo": (3, 1, 6, "SPC003", "unknown key `layer`", "did you mean `layers`?"),
    "23-tie": (7, 31, 34, "SPC012", "cannot tie `linear` to `wte` (embedding)", "weights of one shape"),
    "24-hash": (5, 3, 4, "SPC001", "expected ',' or ']'", "`#` starts a comment"),
    "26-kernel-3x3-neg": (4, 19, 24, "SHP101", "`kernel` has 3 sizes, the input [3, 32, 32] has 2", ""),
    "27-name-in-args": (4, 36, 40, "SPC010", "`name` belongs next to `conv:`, not inside it", "indent it like"),
    "28-dup-name": (5, 26, 27, "SPC011", "`a` is already the name of a layer", "choose another name"),
    "29-layout-undecided": (
        4, 5, 11, "SHP111", "`concat` cannot tell channels from features in [3, 256, 256]",
        "say which axis: axis=0 joins channels, giving [6, 256, 256]; axis=2 joins the last axis, giving [3, 256, 512]",
    ),
    "30-layout-of-attention": (
        6, 5, 14, "SHP102", "`attention` wants features last, but [64, 56, 56] is channels first",
        "add `rearrange 'c h w -> (h w) c'` before it",
    ),
    "31-pattern-letter": (
        5, 15, 31, "SHP112", "the pattern calls axis 2 `c`, but the channels of [64, 56, 56] are axis 0", "name axis 0 `c`",
    ),
    "32-two-layouts": (
        4, 5, 11, "SHP102", "`concat`: [8, 16, 16] would be features last and channels first at once", "`rearrange`",
    ),
    "33-cin-undecided": (
        4, 18, 27, "SHP111", "`cin` cannot tell channels from features in [8, 16, 16]",
        "write the number: 8 for the channels of axis 0, 16 for the features of the last",
    ),
    "34-input-layout": (
        2, 44, 57, "SPC005", "`layout` must be channels-first or features-last, not `channel-first`", "did you mean `channels-first`?",
    ),
    "35-vector-on-channels": (
        6, 17, 22, "SHP102", "a vector goes along the last axis, but [8, 32, 32] is channels first",
        "write `[reshape 1x-1x1 from=shift]` to go along axis 1, or `[reshape 1x1x-1 from=shift]` to go along axis 2",
    ),
    "36-branches-of-two-layouts": (
        6, 14, 15, "SHP102", "`add`: [16, 16] would be channels first and features last at once", "put a `transpose` or `rearrange`",
    ),
    "37-input-without-size": (2, 17, 22, "SPC003", "an input has no key `sizes`", "did you mean `size`?"),
    "38-own-bias-table": (
        5, 5, 14, "SHP101", "`attention` reads its own `relbias` [4, 16, 16] as its input", "add from=NAME, e.g. from=input",
    ),
    "39-own-bias-inside": (
        5, 27, 36, "SHP101", "`attention` reads what comes of its own `relbias` [4, 16, 16] as its input", "from=input",
    ),
    "40-input-in-copies": (6, 54, 59, "SHP107", "`add`: [8, 30, 30] and [3, 32, 32] do not match", "axes must be equal or 1"),
    "44-cin-of-two-layouts": (
        4, 11, 20, "SHP102", "`cin**-0.5`: [8, 16, 16] would be features last and channels first at once",
        "put a `transpose` or `rearrange` between the two layers that decide",
    ),
    "43-ids-cropped": (
        6, 5, 12, "SHP101", "`maxpool` computes with numbers, but its input holds token ids", "an `embedding` before it",
    ),
    "41-lstm-on-image": (
        5, 5, 9, "SHP101", "`lstm` needs a sequence of vectors [steps, features], but its input is [8, 32, 100]",
        "add `rearrange 'c h w -> (h w) c'` before it for 3200 steps, the pixels, "
        "or `rearrange 'c h w -> w (c h)'` before it for 100 steps, the columns",
    ),
    "42-each-frame": (
        5, 20, 23, "SHP101", "`kernel` has 2 sizes, the input [5, 3, 64, 64] has 3",
        "write `each: [conv 16 kernel=3x3 padding=1]` for each of the 5 entries alone, "
        "giving [5, 16, 64, 64], or `kernel=3`, giving [16, 3, 64, 64]",
    ),
    "43-size-undecided": (
        5, 14, 18, "SPC008", "`h(x)`: the layout of x [64, 49, 96] is not decided", "size(x, 0), size(x, 1) or size(x, 2)",
    ),
    "44-no-height": (
        5, 12, 16, "SPC008", "`h(x)`: x [197, 768] has positions and features, no height", "n(x) is 197",
    ),
    "45-size-of-nothing": (5, 14, 16, "SPC008", "no earlier layer is named `e5`", "did you mean `e4`?"),
    "46-values-of-two-lengths": (
        4, 38, 43, "SPC005", "`repeat` goes through 4 values of `width` but 3 of `depth`", "give both the same number",
    ),
    "47-loop-hides-hparam": (
        5, 51, 56, "SPC011", "`width` is already an hparam or dim", "choose another name for the value of the loop",
    ),
    "48-tied-to-frozen": (
        5, 31, 37, "SPC012", "cannot tie the trained `linear` to the frozen `tokens`: tied layers are frozen together",
        "write the same frozen= on both",
    ),
    "49-frozen-word": (
        4, 21, 26, "SPC005", "`frozen` must be true or false, not `norms`", "write frozen=true on the layer or group",
    ),
    "50-many-values": (
        5, 15, 975, "SPC005", "`values` has 192 numbers, more than 64", "use kind=, or make it an input",
    ),
    "51-opaque-output": (
        5, 5, 11, "SPC004", "`opaque` needs `output`", "output=64x56x56, or output=same",
    ),
    "52-opaque-layout": (
        5, 5, 12, "SHP111", "`softmax` cannot tell channels from features in [8, 32, 32]", "say which axis",
    ),
    "53-output-of-inner-layer": (
        4, 14, 18, "SPC008", "`wave` says `-> skip`, but no layer at the top of its body is named `skip`", "name=skip",
    ),
    "54-unknown-output": (8, 26, 31, "SPC008", "`a` has no output `skp`", "did you mean `a.skip`?"),
    "55-all-copies-as-one": (
        5, 15, 18, "SPC010", "`m.*` stands for several tensors", "use it in a list, e.g. concat: [m.*]",
    ),
    "56-no-next-value": (7, 21, 23, "SPC004", "the state `p5` has no next value", "say under next which tensor of a copy is p5 in the copy after it"),
    "57-name-of-a-state": (
        8, 19, 20, "SPC011", "`z` is the name of a state", "name the layer otherwise, and write `next: {z: ...}`",
    ),
    "58-state-unknown": (9, 25, 30, "SPC008", "no state is named `memry`", "did you mean `memory`?"),
    "59-nothing-repeated": (5, 20, 23, "SPC010", "`m.*`: nothing on the way is repeated", "write `m`"),
    "61-each-sees-entries": (
        9, 21, 28, "SPC008", "`each` sees its entries only: `context` is outside",
        "each: {x: prev, context: ...} where it has one for each entry, or `expand` it first",
    ),
    "62-each-of-channels": (
        5, 5, 9, "SHP102", "`each` would take the channels of [64, 56, 56] apart",
        "to run on each pixel use `conv 1` or `rearrange 'c h w -> (h w) c'`",
    ),
    "63-each-of-two-lengths": (4, 5, 9, "SHP107", "`each` goes through x with 5 entries and y with 4", ""),
    "64-conv-on-entries": (
        5, 5, 9, "SHP101", "`conv` takes one tensor of channels, but its input is 5 entries of [16, 64, 64]",
        "put it in `each: [...]`",
    ),
    "65-each-without-layers": (5, 5, 9, "SPC004", "`each: x` needs `layers:` next to it", "e.g. {each: x, layers: [...]}"),
    "66-state-changes": (5, 13, 14, "SHP107", "the state `s` is [512] but its next value is [1024]", ""),
    "67-two-states": (4, 5, 9, "SPC004", "`scan` has two states and no `next:`", "next: {out: ..., cell: ...}"),
    "68-scan-of-two-lengths": (
        4, 5, 9, "SHP107", "`scan` goes through x with 30 entries and y with 20 side by side", "",
    ),
    "69-scan-of-channels": (
        5, 5, 9, "SHP102", "`scan` would go through the channels of [64, 100]",
        "add `transpose` before it to go through the positions",
    ),
    "70-name-of-a-scans-state": (
        8, 15, 16, "SPC011", "`z` is the name of a state", "name the layer otherwise, and write `next: {z: ...}`",
    ),
    "71-step-number": (
        5, 15, 20, "SPC008", "the step number is not a tensor", "the number of steps may be a dim; use a constant of its length",
    ),
    "72-scan-without-state": (4, 5, 9, "SPC004", "`scan` has no `state:`", "e.g. state: {z: [64]} beside it"),
    "73-state-and-output": (9, 13, 15, "SPC011", "`s2` is a state and an output of the last layer", "name one of them otherwise"),
    "74-each-with-state": (5, 5, 10, "SPC003", "`each` has no key `state`", "use `scan` to pass states from step to step"),
    "75-each-after-a-split": (9, 5, 9, "SPC008", "the layer before has several outputs", "choose one by its name"),
    "76-filters-of-another-size": (
        5, 40, 44, "SHP107", "`weight` must be [16, 16, 3, 3], not [1, 1, 3, 3]", "write `groups=16`; its axes are those of nn.Conv2d.weight",
    ),
    "78-bias-of-no-three-parts": (
        4, 21, 23, "SHP106", "bias=qv is for queries, keys and values, and 100 features are not three parts", "write `linear 99`, giving [10, 99], `linear 102`",
    ),
    "79-reparam-axis-of-another": (4, 56, 57, "SPC004", "`reparam_axis` needs reparam=weightnorm", "write `reparam=weightnorm` or delete `reparam_axis`"),
    "80-weightnorm-in-the-middle": (
        4, 54, 55, "SHP101", "weightnorm does not work along axis 1", "the axes are those of the weight [16, 3, 3, 3]: the first or the last",
    ),
    "81-filters-reparametrised": (5, 65, 75, "SPC004", "filters from `weight=` are used as they are", "delete `reparam` or `weight`"),
    "82-reparam-misspelt": (
        4, 30, 41, "SPC005", "`reparam` must be one of weightnorm, spectralnorm, standardized, not `weight_norm`", "did you mean `weightnorm`?",
    ),
    "83-none-as-operand": (6, 19, 23, "SPC008", "`skip` is none here, not a layer", "pass the name of a layer"),
    "77-filters-with-a-bias": (5, 51, 55, "SPC004", "filters from `weight=` come without a bias", "write `bias=false`"),
    "78-index-outside": (
        6, 18, 20, "SHP108", "`index` [3] goes up to 2, and axis 0 of [2, 4] has 2 positions", "its numbers may go from 0 to 1",
    ),
    "79-more-positions-than-vectors": (
        6, 21, 23, "SHP108", "its input [12] goes up to 11, which is not one of the 10 tokens", "`vocab` must be at least 12",
    ),
    "60-output-twice": (4, 20, 24, "SPC011", "`skip` is already an output", "delete one of them"),
}  # fmt: skip
# The pure Python scanner of YAML says these in words of its own.
SAME_IN_PYTHON = sorted(set(EXPECTED) - {"24-hash"})


def check(name: str) -> None:
    line, column, end, code, message, help = EXPECTED[name]
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / f"{name}.yaml"))
    first = caught.value.diagnostics[0]
    assert (first.place.line, first.place.column, first.place.end_column) == (line, column, end)
    assert (first.code, first.severity) == (code, "error")
    assert message in first.message
    assert help in (first.help or "")
    assert str(first.place) in str(caught.value)


def test_every_file_is_expected():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {*EXPECTED, "25-1e6"}


@each(EXPECTED)
def test_message(name):
    check(name)


@each(sorted(set(EXPECTED) - {"12-anchor"}))
def test_nothing_else_is_said(name):
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / f"{name}.yaml"))
    assert len(caught.value.diagnostics) == 1


def test_anchor_and_alias_each_have_their_place():
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / "12-anchor.yaml"))
    assert [(d.place.line, d.place.column) for d in caught.value.diagnostics] == [(4, 5), (5, 5)]


# What decided a layout: the words and the place of each note.
DECIDED = {
    "44-cin-of-two-layouts": [("features last, decided by `linear`", 5, 5), ("channels first, decided by `conv`", 6, 5)],
    "15-linear-on-image": [("decided by `conv`", 4, 5)],
    "29-layout-undecided": [("nothing that reads or makes this tensor decides its layout",)],
    "30-layout-of-attention": [("decided by `conv`", 4, 5)],
    "31-pattern-letter": [("decided by `conv`", 4, 5)],
    "32-two-layouts": [("features last, decided by `linear`", 5, 5), ("channels first, decided by `conv`", 6, 5)],
    "35-vector-on-channels": [("decided by `conv`", 5, 5)],
    "36-branches-of-two-layouts": [
        ("channels first, decided by `conv`", 4, 28), ("features last, decided by `linear`", 5, 28),
    ],
}  # fmt: skip


@each(DECIDED)
def test_what_decided_a_layout_is_shown(name):
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / f"{name}.yaml"))
    notes = caught.value.diagnostics[0].notes
    assert [(one.message, *((one.place.line, one.place.column) if one.place else ())) for one in notes] == DECIDED[name]


def test_which_tensor_input_is_in_copies():
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / "40-input-in-copies.yaml"))
    (note,) = caught.value.diagnostics[0].notes
    assert note.message.startswith("`input` is the input of the model here too")
    assert (note.place.line, note.place.column) == (6, 54)


def test_residual_names_the_call():
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / "05-residual-mismatch.yaml"))
    (note,) = caught.value.diagnostics[0].notes
    assert note.message == "in block basic(channels=128, stride=2)"
    assert (note.place.line, note.place.column) == (10, 5)


def test_duplicate_name_points_at_the_first():
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / "28-dup-name.yaml"))
    (note,) = caught.value.diagnostics[0].notes
    assert (note.message, note.place.line, note.place.column) == ("first", 4, 26)


def test_1e6_is_a_number():
    graph = load_graph(str(FOLDER / "25-1e6.yaml"))
    assert Costs(graph).totals.params == 16_640


@each(SAME_IN_PYTHON)
def test_without_the_c_scanner(name):
    with mock.patch("archcalc.source._LOADER", yaml.SafeLoader):
        check(name)


def test_unclosed_bracket_without_the_c_scanner(monkeypatch):
    monkeypatch.setattr("archcalc.source._LOADER", yaml.SafeLoader)
    with pytest.raises(SpecError) as caught:
        load_graph(str(FOLDER / "24-hash.yaml"))
    first = caught.value.diagnostics[0]
    assert (first.code, first.place.line, first.place.column) == ("SPC001", 5, 3)
    assert "`#` starts a comment" in first.help
