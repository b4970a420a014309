"""Shrinking: what fails becomes a few layers that fail in the same way, and is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.draw import kept
from tests.draw.case import Case
from tests.draw.checks import Check, Wrong
from tests.draw.session import Session
from tests.draw.shrink import shrink
from tests.draw.spec_data import data, spec

LARGE = """\
model: large
hparams: {h1: 4, h2: 2}
variants: {other: {h1: 6}}
input: {x: [8, 12, 12], y: [5, 8]}
blocks:
  inner(n): [relu, linear n+h2, {residual: [dropout, gelu]}]
layers:
  - conv 4 kernel=3x3 padding=1 stride=2 from=x name=n1
  - {repeat: 3, layers: [relu, {residual: {layers: [conv h1 kernel=1, batchnorm], shortcut: [conv h1 kernel=1]}}]}
  - inner 6 from=y name=n2
  - {add: [prev, [tanh, linear 8 bias=false]]}
output: [n1, n2]
loss: mse
"""


def check(word: str) -> Check:
    """A check that a spec with this word fails, in a graph and not as text alone."""

    def wrong(case: Case) -> Wrong | None:
        pending = list(case.graph().nodes)
        labels = []
        while pending:
            node = pending.pop()
            labels.append(node.label)
            pending += node.children
        return Wrong("it has the word", word) if any(word in label for label in labels) else None

    return Check("word", wrong, lambda case: [case])


@pytest.mark.parametrize(
    ("word", "layers"),
    [
        ("batchnorm", ["batchnorm"]),
        ("bias=false", ["linear 1 bias=false"]),
        ("gelu", ["gelu"]),
        ("linear 8", ["linear 8"]),
    ],
)
def test_one_layer_is_left(word: str, layers: list[str]) -> None:
    small = shrink(check(word), Case(LARGE, 3), "it has the word")
    assert data(small.text)["layers"] == layers
    assert set(data(small.text)) == {"model", "input", "layers"}
    assert small.batch == 1


def test_a_variant_is_made_the_spec_itself() -> None:
    small = shrink(check("conv 6"), Case(LARGE, 2, "other"), "it has the word")
    assert small.variant is None
    assert data(small.text)["layers"] == ["conv 6 kernel=1"]


def test_another_failure_is_not_taken_for_it() -> None:
    real = check("gelu").wrong

    def wrong(case: Case) -> Wrong:
        return real(case) or Wrong("another kind", "")

    small = shrink(Check("gelu", wrong, lambda case: [case]), Case(LARGE), "it has the word")
    assert data(small.text)["layers"] == ["gelu"]


def test_a_spec_is_written_as_it_was_read() -> None:
    text = "model: m\ninput: [4, 6]\nlayers:\n  - rearrange 'a b -> (b a)'\n  - {batchnorm: {eps: 1e-3}, name: yes}\n"
    assert data(spec(data(text))) == data(text)
    assert "eps: 1e-3" in spec(data(text))


def test_what_failed_is_kept_once(tmp_path: Path) -> None:
    case = Case("model: m\ninput: [4]\nlayers:\n  - linear 2\n  - relu\n", 3, None, 12)
    path = kept.keep("saved", case, Wrong("too few bytes", "-8 bytes"), tmp_path)
    assert path is not None
    assert path.name == "saved-linear-relu.yaml"
    assert path.read_text(encoding="utf-8") == f"# saved, seed 12: -8 bytes\n# batch: 3\n{case.text}"
    assert kept.keep("saved", case, Wrong("too few bytes", "-8 bytes"), tmp_path) is None
    assert [(one.batch, one.variant) for one in kept.cases(path)] == [(3, None)]


def test_a_session_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.draw.session.CHECKS", {"word": check("linear")})
    said: list[str] = []
    session = Session(["word"], first=0, seeds=4, folder=tmp_path)
    session.run(said.append)
    assert session.failed["word"] == len(said) >= 1
    assert said[0].splitlines()[0].endswith(": word: linear")
    assert [*tmp_path.glob("word-*.yaml")]
    assert session.summary() == ["seeds 0 to 3", f"word: 4 seeds, {len(said)} failed"]
