"""`explain` in formulas: of a layer of a spec, and of a line whose input has names."""

from __future__ import annotations

import json

import pytest

from tests.commands.test_symbolic import GPT2, messages, run
from tests.symbolic.formulas import code


def test_a_layer_of_a_spec():
    out = run("explain", GPT2, "h.0.attention", "--symbolic", "batch,seq,width,heads").output
    assert "in_proj_weight    3·width × width" in out
    assert "4·width·(width + 1) = 2,362,368" in out
    assert "2·batch·seq·width·(2·width + seq)" in out
    assert "heads divides width" in out


def test_a_line_with_names_among_its_sizes():
    out = run("explain", "conv 64 kernel=3 stride=2 padding=1", "--input", "3xHxW").output
    assert "[64, ⌈H/2⌉, ⌈W/2⌉]" in out
    assert "1,792" in out
    assert "1,728·⌈H/2⌉·⌈W/2⌉" in out
    assert "240" not in out  # nobody asked for a value


def test_without_names_they_are_those_of_the_input():
    plain = run("explain", "conv 64 kernel=3", "--input", "3xHxW").output
    assert run("explain", "conv 64 kernel=3", "--input", "3xHxW", "--symbolic").output == plain
    assert run("explain", GPT2, "wpe", "--symbolic").output == run("explain", GPT2, "wpe", "--symbolic", "seq,batch").output  # fmt: skip


def test_factors_are_written_as_the_sizes_they_are():
    out = run("explain", "conv 8 kernel=k", "--input", "3xHxW", "--symbolic", "k").output
    assert "24·k²·(H − k + 1)·(W − k + 1)" in out


def test_a_line_with_names_of_its_own():
    out = run("explain", "conv K kernel=k", "--input", "CxHxW", "--symbolic", "K,k").output
    assert "C·K·k² + K" in out
    assert "[K, H − k + 1, W − k + 1]" in out
    assert "H ≥ k" in out


@pytest.mark.parametrize(
    ("line", "sizes", "own"),
    [
        ("conv K kernel=k stride=2 padding=k//2 dilation=2", "CxHxW", "K,k"),
        ("maxpool k stride=s ceil=true", "8xHxW", "k,s"),
        ("adaptiveavgpool 7", "8xHxW", ""),
        ("attention heads=h kv_heads=g rope=10000", "sxd", "h,g"),
        ("attention heads=4 causal=true window=w", "sx64", "w"),
        ("lstm h layers=2 bidirectional=true", "txd", "h"),
        ("linear f", "d", "f"),
        ("rearrange '(h a) (w b) c -> (h w) (a b) c' a=7 b=7", "HxWxC", ""),
        ("convtranspose K kernel=2 stride=2", "CxHxW", "K"),
        ("groupnorm g", "CxHxW", "g"),
        ("upsample 2 mode=bilinear", "CxHxW", ""),
        ("pixelshuffle r", "CxHxW", "r"),
        ("slice 1 end=e", "nxd", "e"),
    ],
)
def test_formulas_of_a_line_give_its_numbers(line, sizes, own):
    result = run("explain", line, "--input", sizes, *(["--symbolic", own] if own else []), "--format", "json")
    assert result.return_value == 0, messages(result)
    form = json.loads(result.output)
    done = 0
    for scale in (1, 2, 3, 5):
        names = {name: value * scale if name in sizes else value for name, value in form["values"].items()}
        if not all(eval(condition, {}, dict(names)) for condition in form["conditions"]):
            continue
        plain_line, plain_sizes = line, sizes
        for name, value in names.items():
            plain_sizes = "x".join(str(value) if word == name else word for word in plain_sizes.split("x"))
            for sign in ("=", " "):
                plain_line = (plain_line + " ").replace(f"{sign}{name} ", f"{sign}{value} ").strip()
            plain_line = plain_line.replace(f"={name}//", f"={value}//")
        plain = json.loads(run("explain", plain_line, "--input", plain_sizes, "--format", "json").output)["layers"][0]
        layer = form["layers"][0]
        assert [code(size, names) for size in layer["output"]] == plain["output"]
        for fact in ("parameters", "macs", "other_flops", "activation_bytes"):
            assert code(layer[fact]["formula"], names) == plain[fact]["value"], (fact, names)
        done += 1
    assert done


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_line_is_longer_than_the_terminal(width):
    result = run("explain", GPT2, "h.0.attention", "--symbolic", "batch,seq,width,heads", width=width)
    assert max(map(len, result.output.splitlines()[1:])) <= width


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("conv 64 kernel=3", "--input", "3xHxW", "--set", "Q=3"), "the names are H, W"),
        (("conv 64 kernel=3", "--input", "3xHxW", "--set", "H=big"), "takes whole numbers"),
        (("conv 64 kernel=3", "--input", "3x32x32", "--symbolic", "2k"), "`2k` cannot be a name"),
        (("conv 64 kernel=3", "--symbolic", "k"), "a layer needs an input: use --input"),
        (("conv 64 kernel=3", "--input", "3x32x32", "--symbolic"), "Name a size of the input 3x32x32, e.g. 3xHxW"),
        ((GPT2, "wte", "--input", "3xHxW"), "--input is for a layer line"),
        ((GPT2, "wtf", "--symbolic", "seq"), "did you mean `wte`?"),
    ],
)
def test_what_cannot_be_explained(arguments, message):
    result = run("explain", *arguments)
    assert result.return_value == 2
    assert message in messages(result)


def test_a_line_that_is_wrong_is_told_as_ever():
    result = run("explain", "conv 64", "--input", "3xHxW")
    assert result.return_value == 1
    assert "needs `kernel`" in messages(result)
