"""Expressions for numbers that differ between the instances of a class.

A class is written once for all calls of a block. A number that is equal in all of them stays a number; one that
differs becomes an expression of the constructor's parameters with the right value for every instance, or a parameter
of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from archcalc.layers.code import Written
from archcalc.quoting import python_string

Vector = tuple[object, ...]

# Larger divisors that leave remainders are taken for a coincidence.
_SMALL = 8


class Parameters:
    """The parameters of a class being written, with their value in each instance.

    Args:
        known: numbers that the class may compute with; they become parameters when they are used.
        taken: names that no parameter may have.
    """

    def __init__(self, known: dict[str, Vector], taken: Collection[str] = ()) -> None:
        self.known = {name: vector for name, vector in known.items() if name not in taken}
        self.taken = taken
        self.used: dict[str, Vector] = {}

    def express(self, values: Sequence[object], name: str) -> str:
        """Source for a number with these `values`; `name` is used if it becomes a parameter of its own."""
        vector = tuple(values)
        if all(value == vector[0] and type(value) is type(vector[0]) for value in vector):
            return literal(vector[0])
        found = self._fit(vector)
        if found:
            return found
        own, index = name, 2
        while own in self.known or own in self.taken:
            own, index = f"{name}{index}", index + 1
        self.known[own] = self.used[own] = vector
        return own

    def count(self, values: Sequence[int], name: str) -> str:
        """As `express`, for a number of copies, which may also be one less than a known number."""
        vector = tuple(values)
        if len(set(vector)) > 1 and vector not in self.known.values():
            more = tuple(value + 1 for value in vector)
            found = next((known for known, numbers in self.known.items() if numbers == more), None)
            if found:
                self.used[found] = more
                return f"{found} - 1"
        return self.express(values, name)

    @property
    def names(self) -> list[str]:
        """The parameters in use, in the order in which they became known."""
        return [name for name in self.known if name in self.used]

    def _fit(self, vector: Vector) -> str | None:
        for name, known in self.known.items():
            if known == vector and all(type(a) is type(b) for a, b in zip(known, vector)):
                self.used[name] = known
                return name
        if not all(type(value) is int for value in vector):
            return None
        for name, known in self.known.items():
            numbers = [value for value in known if type(value) is int and value > 0]
            if len(numbers) != len(vector):
                continue
            pairs = list(zip(vector, numbers))
            factor = pairs[0][0] // pairs[0][1]  # type: ignore[operator]
            if factor > 1 and all(value == factor * number for value, number in pairs):
                self.used[name] = known
                return f"{factor} * {name}"
            divisor = _divisor(pairs)  # type: ignore[arg-type]
            if divisor is not None:
                self.used[name] = known
                return f"{name} // {divisor}"
        return None


def _divisor(pairs: list[tuple[int, int]]) -> int | None:
    """A d > 1 with number // d = value in every pair, without remainders or small; None if there is none."""
    if any(value < 0 for value, _ in pairs) or not any(value for value, _ in pairs):
        return None
    # number // d = value for number / (value + 1) < d <= number / value
    least = max(2, *(number // (value + 1) + 1 for value, number in pairs))
    most = min(number // value for value, number in pairs if value)
    if least > most:
        return None
    if all(number % most == 0 for _, number in pairs):
        return most
    return least if least <= _SMALL else None


def literal(value: object) -> str:
    """A value as Python source, its exponent written as a formatter would."""
    if isinstance(value, tuple):
        return f"({', '.join(literal(one) for one in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, str):
        return python_string(value)
    return repr(value).replace("e+", "e")
