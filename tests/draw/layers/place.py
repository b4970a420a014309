"""Where the value of one key is drawn: the tensor before the layer, its other keys, and a generator."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from archcalc.layers.arguments import Argument, Factors, Flag, Letters, Number, Size, Word, Words
from archcalc.layers.problem import ValueProblem
from archcalc.layers.tensor import Tensor


class Keys(Protocol):
    """The keys of the layer, drawn when they are asked for."""

    x: Tensor
    free: dict[str, object]

    def __getitem__(self, name: str) -> object: ...


class Place:
    """Where a value is drawn: `at[name]` is another key of the layer, None where it is not given."""

    def __init__(self, keys: Keys, argument: Argument, rng: Random) -> None:
        self.keys, self.argument, self.rng = keys, argument, rng
        self.x = keys.x
        self.shape = tuple(int(size) for size in keys.x.shape)
        self.rank = len(self.shape)

    def __getitem__(self, name: str) -> Any:
        return self.keys[name]

    def free(self, name: str, value: object) -> None:
        """Give a key that the layer names freely."""
        self.keys.free[name] = value

    def chance(self, probability: float = 0.5) -> bool:
        return self.rng.random() < probability

    def whole(self, least: int, most: int) -> int:
        return self.rng.randint(least, most)

    def pick(self, *options: object) -> object:
        return self.rng.choice(options)

    def divisor(self, number: int) -> int:
        return self.rng.choice([d for d in range(1, number + 1) if number % d == 0])

    def axis(self) -> int:
        return self.rng.randint(-self.rank, self.rank - 1)

    def size(self, least: int, most: int, axes: int | None = None) -> str:
        """One size for all axes, by default all but the first, or one for each."""
        axes = self.rank - 1 if axes is None else axes
        count = 1 if self.chance() else max(1, axes)
        return "x".join(str(self.whole(least, most)) for _ in range(count))


def _flag(at: Place) -> object:
    return at.chance()


def _word(at: Place) -> object:
    assert isinstance(at.argument, Word)
    return at.pick(*at.argument.choices)


def _letters(at: Place) -> object:
    assert isinstance(at.argument, Letters)
    letters = at.argument.letters
    return at.pick(True, False, "".join(at.rng.sample(letters, at.whole(1, len(letters)))))


def _words(at: Place) -> object:
    assert isinstance(at.argument, Words)
    return at.pick(True, False, *at.argument.words)


def _number(at: Place) -> object:
    """One of a few numbers that are in the range."""

    def allowed(text: str) -> bool:
        try:
            at.argument.coerce(float(text))
        except ValueProblem:
            return False
        return True

    return at.pick(*(text for text in ("0.25", "0.5", "2", "1e-3", "-1.5", "3") if allowed(text)))


def _size(at: Place) -> object:
    assert isinstance(at.argument, Size)
    words = at.argument.words
    return at.pick(*words) if words and at.chance(0.3) else at.size(at.argument.min, at.argument.min + 2)


def _factors(at: Place) -> object:
    return at.pick("2", "1", "1.5", "x".join(str(at.pick(1, 2, 1.5)) for _ in range(at.rank - 1)))


# How the values of a kind are drawn where nothing else is said.
DRAWN_BY_KIND: dict[type[Argument], Callable[[Place], object]] = {
    Flag: _flag,
    Word: _word,
    Letters: _letters,
    Words: _words,
    Number: _number,
    Size: _size,
    Factors: _factors,
}
