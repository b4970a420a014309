"""Layers that move elements, and those that take some of them."""

from __future__ import annotations

from archcalc.layers.tensor import Tensor
from tests.draw.layers import fits, key, often
from tests.draw.layers.place import Place

often(2, "rearrange", "mean", "select", "slice")


@key("start", of="flatten")
def start(at: Place) -> object:
    return at.whole(0, at.rank - 1)


@key("end", of="flatten")
def end(at: Place) -> object:
    return at.whole(at["start"] or 0, at.rank - 1)


@key("pattern", of="rearrange")
def pattern(at: Place) -> object:
    if at.rank > 1 and at.chance(0.2):
        return at.pick("'a ... -> ... a'", "'... a -> a ...'", "'a ... -> a (...)'", "'a ... -> 1 ... a'")
    names = list("abdefghi"[: at.rank])
    if at.x.layout is not None and at.chance():
        names[at.x.feature_axis] = "c"
    left, right = list(names), list(names)
    even = [axis for axis in range(at.rank) if at.shape[axis] % 2 == 0]
    if even and at.chance(0.4):
        split = at.rng.choice(even)
        left[split] = f"(s {left[split]})"
        right.append("s")
        at.free("s", 2)
    at.rng.shuffle(right)
    if len(right) > 2 and (len(right) > 4 or at.chance()):
        first = at.whole(0, len(right) - 2)
        right[first : first + 2] = [f"({right[first]} {right[first + 1]})"]
    if at.chance(0.2):
        right.insert(at.whole(0, len(right)), "1")
    return f"'{' '.join(left)} -> {' '.join(right)}'"


@key("shape", of="reshape")
def shape(at: Place) -> object:
    rest, sizes = int(at.x.elements), []
    for _ in range(at.whole(1, 3)):
        sizes.append(at.divisor(rest))
        rest //= sizes[-1]
    sizes.insert(at.whole(0, len(sizes)), -1 if at.chance() else rest)
    return "x".join(map(str, sizes))


@fits("transpose", "select")
def has_axes(x: Tensor) -> bool:
    return x.rank > 1


@key("axes", of="transpose", chance=0.6)
def two_axes(at: Place) -> object:
    return f"{at.axis()}x{at.axis()}"


@key("shift", of="roll")
def shift(at: Place) -> object:
    return "x".join(str(at.whole(-3, 3)) for _ in range(at.whole(1, min(2, at.rank))))


@key("axes", of="roll", chance=0.7)
def rolled(at: Place) -> object:
    return "x".join(map(str, at.rng.sample(range(at.rank), str(at["shift"]).count("x") + 1)))


@key("axis", of=("select", "slice", "split", "softmax", "logsoftmax", "layerscale", "rmsnorm"), chance=0.7)
def axis(at: Place) -> object:
    return at.axis()


@key("axis", of="gather")
def gathered(at: Place) -> object:
    return at.axis()


@key("index", of="select")
def index(at: Place) -> object:
    size = at.shape[at["axis"] or 0]
    return at.whole(-size, size - 1)


@key("start", of="slice", chance=0.6)
def first(at: Place) -> object:
    size = at.shape[at["axis"] or 0]
    return at.whole(-size, size - 1)


@key("end", of="slice", chance=0.6)
def after_last(at: Place) -> object:
    return at.whole(1, at.shape[at["axis"] or 0])


@key("step", of="slice", chance=0.3)
def step(at: Place) -> object:
    return at.whole(1, 3)


@key("shape", of="expand")
def expanded(at: Place) -> object:
    sizes = [at.pick(2, 3) if size == 1 else at.pick(-1, size) for size in at.shape]
    return "x".join(map(str, [at.whole(1, 3), *sizes] if at.rank < 4 and at.chance() else sizes))


@key("sizes", of="split", chance=0.25)
def sizes(at: Place) -> object:
    whole = at.shape[at["axis"] or 0]
    first = at.whole(1, max(1, whole - 1))
    return "x".join(map(str, at.pick([first, -1], [first, whole - first], [whole]))) if whole > 1 else None


@key("parts", of="split", chance=1)
def parts(at: Place) -> object:
    return None if at["sizes"] else at.divisor(min(12, at.shape[at["axis"] or 0]))


@key("axis", of="mean", chance=0.8)
def mean_axis(at: Place) -> object:
    return "x".join(map(str, at.rng.sample(range(at.rank), at.whole(1, min(2, at.rank)))))


@key("times", of="tile")
def times(at: Place) -> object:
    return "x".join(str(at.pick(1, 2)) for _ in range(at.rank))


@key("axis", of=("flip", "max", "min", "sum", "var", "std", "norm", "logsumexp"), chance=0.8)
def several_axes(at: Place) -> object:
    return "x".join(map(str, at.rng.sample(range(at.rank), at.whole(1, min(2, at.rank)))))


@key("k", of="topk")
def k(at: Place) -> object:
    return at.whole(1, min(at.shape[at["axis"] if at["axis"] is not None else -1], 3))


@key("axis", of=("argmax", "argmin", "cumsum", "normalize", "topk"), chance=0.8)
def one_axis(at: Place) -> object:
    return at.axis()


@key("correction", of=("var", "std"))
def correction(at: Place) -> object:
    return at.whole(0, 2)
