"""A value that is computed once for all numbers that decide alike is that of each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archcalc.cases import Cases
from archcalc.diagnostics import Findings, SpecError
from archcalc.network.load import graph_of, load_graph


@pytest.mark.parametrize("spec", ["yolov8", "vqvae", "deeplabv3"])
def test_what_building_gives(spec: str) -> None:
    graph = load_graph(f"specs/{spec}.yaml")
    built = []

    def outcome(more: int) -> str:
        built.append(more)
        inputs = {
            name: (sizes[0], *(int(size) + more for size in sizes[1:])) for name, sizes in graph.settings.inputs.items()
        }
        settings = graph.settings.with_inputs(inputs)
        try:
            made = graph_of(graph.document, graph.steps, settings, 1, Findings())
        except SpecError as error:
            return error.diagnostics[0].code
        return f"{len(made.nodes)} nodes"

    cases = Cases(outcome)
    sizes = (1, 2, 3, 5, 8, 16, 32, 48)
    found = {more: cases.of(more) for more in sizes}
    once = len(built)
    assert found == {more: outcome(more) for more in sizes}
    assert once < len(sizes)


def remainders(number: int) -> str:
    return "even" if number % 2 == 0 else "odd"


def steps(number: int) -> int:
    """How often it is halved, rounded up, until it is small."""
    count = 0
    while number > 3:
        number, count = -(-number // 2), count + 1
    return count


def powers(number: int) -> bool:
    return number**2 - 3 * number + 2 <= max(number, 7) * 2


@pytest.mark.parametrize("compute", [remainders, steps, powers])
@pytest.mark.parametrize("first", [1, 6, 40])
def test_comparisons_of_all_that_is_computed(compute: Callable[[int], object], first: int) -> None:
    cases = Cases(compute)
    cases.of(first)
    assert [cases.of(number) for number in range(1, 60)] == [compute(number) for number in range(1, 60)]


def test_what_cannot_be_traced_is_computed() -> None:
    cases = Cases(lambda number: round(number / 3))
    assert [cases.of(number) for number in (5, 7, 10)] == [2, 2, 3]
