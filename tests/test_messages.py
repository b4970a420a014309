"""Every error says what to do: its place in the code gives a help, or what may have been meant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from archcalc.diagnostics import SpecError
from archcalc.network.load import build_graph
from archcalc.source import decode
from tests.conftest import ROOT

# The keywords of calls that say what to do; the help is the fourth argument where it has no name.
HELP = {"help", "changes"}
_CODE = re.compile(r"(SPC|SHP)\d{3}")


def without_help(text: str) -> Iterator[int]:
    """The lines of calls that begin with the code of an error, and give no help."""
    if not _CODE.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or len(node.args) < 2 or ast.unparse(node.func) == "rule":
            continue
        codes = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
        if not any(isinstance(code, str) and _CODE.fullmatch(code) for code in codes):
            continue
        given = [*node.args[3:4], *(one.value for one in node.keywords if one.arg in HELP)]
        if not any(not isinstance(one, ast.Constant) or one.value for one in given):
            yield node.lineno


def test_every_error_has_help() -> None:
    files = {file: [*without_help(file.read_text(encoding="utf-8"))] for file in (ROOT / "archcalc").rglob("*.py")}
    assert {str(file.relative_to(ROOT)): lines for file, lines in files.items() if lines} == {}


def test_an_error_without_help_is_found() -> None:
    assert [*without_help('fail("SPC001", "wrong", place)\nfail("SPC001", "wrong", place, "right")')] == [1]
    assert [*without_help('ShapeError("SHP101", "wrong", help="right")\nShapeError("SHP101", "wrong", "axis")')] == [2]
    assert [*without_help('self.fail("SHP101", what, place, None, notes)')] == [1]


# A line after [4, 6, 8] channels first, and a part of the help that it gets.
HELPED = {
    "conv 8 kernel=3 stride=0": "`stride`: step between two windows; default 1",
    "dropout 1.5": "`p`: probability of zero; default 0.5",
    "conv 8 kernel=3 bias=maybe": "`bias`: add a learned number to each output channel; default true",
    "{conv: {channels: {a: 1}, kernel: 3}}": "`channels`: output channels",
    "reshape -1x-1": "give all but one as numbers; [4, 6, 8] has 192 elements",
    "flatten start=2 end=1": "write `start=1 end=2`, giving [4, 48]",
    "expand -1x4x6x8": "the last 3 sizes are of the axes of [4, 6, 8], those before are new",
    "slice 5 axis=0": "`start` is from 0 to 3, and `end` after it",
    "hardtanh low=1 high=0": "values outside are cut off",
    "mean 1x1": "they are 1, 1",
    "pixelshuffle 3": "the layer before gives a multiple of 9 channels",
    "expand 3": "a size for each axis",
    "add: [prev, 3]": "`offset 3` adds a number to each element",
    "rearrange c h w -> h w c": "write `rearrange 'c h w -> h w c'`",
    "[conv 3 kernel=3] repeat=2": "write `{repeat: 2, layers: [conv 3 kernel=3]}`",
    "residual: [relu] name=x": "write `{residual: [relu], name: x}`",
    "[relu, gelu] name=x": "these keys stand on a layer of the list",
    "conv 3 kernel=3: 5": "a key has one value",
    "conv max(8) kernel=3": "e.g. max(20, 8)",
    "conv round(8, 9) kernel=3": "e.g. round(7/2)",
    "conv 10**400 kernel=3": "numbers are real and below 10^30",
    "conv 1e400 kernel=3": "numbers are real and below 10^30",
    "conv 8/0 kernel=3": "divide by something that is not 0",
    "conv 8&9 kernel=3": "e.g. 64, 0.5, width or 2*width",
    "{linear: {features: 4}, name: own, tie: own}": "`own` is this layer itself",
    "reshape 1x1x1x1x1x1x1x1x192": "one size does for all axes",
    "{einsum: {equation: 'aab->ab', operands: [prev]}}": "a letter of its own",
    "{einsum: {equation: 'abc->d', operands: [prev]}}": "an axis of the result is one of an operand: a, b, c",
    "{einsum: {equation: 'ab->a', operands: [prev]}}": "a letter for each axis",
}


@pytest.mark.parametrize("line", HELPED)
def test_help(line: str) -> None:
    text = f"model: m\ninput: [4, 6, 8]\nlayers:\n  - batchnorm\n  - {line}\n"
    with pytest.raises(SpecError) as caught:
        build_graph(decode("m.yaml", text.encode()))
    assert HELPED[line] in caught.value.diagnostics[0].help, caught.value.diagnostics[0].help
