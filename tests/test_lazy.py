"""What is computed when it is first read, and what is not computed at all."""

from __future__ import annotations

from archcalc.lazy import lazy
from archcalc.prediction.estimate import NOTHING, Estimate, each_total


def test_a_lazy_property_is_computed_once() -> None:
    computed = []

    class Example:
        @lazy
        def size(self) -> int:
            """A size."""
            computed.append(self)
            return len(computed)

    one, other = Example(), Example()
    assert (one.size, one.size, other.size, one.size) == (1, 1, 2, 1)
    assert computed == [one, other]
    assert Example.size.__doc__ == "A size."


def test_nothing_adds_nothing() -> None:
    one = Estimate(2.0, 1.0, 3.0, {"datasheet": 2.0}, {"memory": 2.0})
    idle = Estimate(0.0, 0.0, 1.0, {"datasheet": 0.0}, {"launch": 0.0})
    assert one + NOTHING is one
    assert NOTHING + one is one
    assert (one + idle).high == 4.0
    assert (idle + one).bounds == {"launch": 0.0, "memory": 2.0}
    assert each_total({1: [one], 2: [one, one]}) == {1: one, 2: one.times(2)}
