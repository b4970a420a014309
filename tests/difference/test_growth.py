"""The work of a comparison grows as the networks do, whatever changed in them."""

from __future__ import annotations

from random import Random

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import Source
from archcalc.difference.alignment import align
from archcalc.difference.compare import difference
from archcalc.difference.side import Side
from archcalc.network.load import build_graph
from archcalc.reports.blocks import UNBOUNDED, Page, rendered
from archcalc.reports.difference.report import Report
from archcalc.reports.forms import render
from tests.growth import exponent

# Of work that is linear and a little more; n log n is 1.1 at these sizes.
LINEAR = 1.15


def chain(count):
    return [f"{layer}" for index in range(count) for layer in (f"linear {8 + index % 7}", "relu")]


def few(layers):
    return ["linear 9 bias=false" if index == 4 else layer for index, layer in enumerate(layers)]


def inserted(layers):
    middle = len(layers) // 2
    return [*layers[:middle], "layernorm", "dropout 0.5", *layers[middle:]]


def every_fourth(layers):
    return ["gelu" if index % 4 == 1 else layer for index, layer in enumerate(layers)]


def all_of_them(layers):
    return ["gelu" if layer == "relu" else f"{layer} bias=false" for layer in layers]


def a_tenth_gone(layers):
    rng = Random(1)
    return [layer for layer in layers if rng.random() > 0.1]


def others(layers):
    return ["layernorm", "tanh"] * (len(layers) // 2)


CHANGES = [few, inserted, every_fourth, all_of_them, a_tenth_gone, others]


def costs_of(layers):
    text = "".join(f"  - {layer}\n" for layer in layers)
    return Costs(build_graph(Source("t.yaml", f"model: t\ninput: [8]\nlayers:\n{text}")))


def text(form, report):
    """The report as it goes into a pipe."""
    made = render("difference", form, report)
    return made if isinstance(made, str) else rendered(made, Page(UNBOUNDED))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_comparison(change):
    def make(count):
        return costs_of(chain(count)), costs_of(change(chain(count)))

    def run(networks):
        text("text", Report([difference(*map(Side.of, networks))]))

    assert exponent(make, run, 50) < LINEAR


@pytest.mark.parametrize("tokens", [2, 3, 50])
def test_laying_two_lists_side_by_side(tokens):
    def make(count):
        rng = Random(1)
        return [[rng.randrange(tokens) for _ in range(count)] for _ in range(2)]

    assert exponent(make, lambda lists: align(*lists), 400) < LINEAR


@pytest.mark.parametrize("form", ["text", "csv", "markdown"])
def test_files_of_folders(form):
    """Models of one name are told by their files."""
    networks = [Side.of(costs_of([layer])) for layer in ("relu", "linear 9")]

    def make(count):
        found = [difference(*networks) for _ in range(count)]
        for number, one in enumerate(found):
            one.file = f"{number}.yaml"
        return Report(found, folders=True)

    assert exponent(make, lambda report: text(form, report), 16) < LINEAR
