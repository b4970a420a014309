"""A fixed number of drawn networks for each check, and all that ever failed one.

`python -m tests.draw` draws others, for as long as one likes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from archcalc.layers import REGISTRY
from tests.draw import kept
from tests.draw.checks import CHECKS, Skipped
from tests.draw.draw import case
from tests.draw.layers import single_layers
from tests.draw.session import check_seed
from tests.draw.single import single_layer

# How many networks a check draws; few, as CI waits for them.
SEEDS = {"advice": 30, "build": 60, "closed-forms": 20, "fixes": 20, "include": 40, "saved": 20, "verify": 60}
_CHUNK = 10


@pytest.mark.parametrize(
    ("check", "first"), [(check, first) for check in SEEDS for first in range(0, SEEDS[check], _CHUNK)]
)
def test_drawn_networks(check: str, first: int) -> None:
    skipped = 0
    for seed in range(first, min(first + _CHUNK, SEEDS[check])):
        checked = check_seed(seed, [check], shrinking=False)
        skipped += bool(checked.skipped)
        for failure in checked.failures:
            pytest.fail(f"seed {seed}: {failure.wrong.detail}\n{failure.case.text}")
    assert skipped <= (_CHUNK if check == "include" else 2)


@pytest.mark.parametrize("op", single_layers())
@pytest.mark.parametrize("check", ["saved", "verify", "build", "closed-forms"])
def test_single_layers(check: str, op: str) -> None:
    drawn = [one for seed in range(60) if (one := single_layer(op, seed)) is not None][
        : 1 if check == "closed-forms" else 3
    ]
    done = 0
    for one in drawn:
        try:
            wrong = CHECKS[check](one)
        except Skipped:
            continue
        assert wrong is None, one.text
        done += 1
    assert done


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
