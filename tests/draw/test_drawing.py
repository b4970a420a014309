"""What is drawn: the whole language, and the same whatever else there is to draw."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pytest

from archcalc.layers import REGISTRY
from archcalc.layers.activation import ReLU
from archcalc.layers.arguments import Whole
from tests.draw import layers
from tests.draw.choices import Choices
from tests.draw.constructs import CONSTRUCTS, Construct
from tests.draw.draw import draw
from tests.draw.items import Item, walk
from tests.draw.network import Network
from tests.draw.single import single_layer

SEEDS = 25


@pytest.mark.parametrize("op", layers.single_layers())
def test_something_says_how_each_key_is_drawn(op: str) -> None:
    family = Path(layers.__file__).parent / f"{REGISTRY[op].family}.py"
    for name in layers.undrawn(op):
        pytest.fail(
            f"nothing says how to draw `{name}` of `{op}`. Write in {family}:\n\n"
            f'    @key("{name}", of="{op}")\n    def {name}(at: Place) -> object:\n        return at.whole(1, 4)\n'
        )


def test_a_new_key_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class New(ReLU):
        op = "new"
        arguments = {"count": Whole("how many")}

    monkeypatch.setitem(REGISTRY, "new", New)
    assert layers.undrawn("new") == ["count"]


@pytest.mark.parametrize("op", layers.single_layers())
def test_each_layer_is_drawn_with_each_of_its_keys(op: str) -> None:
    first = REGISTRY[op].first
    missing = {name for name, argument in REGISTRY[op].arguments.items() if not layers.is_structure(argument)}
    texts: list[str] = []
    for seed in range(200):
        if (case := single_layer(op, seed)) is not None:
            text = case.text.splitlines()[-1]
            texts.append(text)
            missing -= {name for name in missing if f"{name}=" in text or f"{name}: " in text}
            missing -= {first} if " " in text.strip(" -") else set()
        if len(texts) >= 10 and not missing:
            return
    pytest.fail(f"`{op}` is seldom valid as it is drawn, or never with {missing}: {texts}")


@functools.cache
def as_it_is(seed: int) -> Network:
    """A network of the language as it is; it is drawn once."""
    return draw(seed)


def test_everything_in_the_language_is_drawn() -> None:
    drawn: Counter[object] = Counter()
    used: Counter[str] = Counter()
    missing = [""]
    for seed in range(300):
        network = as_it_is(seed)
        used.update(network.drawn.used)
        for body in (network.items, *(inner for _, inner in network.drawn.blocks.values())):
            for item in walk(body):
                drawn[item.op] += 1
                drawn.update((item.op, key) for key in item.keys)
                used.update(list(item.common))
                used["list as operand"] += any(isinstance(one, list) for one in item.lists())
        if seed % 10 == 9 and not (missing := _missing(drawn, used)):
            return
    pytest.fail("\n".join(missing))


def _missing(drawn: Counter[object], used: Counter[str]) -> list[str]:
    """What of the language is not drawn, or seldom."""
    found = []
    for op, cls in REGISTRY.items():
        alone = op in layers.single_layers()
        keys = [key for key, argument in cls.arguments.items() if not alone or layers.is_structure(argument)]
        for one in (op, *((op, key) for key in keys)):
            if not drawn[one]:
                found.append(f"no construct draws {one}: let one of tests/draw/constructs do it")
    further = (
        "default", "shortcut", "growing", "expression", "variant", "several inputs", "several outputs", "from", "name",
        "repeat", "tie", "loss", "further output", "named copies", "block in a block", "tensor argument", "list as operand",
        "frozen",
    )  # fmt: skip
    return found + [f"{one} is drawn {used[one]} times" for one in (*CONSTRUCTS, *further) if used[one] < 5]


# -- one choice moves no other --------------------------------------------------------------


def specs() -> tuple[list[str], list[set[str]]]:
    networks = [draw(seed) for seed in range(SEEDS)]
    return [one.drawn.spec() for one in networks], [one.tried for one in networks]


def specs_before() -> list[str]:
    """Those of the language as it is."""
    return [as_it_is(seed).drawn.spec() for seed in range(SEEDS)]


def test_a_new_layer_changes_only_networks_that_draw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = specs_before()
    monkeypatch.setitem(REGISTRY, "newlayer", type("New", (ReLU,), {"op": "newlayer"}))
    after, tried = specs()
    changed = [seed for seed in range(SEEDS) if before[seed] != after[seed]]
    assert 0 < len(changed) < SEEDS / 2
    assert all("newlayer" in tried[seed] for seed in changed)


def test_a_new_construct_changes_only_networks_that_draw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = specs_before()
    new = Construct(lambda network, at: network.add(Item("identity")), 1, False, True)
    monkeypatch.setitem(CONSTRUCTS, "new", new)
    after, tried = specs()
    changed = [seed for seed in range(SEEDS) if before[seed] != after[seed]]
    assert 0 < len(changed) < SEEDS
    assert all("new" in tried[seed] for seed in changed)


def test_a_new_key_changes_only_that_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [single_layer("conv", seed) for seed in range(40)]
    monkeypatch.setitem(layers.KEYS, ("conv", "bias"), (lambda at: True, 1.0))
    after = [single_layer("conv", seed) for seed in range(40)]
    for old, new in zip(before, after):
        assert (old is None) == (new is None)
        if old is not None and new is not None:
            words = [set(one.text.replace(",", "").replace("}", "").split()) for one in (old, new)]
            assert words[0] ^ words[1] <= {"bias=true", "bias=false", "bias:", "true", "false", "{conv:", "-", "conv"}


def test_an_option_more_leaves_the_order_of_the_others() -> None:
    for seed in range(50):
        order = Choices(seed).ranked("letter", "abcdef")
        assert [one for one in Choices(seed).ranked("letter", "abcxdef") if one != "x"] == order


def test_weights_say_how_often() -> None:
    picked = Counter(Choices(seed).pick("one", {"a": 3, "b": 1, "c": 0}) for seed in range(400))
    assert 260 < picked["a"] < 340
    assert not picked["c"]


def test_a_seed_draws_the_same_again() -> None:
    assert draw(7).drawn.spec() == draw(7).drawn.spec() != draw(8).drawn.spec()
