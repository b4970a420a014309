"""What was probably meant: words that are near, and the edit that writes one."""

from __future__ import annotations

import pytest

from archcalc.advice import instead, meant, nearest, suggest
from archcalc.diagnostics import Advice, Source
from archcalc.layers import REGISTRY
from archcalc.source import Scalar

OPS = list(REGISTRY)


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("cov", OPS, ["conv", "cos"]),
        ("batchnrom", OPS, ["batchnorm"]),
        ("Batch_Norm", OPS, ["batchnorm"]),
        ("lnear", OPS, ["linear"]),
        ("relux", OPS, ["relu", "relu6"]),
        ("convt", OPS, ["convtranspose", "conv"]),
        ("embedd", OPS, ["embedding"]),
        ("feat", ["features", "bias"], ["features"]),
        ("drop", OPS, ["dropout", "droppath", "crop"]),
        ("layer", ["layers", "model"], ["layers"]),
        # nothing is near to what is no misspelling
        ("attn", OPS, []),
        ("se", OPS, []),
        ("convlstm", OPS, []),
        ("permute", OPS, []),
        ("squeeze", OPS, []),
        ("x", OPS, []),
        ("ab", ["cd"], []),
        ("a" * 100, ["a" * 99], []),
    ],
)
def test_nearest(word, known, near):
    assert nearest(word, known) == near
    assert suggest(word, known) == (near[0] if near else None)


def test_of_very_many_names():
    known = [f"layer_number_{index}" for index in range(100_000)]
    assert nearest("layer_numbr_99999", known) == ["layer_number_99999"]


def place(line: str, word: str, quoted: bool = False) -> Scalar:
    source = Source("t", f"{line}\n")
    start = line.index(word) + 1
    return Scalar(word.strip("'\""), source, 1, start, 1, start + len(word), quoted)


def test_one_word_is_an_edit_and_two_are_told():
    at = place("- relux", "relux")
    two = meant(at, "relux", OPS)
    assert isinstance(two, Advice)
    assert (two.text, two.fix) == ("did you mean `relu` or `relu6`?", None)
    assert [fix.edits[0].text for fix in two.choices] == ["relu", "relu6"]
    one = meant(at, "lin", ["linear"])
    assert isinstance(one, Advice)
    assert one.text == "did you mean `linear`?"
    assert one.fix is not None
    assert [(edit.place, edit.text) for edit in one.fix.edits] == [(at, "linear")]
    assert not one.fix.safe
    assert meant(at, "zzz", OPS, "otherwise") == "otherwise"
    assert meant(at, "zzz", OPS) is None


def test_no_edit_where_the_file_has_another_text():
    assert instead(place("- 'conv 64'", "'conv 64'", quoted=True), "conv 3").fix
    escaped = place('- "c\\x6fnv 64"', '"c\\x6fnv 64"', quoted=True)
    escaped.text = "conv 64"
    assert instead(escaped, "conv 3").fix is None
