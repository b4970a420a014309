"""Arithmetic in values: what it gives, and where a wrong one is underlined."""

import math

import pytest

from archcalc.diagnostics import Source, SpecError
from archcalc.language.expressions import ExpressionError, parse_expression, parse_number
from archcalc.source import Scalar
from tests.each import each

from .writing import at, graph, marked, params, refused, shape, spec, wrong


def parsed(text):
    return parse_expression(Scalar(text, Source("t", text), 1, 1, 1, len(text) + 1))


def value(text, **names):
    return parsed(text).evaluate(names)


@each(
    [
        "1+2*3", "(1+2)*3", "2*3-4", "10-4-3", "100//7//2", "100%7", "2**3**2", "-2**2", "(-2)**2", "2**-1", "--3", "+3",
        "7//2*2", "7/2", "-7//2", "-7%3", "1.5*4", ".5+1", "1e3*2", "2*-3", "10-(4-3)", "1e-5", "2E3+1", "5%3*2",
        "2**(1+1)", "(((7)))", "1 + 2 * 3",
    ],
)  # fmt: skip
def test_as_in_python(text):
    assert value(text) == eval(text)


@each(
    [
        ("6/2", 3),
        ("round(2.5)", 2),
        ("ceil(7/2)", 4),
        ("ceil(6/2)", 3),
        ("ceil(-7/2)", -3),
        ("floor(-7/2)", -4),
        ("ceil(7/-2)", -3),
        ("ceil((2**60 + 1)/2)", 2**59 + 1),
        ("floor((2**60 - 1)/2**59)", 1),
        ("floor(7/2)", 3),
        ("min(3, 1, 2)", 1),
        ("max(3,1+4)", 5),
        ("round8(0.35*32)", 16),
        ("round8(0.75*32)", 24),
        ("round8(1)", 8),
        ("round8(1.4*1280)", 1792),
        ("max(8, round8(4*ceil(0.3)))", 8),
    ]
)
def test_functions(text, result):
    assert value(text) == result
    assert isinstance(value(text), int)


@each([("log(100)", math.log(100)), ("exp(-log(2)/2)", 0.5**0.5)])
def test_functions_of_no_whole_result(text, result):
    assert value(text) == pytest.approx(result, rel=1e-15)


def test_division_is_whole_where_it_comes_out_even():
    assert isinstance(value("64/4"), int)
    assert isinstance(value("64/3"), float)


def test_names_and_their_places():
    expression = parsed("4*width + depth//width")
    assert expression.evaluate({"width": 3, "depth": 10}) == 15
    assert {name: place.column for name, place in expression.names.items()} == {"width": 3, "depth": 11}


@each([("64", 64), ("017", 17), ("1e-5", 1e-5), ("-1", -1), ("3.", 3.0), (".5", 0.5), ("1E3", 1000.0)])
def test_number(text, number):
    assert parse_number(text) == number


@each(["", "no", "3:25", "0x10", "1_000", "nan", "inf", "1e309", "٣", "²", "1e", "--1", "+1"])
def test_no_number(text):
    assert parse_number(text) is None


def test_no_number_is_infinite():
    assert all(math.isfinite(parse_number(text)) for text in ("1e308", "9" * 40))


@each(
    [
        "1/0",
        "1//0",
        "1%0",
        "0**-1",
        "10**10**10",
        "10**30",
        "(-1)**0.5",
        "1e308*10",
        "log(0)",
        "exp(71)",
        "2**201",
        "1e29*11",
        "9**99",
    ]
)
def test_no_value(text):
    with pytest.raises(ExpressionError):
        value(text)


WRONG = """
1+|*2|1 2|a b|(1|1)|min(1)|round(1,2)|sin(1)|1<2|a.b|a[0]|'a'|1;2|2k|not 1|1if 1 else 2|f()|a=1|__import__('os')|3,5
~1|1@2|é|min()|a(1)||a:=1|1 if a else 2|[1]|{}|1j|0x1|1_0|a!|$a|(1|)1(|,|1,
"""


@each(WRONG.strip().replace("\n", "|").split("|"))
def test_not_an_expression(text):
    with pytest.raises(SpecError) as caught:
        parsed(text)
    assert {diagnostic.code for diagnostic in caught.value.diagnostics} == {"SPC005"}


def test_words_of_python_are_names():
    assert list(parsed("lambda + eval").names) == ["lambda", "eval"]


def test_depth_and_length_are_bounded():
    for text in ("(" * 400 + "1" + ")" * 90, "-" * 400 + "1", "**".join(["1"] * 150), "1+" * 300 + "1"):
        with pytest.raises(SpecError, match=r"at most \d+"):
            parsed(text)
    assert value("(" * 25 + "1" + ")" * 25) == 1
    assert value("+".join("1" * 250)) == 250


def test_places():
    unknown = wrong("conv 4*widht kernel=3", top="hparams: {width: 8}\n")
    assert at(unknown) == (5, 12)
    assert marked(unknown) == "widht"
    assert unknown.help == "did you mean `width`?"
    function = wrong("conv 4*sin(2) kernel=3")
    assert (at(function), marked(function)) == ((4, 12), "sin")
    zero = wrong("conv 64 kernel=3 stride=1//(2-2)")
    assert (at(zero), marked(zero)) == ((4, 29), "1//(2-2)")
    assert "division by zero" in zero.message


