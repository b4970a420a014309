"""Ids: no two layers of a network share one, whatever its blocks and layers are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import archcalc

# Blocks called as the program would number or mend a name.
BLOCKS = ["a", "a1", "a2", "a1_", "a_", "mb", "mb1"]
ITEMS = st.sampled_from([*BLOCKS, "relu", "relu6", "linear 4", "relu name=relu2", "relu name=a1", "relu name=train_"])


def ids(items: list[str]) -> list[str]:
    blocks = ", ".join(f"{name}: [tanh]" for name in BLOCKS)
    text = f"{{model: m, input: [4], blocks: {{{blocks}}}, layers: [{', '.join(items)}]}}"
    return [layer.id for layer in archcalc.loads(text).layers]


@given(
    st.lists(ITEMS, min_size=1, max_size=12).filter(lambda items: all(items.count(i) < 2 for i in items if "=" in i))
)
def test_no_two_layers_share_an_id(items: list[str]) -> None:
    found = ids(items)
    assert len(found) == len(items)
    assert len(set(found)) == len(found)


def test_a_numbered_name_gives_way_to_one_that_is_spelt_so() -> None:
    assert ids(["mb1", "mb", "mb"]) == ["mb1.tanh", "mb2.tanh", "mb3.tanh"]
    assert ids(["relu", "relu", "relu6", "relu name=relu2"]) == ["relu1", "relu3", "relu6", "relu2"]


def test_a_number_after_a_digit_stands_apart() -> None:
    assert ids(["relu6", "relu6"]) == ["relu6_1", "relu6_2"]
    assert ids(["relu6", "linear 4"]) == ["relu6", "linear"]
