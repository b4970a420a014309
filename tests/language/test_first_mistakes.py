"""What people write on their first day is told what to write instead, once, and not what follows from it."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import SpecError
from archcalc.network.load import build_graph
from archcalc.source import decode
from tests.each import each

LAYERS = {
    "conv 8 kernel=3 padding=2x1x0x1": "`pad before=2x0 after=1x1` before it",
    "lstm 8 batch_first=true": "the batch has no axis here: leave it out",
    "last": "`select -1` takes the last position",
    "posembed encoding": "leave it out; its keys are kind, length",
    "concat a": "it is `concat: [prev, a]`",
    "concat: [a]": "it is `concat: [prev, a]`",
    "residual: [conv 16 kernel=1]": "it stands beside `layers:`",
    "residual: [relu, shortcut: [relu]]": "it stands beside `layers:`",
    "view(-1, 128)": "write `reshape 128`",
    "reshape(-1, 128)": "write `reshape 128`",
    "conv 8 kernel=3×3": "write `3x3`",
    "conv “8” kernel=3": "write `8`",
    "conv 2·8 kernel=3": "write `2*8`",
    "conv 8² kernel=3": "e.g. 64, 0.5, width or 2*width",
    "linear 8 colour": "write key=value; `archcalc layer linear` lists the keys",
}
INPUTS = {
    "8": "write `[8]`",
    "3x32x32": "write `[3, 32, 32]`",
    "(784,)": "write `[784]`",
    "[3x32x32]": "write `3, 32, 32`",
    "[３, 32, 32]": "write `3`",
    "{x: 8}": "write `[8]`",
    "[None, 3, 32, 32]": "write `[3, 32, 32]`",
    "[32, 32, 3]": "an image of 32×32 is [3, 32, 32]",
    "[16, 3, 32, 32]": "an image of 32×32 is [3, 32, 32]",
}
WHOLE = {
    "model: m\ninputs: {x: [8]}\nlayers: [linear 8 from=x]\n": "write `input`",
    "model: m\ninput_shape: [8]\nlayers: [linear 8]\n": "write `input`",
    "model: m\ninput: [8]\nlayers:\n  - linear 3\n   - relu\n": "its `- ` starts in the column of the one above",
    "model: m\ninput: [8]\nlayers:\n  – linear 3\n  – relu\n": "write `- linear 3`, with a hyphen and a space",
    "model: m\ninput: [8]\nlayers:\n  - linear 3\n  -relu\n": "write `- relu`, with a hyphen and a space",
    "model: m\ninput: [8]\nlayers:\n  * relu\n": "write `- relu`, with a hyphen and a space",
    "model: m\ninput: [8]\nlayers:\n  - linear 3\n - relu\n": "start this `- ` in column 3",
    "model: m\ninput: [8]\nlayers:\n  - residual:\n      - relu\n    - relu\n": "in column 7 or 3",
    "model: m\ninput: [8]\nlayers:\n  - repeat: 2\n    c: [8, 9]\n    layers: [linear c]\n": "`repeat: {c: [8, 9]}`",
    "model: m\ninput: [8]\nlayers: [linear 8]\nbudget: 40M\n": "e.g. {params: 25M}",
    "model: m\ninput: [8]\nlayers: [linear 8]\nbudget: {params: 40MB}\n": "write `40M`",
    "model: m\ninput: [8]\nlayers: [linear 8]\nbudget: {parameters: 40M}\n": "write `params`",
    "model: m\ninput: [8]\nlayers: [linear 8]\nbudget: {growth: 5%}\n": "a key of its own",
    "model: m\ninput: [8]\nlayers: [linear 8]\ngrowth: 5%\n": "e.g. {params: 5%}",
    "model: m\ninclude: [none.yaml]\ninput: [8]\nlayers: [two 3, two 4]\n": "relative to the file that includes them",
}


def _told(text: str, help: str) -> None:
    with pytest.raises(SpecError) as error:
        build_graph(decode("t.yaml", text.encode()))
    (only,) = error.value.diagnostics
    assert help in str(only.help)


@each(LAYERS)
def test_layers(line: str) -> None:
    _told(f"model: m\ninput: [3, 8, 8]\nlayers:\n  - identity name=a\n  - {line}\n", LAYERS[line])


@each(INPUTS)
def test_inputs(sizes: str) -> None:
    _told(f"model: m\ninput: {sizes}\nlayers: [conv 8 kernel=5]\n", INPUTS[sizes])


@each(WHOLE)
def test_whole(text: str) -> None:
    _told(text, WHOLE[text])