@each(
    [
        ("(64", "a `(` is not closed"),
        ("64)", "a `)` has no `(`"),
        ("(3,n)", "a size is written 3x5"),
        ("2:5", "`slice 2 end=5`"),
    ]
)
def test_help(text, help):
    assert help in wrong(f"conv 8 kernel={text}").help


def test_cin_is_channels_or_features():
    assert params("conv 8 kernel=1 bias=false", "conv cin kernel=3 groups=cin bias=false") == 24 + 72
    assert shape("linear 4*cin", input="[5, 16]") == [5, 64]
    assert shape("flatten", "linear cin//4") == [768]
    assert shape("[relu, conv 2*cin kernel=1]") == [6, 32, 32]


def test_cin_of_an_open_layout():
    said = wrong("add: [input, input]", "b cin", top="blocks: {b(n): [scale n]}\n")
    assert said.code == "SHP111"
    assert said.message == "`cin` cannot tell channels from features in [3, 32, 32]"
    assert params("add: [input, input]", "b cin", top="blocks: {b(n): [conv n kernel=1]}\n") == 12


def test_cin_in_a_block_is_the_channels_there():
    top = "blocks:\n  depthwise(k): [conv cin kernel=k groups=cin bias=false]\n"
    assert params("depthwise 3", "conv 8 kernel=1 bias=false", "depthwise 5", top=top) == 27 + 24 + 200


@each([("3x5", [4, 30, 28]), ("(1+2)x5", [4, 30, 28]), ("kx(k+2)", [4, 30, 28]), ("3", [4, 30, 30])])
def test_sizes(size, out):
    if size.startswith("k"):
        size = "(k)x(k+2)"
    assert shape(f"conv 4 kernel={size}", top="hparams: {k: 3}\n") == out


def test_a_size_may_be_an_hparam():
    assert shape("conv 4 kernel=k", top="hparams: {k: 3x5}\n") == [4, 30, 28]
    assert "3x5 is not a number" in wrong("conv 4*k kernel=3", top="hparams: {k: 3x5}\n").message


def test_sizes_that_are_none():
    for size in ("3x", "x3", "3X3", "3×3", "3x3.5", "1x2x3x4x5x6x7x8x9", "3x0", "3x-1", "true"):
        assert wrong(f"conv 4 kernel={size}").code in ("SPC005", "SPC008")


@each(["no", "yes", "True", "1", "on", "~", "null"])
def test_true_and_false_only(text):
    assert wrong(f"conv 4 kernel=3 bias={text}").message == f"`bias` must be true or false, not `{text}`"


def test_read_by_the_type_of_the_key():
    assert shape("conv 017 kernel=3") == [17, 30, 30]
    assert graph("dropout 1e-5").nodes[0].layer.p == 1e-5
    assert wrong("dropout 3:25").message == "not a number or an expression: `3:25`"
    assert shape("conv 8 kernel=3 name=no", "relu from=no") == [8, 30, 30]
    assert refused(spec("conv 8 kernel=3:25"))[0].place.column == 19


def test_fractions():
    assert shape("conv 32*0.5 kernel=3") == [16, 30, 30]
    assert shape("conv 0.1*30 kernel=3") == [3, 30, 30], "rounding errors of floating point do not count"
    said = wrong("conv 3.7 kernel=3")
    assert said.message == "`channels` must be a whole number, not 3.7"
    assert said.help == "write `floor(3.7)` for 3, or `ceil(3.7)` for 4"


@each([("1.4*160", 224), ("(0.1+0.2)*10", 3), ("1.1*10", 11), ("2**52/2", 2**51), ("1.2**2*100", 144)])
def test_what_was_rounded_is_the_whole_number_it_stands_for(expression, channels):
    assert graph(f"linear {expression}", input="[4]").nodes[0].output.shape == (channels,)


@each([1, 3, 8, 1000, 100_000, 2**30 + 1, 2**46 + 1])
def test_how_far_roundings_reach_is_relative_in_small_numbers_as_in_large_ones(whole):
    """16 roundings of its size: 100000.0000000001 is as near to 100,000 as a sum in floating point comes, 8.0000000001 is not."""
    step = math.ulp(float(whole))
    assert graph(f"linear {whole + 8 * step!r}", input="[4]").nodes[0].output.shape == (whole,)
    assert graph(f"linear {whole - 4 * step!r}", input="[4]").nodes[0].output.shape == (whole,)
    for beyond in (whole + 33 * step, whole - 33 * step):
        said = wrong(f"linear {beyond!r}", input="[4]")
        assert said.code == "SPC005"
        assert said.message != f"`features` must be a whole number, not {whole}", "the number said is no whole one"


@each(["(2*10**9+1)/2", "10**17/3", "1000000000001/1000000000000", "2.0**60"])
def test_a_fraction_is_no_whole_number_however_large_it_is(expression):
    said = wrong(f"linear {expression}", input="[4]")
    assert said.code == "SPC005"
    assert said.message.startswith(("`features` is ", "`features` must be "))
