"""A fixed number of drawn networks for each check, and all that ever failed one.

`python -m tests.draw` draws others, for as long as one likes.
"""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from archcalc.layers import REGISTRY
from tests.draw import kept
from tests.draw.case import Case
from tests.draw.checks import CHECKS, Skipped
from tests.draw.draw import case
from tests.draw.layers import single_layers
from tests.draw.session import check_seed
from tests.draw.single import single_layer
from tests.layers.oracle import TIMES

# How many networks each check draws; few, as CI waits for them.
SEEDS = 5 * TIMES
_CHUNK = 5


@pytest.mark.parametrize("first", range(0, SEEDS, _CHUNK))
def test_drawn_networks(first: int) -> None:
    skipped: Counter[str] = Counter()
    for seed in range(first, first + _CHUNK):
        checked = check_seed(seed, [*CHECKS], shrinking=False)
        skipped.update(checked.skipped)
        for failure in checked.failures:
            pytest.fail(f"{failure.check}, seed {seed}: {failure.wrong.detail}\n{failure.case.text}")
    del skipped["include"]  # most have no blocks
    assert not skipped or max(skipped.values()) <= 4, skipped


@pytest.mark.parametrize("op", single_layers())
def test_single_layers(op: str) -> None:
    cases = (one for seed in range(60) if (one := single_layer(op, seed)) is not None)
    drawn = [*itertools.islice(cases, 2 * TIMES)]
    computes = ("saved", "build") if not REGISTRY[op].declared else ()
    for check in ("verify", "closed-forms", "explain", *computes):
        done = 0
        for one in drawn:
            if done == (1 if check == "closed-forms" else TIMES):
                break
            try:
                wrong = CHECKS[check](one)
            except Skipped:
                continue
            assert wrong is None, f"{check}: {wrong}\n{one.text}"
            done += 1
        assert done, check


def checks_of(file: Path) -> list[str]:
    """The check that a kept spec failed, and whether it is built; all for those that more than one did."""
    own = [check for check in CHECKS if file.stem.startswith(f"{check}-")]
    return [*own, *{"verify"}.difference(own)] if own else [*CHECKS]


@pytest.mark.parametrize(
    ("file", "check"),
    [pytest.param(file, check, id=f"{file.stem}-{check}") for file in kept.files() for check in checks_of(file)],
)
def test_what_once_failed(file: Path, check: str) -> None:
    for one in kept.cases(file):
        one.graph()  # a spec that is no longer valid checks nothing
        try:
            wrong = CHECKS[check](one)
        except Skipped:
            continue
        assert wrong is None, one.text


def test_a_wrong_value_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.draw.interpreter import Interpreter

    assert CHECKS["build"](case(0)) is None
    real = Interpreter._evaluate
    monkeypatch.setattr(Interpreter, "_evaluate", lambda self, *given: -real(self, *given))
    found = CHECKS["build"](case(0))
    assert found is not None
    assert found.kind == "outputs"


def test_a_wrong_count_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(seed for seed in range(100) if "linear" in case(seed).text)
    monkeypatch.setattr(REGISTRY["linear"], "macs", lambda self, y, *inputs: 0)
    (failure,) = check_seed(seed, ["verify"]).failures
    assert failure.wrong.kind == "FLOPs"
    assert "linear" in failure.case.text
    assert failure.case.text.count("\n") <= 5


def test_a_gradient_that_rounding_decides_is_seen() -> None:
    from archcalc.pytorch.instance import example_inputs, instantiate
    from tests.draw.checks.build import flat, gradients, rounding_decides
    from tests.draw.interpreter import Interpreter

    text = """
model: drawn
input: [4]
layers:
  - {add: [prev, prev, prev, prev, prev, prev, prev], name: sevenfold}
  - linear 4 from=input name=beside
  - scale 7 from=input
  - {sub: [prev, sevenfold]} # 0, but for rounding
  - [square, scale -1, log]  # not a number, and 1/x behind it
  - {add: [prev, beside]}
"""
    graph = Case(text).graph()
    module = instantiate(graph).double()
    inputs = [x.double().requires_grad_() for x in example_inputs(graph)]
    found = gradients(flat(Interpreter(graph, module).run(*inputs)), module, inputs)
    assert rounding_decides(graph, module, inputs, found, "input 0")
    assert not rounding_decides(graph, module, inputs, found, "beside.weight")
