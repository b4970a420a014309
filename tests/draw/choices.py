"""Choices drawn from a seed, each by a generator of its own, so that one more choice moves no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """A place in a tree of choices; `choices / "name"` is the place of that name inside it."""

    def __init__(self, seed: int, path: str = "") -> None:
        self.seed = seed
        self.path = path

    def __truediv__(self, name: object) -> Choices:
        return type(self)(self.seed, f"{self.path}/{name}")

    def random(self, name: object = "") -> Random:
        """The generator of the choice `name`."""
        return Random(f"{self.seed}{self.path}/{name}")

    def chance(self, name: str, probability: float) -> bool:
        return self.random(name).random() < probability

    def whole(self, name: str, least: int, most: int) -> int:
        return self.random(name).randint(least, most)

    def ranked(self, name: str, options: Iterable[T] | Mapping[T, float]) -> list[T]:
        """The options in a drawn order, heavier ones rather early.

        Every option draws its own rank: one that comes or goes leaves the order of the others.
        """
        weights = options if isinstance(options, Mapping) else dict.fromkeys(options, 1.0)
        ranks = {
            option: self.random(f"{name}/{option}").random() ** (1 / weight)
            for option, weight in weights.items()
            if weight
        }
        return sorted(ranks, key=ranks.__getitem__, reverse=True)

    def pick(self, name: str, options: Iterable[T] | Mapping[T, float]) -> T:
        return self.ranked(name, options)[0]

    def given(self, probability: float = 0.4, **values: object) -> dict[str, object]:
        """Each of the values with some chance."""
        return {name: value for name, value in values.items() if self.chance(name, probability)}
