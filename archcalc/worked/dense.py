"""Linear layers and embeddings: products of rows with a vector, rows of a table."""

from __future__ import annotations

from typing import Any

from archcalc.layers.dense import Embedding, Linear
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Step,
    filled,
    grid,
    limit,
    listed,
    product_text,
    refuse,
    times_vector,
    works,
    written,
)

_FEATURES, _ROWS = 8, 6


@works(Linear)
def linear(node: Node) -> Example:
    """Each output in turn, for each vector."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    rows = 1
    if layer.is_altered:
        raise refuse(node, "its weight or bias is another", '"linear 2" --input 3')
    for size in x.shape[:-1]:
        rows *= int(size)
    limit(
        node,
        (
            ("features that go in", int(x.shape[-1]), _FEATURES),
            ("features that come out", int(y.shape[-1]), _FEATURES),
            ("vectors", rows, _ROWS),
        ),
        '"linear 2" --input 3',
    )
    values = filled(x.shape)
    weights = {name: filled(shape, 3) for name, shape in layer.params(x).items()}
    bias = weights.get("bias")
    steps: list[Step] = []

    def through(vector: Array, place: tuple[int, ...]) -> Array:
        if isinstance(vector[0], list):
            return [through(one, (*place, index)) for index, one in enumerate(vector)]
        result = times_vector(weights["weight"], vector, bias)
        lines = []
        for index, (row, value) in enumerate(zip(weights["weight"], result)):
            name = f"y[{', '.join(map(str, (*place, index)))}]"
            lines.append(f"{name} = {product_text(row, vector, bias[index] if bias else None)} = {written(value)}")
        at = f"x[{', '.join(map(str, place))}]" if place else "x"
        steps.append(Step(f"{at} = {listed(vector)}", lines=lines))
        return result

    output = through(values, ())
    given = [grid("W", weights["weight"]), *([grid("b", bias)] if bias else [])]
    return Example(given, steps, values, weights, output)


@works(Embedding)
def embedding(node: Node) -> Example:
    """The row of each token."""
    layer: Any = node.layer
    x = node.inputs[0]
    vocabulary, width = (int(size) for size in layer.params(x)["weight"])
    limit(
        node,
        (
            ("tokens in its vocabulary", vocabulary, 2 * _FEATURES),
            ("features", width, _FEATURES),
            ("tokens", int(x.elements), _ROWS),
        ),
        '"embedding 5 dim=3" --input 4',
    )
    table = filled((vocabulary, width), 3)
    steps: list[Step] = []

    def through(shape: tuple[int, ...], place: tuple[int, ...]) -> tuple[Array, Array]:
        if shape:
            both = [through(shape[1:], (*place, index)) for index in range(int(shape[0]))]
            return [ids for ids, _ in both], [rows for _, rows in both]
        token = (3 * sum(place) + 2) % vocabulary
        at = ", ".join(map(str, place))
        steps.append(Step(f"x[{at}] = {token}", lines=[f"y[{at}] = row {token} of W = {listed(table[token])}"]))
        return token, table[token]

    ids, output = through(x.shape, ())
    return Example([grid("W", table)], steps, ids, {"weight": table}, output)
