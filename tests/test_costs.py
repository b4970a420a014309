"""Costs: every total is the sum of its rows, whatever is folded, sorted or expanded."""

from __future__ import annotations

import math

from archcalc.cost import Cost, Costs
from archcalc.network.load import load_graph
from archcalc.reports.rows import SORT_KEYS, flat, largest, nested
from tests.each import each

from .cases import shared
from .conftest import SPECS


def add(rows):
    total = Cost()
    for row in rows:
        total += row.cost
    return total


def rows_add_up(costs, rows, expanded):
    assert add(rows) == costs.totals
    assert add(expanded) == costs.totals
    for depth in (1, 2, 3):
        assert add(row for row in nested(costs, depth) if row.level == 0) == costs.totals
    for key in SORT_KEYS:
        assert add(largest(costs, key, 3)) == costs.totals


def a_group_is_its_own_cost_and_what_is_inside(costs):
    for expand in (False, True):
        rows = list(nested(costs, 99, expand))
        for index, row in enumerate(rows):
            inside = []
            for other in rows[index + 1 :]:
                if other.level <= row.level:
                    break
                if other.level == row.level + 1:
                    inside.append(other)
            total = add(inside)
            total += row.own
            assert total == row.cost, row


def ids_are_unique(rows):
    assert len({row.id for row in rows}) == len(rows)


@each(SPECS)
def test_of_specs(path):
    costs = Costs(shared(path.stem))
    rows, expanded = list(flat(costs)), list(flat(costs, expand=True))
    rows_add_up(costs, rows, expanded)
    a_group_is_its_own_cost_and_what_is_inside(costs)
    ids_are_unique(rows)
    ids_are_unique(expanded)
    assert len(expanded) == sum(row.count for row in rows), "expanded copies are counted"


def test_batch_scales_work_and_not_weights():
    one, eight = (Costs(load_graph("specs/resnet18.yaml", batch=batch)).totals for batch in (1, 8))
    assert eight.params == one.params
    assert eight.buffers == one.buffers
    for name in ("macs", "other_flops", "activation_bytes"):
        assert getattr(eight, name) == 8 * getattr(one, name)


def test_activations_are_outputs_and_views_have_none(graph):
    costs = Costs(graph("3, 8, 8", "conv 4 kernel=3", "relu", "flatten", "linear 5", batch=2))
    assert [costs.own(node).activation_bytes for node in costs.layers()] == [4 * 36 * 8, 4 * 36 * 8, 0, 5 * 8]
    assert Costs(costs.graph, dtype="bf16").totals.activation_bytes * 2 == costs.totals.activation_bytes


def test_causal_half_counts_what_a_query_may_see(graph):
    built = graph("10, 16", "attention heads=2 causal=true bias=false")
    dense, half = Costs(built).totals.macs, Costs(built, useful=True).totals.macs
    projections = 4 * 10 * 16 * 16
    assert dense == projections + 2 * 10 * 10 * 16
    assert half == projections + 2 * (10 * 11 // 2) * 16


def test_experts_are_stored_all_and_run_some(graph):
    built = graph("6, 8", "{moe: {experts: 5, top_k: 2, layers: [linear 16, relu, linear 8]}}")
    costs = Costs(built)
    expert = 8 * 16 + 16 + 16 * 8 + 8
    assert costs.totals.params == 5 * expert + 5 * 8
    assert costs.totals.macs == 6 * (2 * (8 * 16 + 16 * 8) + 8 * 5)


def test_numbers_beyond_64_bits_stay_exact(graph):
    built = graph("64", f"linear 64 repeat={10**15}")
    assert Costs(built).totals.params == 10**15 * (64 * 64 + 64)
    assert math.log10(Costs(built).totals.params) > 18
