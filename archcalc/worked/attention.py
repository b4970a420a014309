"""Attention: queries, keys and values, the scores of each query, their softmax, and the weighted sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from archcalc.layers.attention import Attention
from archcalc.layers.scores import Scored
from archcalc.layers.sdpa import SDPA
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.records import NamedTuple
from archcalc.worked.example import (
    Array,
    Cell,
    Example,
    Grid,
    Step,
    dot,
    grid,
    learned,
    limit,
    listed,
    operands,
    refuse,
    times_vector,
    works,
    written,
)
from archcalc.worked.functions import softmax
from archcalc.worked.positions import alibi_slopes, biases, turn, turning

_POSITIONS, _WIDTH, _HEADS = 5, 8, 3
_INSTEAD = '"attention heads=2" --input 3x4'
# What comes after the keys and values of the positions, by `bias_kv` and `zero_attn`.
_MORE = {
    (True, False): "after them a learned key and value, which no mask hides",
    (False, True): "after them a key and a value of zeros, which no mask hides",
    (True, True): "after them a learned key and value, then those of zeros; no mask hides them",
}


@works(Attention)
def attention(node: Node) -> Example:
    """All heads. The first query of each is worked out in full, or the last if causal; the others show only weights."""
    layer: Any = node.layer
    x = node.inputs[0]
    if x.rank != 2:
        raise refuse(node, "its input has further axes", _INSTEAD)
    sources = layer.keys_and_values(x)
    added = _added(node, layer)
    limit(
        node,
        (
            *(("positions", int(one.shape[0]), _POSITIONS) for one in (x, *sources)),
            *(("features", int(one.shape[1]), _WIDTH) for one in (x, *sources)),
            ("features of all heads", int(layer.inner), _WIDTH),
        ),
        _INSTEAD,
    )
    inputs, (values, *others) = operands(node, (x, *sources), _masks(layer))
    tables = _tables(node, added, inputs)
    shapes = layer.params(x)
    weights = {name: learned(shape, 5 * index) for index, (name, shape) in enumerate(shapes.items())}
    matrices = _projections(weights)
    projected = {
        letter: [times_vector(matrices[letter][0], one, matrices[letter][1]) for one in read]
        for letter, read in zip("qkv", (values, *others))
    }
    size, heads, shared = int(layer.head), int(layer.heads), int(layer.heads // layer.key_heads)
    told: dict[int, str] = {}
    for one, name in zip((values, *others), ("x", layer.read("K"), layer.read("V"))):
        told.setdefault(id(one), name)
    named = [told[id(one)] for one in (values, *others)]
    weight, bias = weights["out_proj.weight"], weights.get("out_proj.bias")
    learned_ones = {**{letter.upper(): matrices[letter] for letter in "qkv"}, "O": (weight, bias)}
    given = [grid(told[id(one)], one) for one in inputs if id(one) in told]
    for letter, (matrix, own) in learned_ones.items():
        given.append(grid(f"W_{letter}", [list(column) for column in zip(*matrix)]))
        if own is not None:
            given.append(grid(f"b_{letter}", [own]))
    sinks: Array = weights.get("sinks", [None] * int(layer.heads))
    if layer.sinks:
        given.append(grid("sinks", [sinks]))
    given += [grid(f"bias_{letter}", weights[f"bias_{letter}"][0]) for letter in "kv" if layer.bias_kv]
    gains = {name[0]: one for name, one in weights.items() if name.endswith("_norm.weight")}
    given += [grid(f"γ of {letter.upper()}", [one]) for letter, one in gains.items()]
    if layer.qknorm == "width":
        projected |= {letter: [_normed(one, gains[letter], layer) for one in projected[letter]] for letter in "qk"}
    with_bias = {letter: f" + b_{letter}" if own is not None else "" for letter, (_, own) in learned_ones.items()}
    several = " of this head" if heads > 1 else ""
    steps: list[Step] = []
    joined: list[list[float]] = [[] for _ in values]
    scaling = _scaling(layer, size)
    for head in range(heads):
        at, other = head * size, head // shared * size
        q = [one[at : at + size] for one in projected["q"]]
        k, v = ([one[other : other + size] for one in projected[letter]] for letter in "kv")
        title = f"head {head + 1} of {heads}" if heads > 1 else "one head"
        made = zip("QKV", named, (q, k, v))
        normed = " / root mean square · γ" if layer.qknorm == "width" else ""
        steps.append(
            Step(
                title,
                [
                    grid(f"{letter} = {name} W_{letter}{with_bias[letter]}{normed * (letter != 'V')}{several}", of)
                    for letter, name, of in made
                ],
            )
        )
        if layer.qknorm and layer.qknorm != "width":
            q, k = ([_normed(one, gains.get(letter), layer) for one in of] for letter, of in zip("qk", (q, k)))
            gain = " · γ" if gains else ""
            steps.append(Step(f"each divided by √(mean of its squares){gain}", [grid("Q", q), grid("K", k)]))
        if layer.rope is not None:
            q, k = ([turn(one, at, layer.rope, int(layer.turned)) for at, one in enumerate(of)] for of in (q, k))
            steps.append(_turned(q, k, layer))
        table = _table(node, layer, tables, head)._replace(more=int(layer.more))
        if layer.more:
            k, v = (_continued(one, letter, at, layer, weights) for one, letter in ((k, "k"), (v, "v")))
            steps.append(Step(_MORE[layer.bias_kv, layer.zero_attn], [grid("K′", k), grid("V′", v)]))
        steps += table.drawn(len(q), len(k))
        rows, mixed = weighed(q, k, v, layer, scaling, sinks[head], table)
        steps += rows
        joined = [before + one for before, one in zip(joined, mixed)]
    output = [times_vector(weight, one, bias) for one in joined]
    steps.append(
        Step(f"all heads side by side, then · W_O{with_bias['O']}", [grid("[heads]", joined), grid("y", output, True)])
    )
    return Example(given, steps, values, weights, output, inputs=inputs)


def _continued(rows: Array, letter: str, at: int, layer: Any, weights: dict[str, Array]) -> Array:
    """Keys or values of a head, from its feature `at`, then the learned one and the one of zeros."""
    size = int(layer.head)
    learned_one = [weights[f"bias_{letter}"][0][0][at : at + size]] if layer.bias_kv else []
    return [*rows, *learned_one, *([[0.0] * size] if layer.zero_attn else [])]


@works(SDPA)
def dot_product_attention(node: Node) -> Example:
    """Every head, from given queries, keys and values; at most one axis before the positions."""
    layer: Any = node.layer
    tensors = {"q": layer.q, "k": layer.k, "v": layer.v}
    instead = '"sdpa q=input k=input v=input" --input 3x4'
    if layer.q.rank > 3:
        raise refuse(node, "it has more axes before the positions than one", instead)
    limit(
        node,
        (
            ("heads", int(layer.q.shape[0]) if layer.q.rank == 3 else 1, _HEADS),
            *((f"positions in `{name}`", int(one.shape[-2]), _POSITIONS) for name, one in tensors.items()),
            *((f"features in `{name}`", int(one.shape[-1]), _WIDTH) for name, one in tensors.items()),
        ),
        instead,
    )
    added = _added(node, layer)
    inputs, named = operands(node, tensors.values(), _masks(layer))
    tables = _tables(node, added, inputs)
    size = int(layer.q.shape[-1])
    scaling = _scaling(layer, size)
    queries, *others = named if layer.q.rank == 3 else [[one] for one in named]
    keys, values = ([one[index * len(one) // len(queries)] for index in range(len(queries))] for one in others)
    heads = list(zip(queries, keys, values))
    weights = {name: learned(shape) for name, shape in layer.params(layer.q).items()}
    sinks: Array = weights.get("sinks", [None] * len(heads))
    steps: list[Step] = []
    output = []
    for index, (q, k, v) in enumerate(heads):
        title = f"head {index + 1} of {len(heads)}" if len(heads) > 1 else "queries, keys and values"
        steps.append(Step(title, [grid("Q", q), grid("K", k), grid("V", v)]))
        table = _table(node, layer, tables, index)
        steps += table.drawn(len(q), len(k))
        rows, mixed = weighed(q, k, v, layer, scaling, sinks[index], table)
        steps += [*rows, Step("y = α V", [grid("y", mixed, True)])]
        output.append(mixed)
    given = [grid("sinks", [sinks])] if layer.sinks else []
    return Example(given, steps, inputs[0], weights, output if layer.q.rank == 3 else output[0], inputs=inputs)


def _normed(vector: list[float], gain: list[float] | None, layer: Any) -> list[float]:
    """A vector divided by its root mean square, times learned factors if there are any."""
    eps = 1e-6 if layer.qknorm_eps is None else layer.qknorm_eps
    root = math.sqrt(math.fsum(one * one for one in vector) / len(vector) + eps)
    return [one / root * (1 if gain is None else gain[index]) for index, one in enumerate(vector)]


def _added(node: Node, layer: Scored) -> list[Tensor | None]:
    """The table added to the scores, and the mask. Raises `RequestError` for a mask that is not an input."""
    if layer.mask is not None and not layer.mask.batched:
        why = "its mask is the same for every sample, with numbers of its own"
        raise refuse(node, why, _INSTEAD.replace("heads=2", "heads=2 causal=true"))
    return [layer.relbias, layer.mask]


def _masks(layer: Scored) -> dict[int, tuple[int, ...]]:
    """The numbers of a mask."""
    return {} if layer.mask is None else {id(layer.mask): (1,)}


def _tables(node: Node, added: Sequence[Tensor | None], inputs: list[Array]) -> list[Array | None]:
    """The numbers of the table and of the mask; a few in the mask become 0, but not where a query sees itself."""
    different = list({id(one): one for one in node.inputs}.values())
    found: list[Array | None] = []
    for one in added:
        at = next((at for at, other in enumerate(different) if other is one), None)
        made = _layer_of(one)
        if at is not None and one is not None and made is not None:
            inputs[at] = biases(made, one)
        found.append(None if at is None else inputs[at])
    if found[1] is not None:
        different_at = next(at for at, one in enumerate(inputs) if one is found[1])
        inputs[different_at] = found[1] = _hiding(found[1])
    return found


def _layer_of(tensor: Tensor | None) -> Any:
    """The layer of a table of biases that nothing changes on the way."""
    if tensor is None or tensor.table is None:
        return None
    layer, table = tensor.table
    return layer if table is tensor.itself else None


def _hiding(mask: Array) -> Array:
    """A mask of ones with some zeros: the last key, or every third pair off the diagonal."""
    if not isinstance(mask[0], list):
        return [*mask[:-1], 0] if len(mask) > 1 else mask
    if isinstance(mask[0][0], list):
        return [_hiding(one) for one in mask]
    return [[int(not j or i == j or (i + j) % 3 != 2) for j in range(len(row))] for i, row in enumerate(mask)]


def _of_head(values: Array | None, head: int) -> Array | None:
    """The rows of a head; an axis of size 1 is shared by all."""
    if values is None or not isinstance(values[0], list):
        return None if values is None else [values]
    if not isinstance(values[0][0], list):
        return values
    return values[head if len(values) > 1 else 0]


class _Table(NamedTuple):
    """What is added to one head's scores, and which keys are hidden: a row for each query, or one for all.

    Attributes:
        more: how many keys after those of the positions have nothing added to their scores; formula: of the table.
    """

    node: Node
    bias: Array | None = None
    mask: Array | None = None
    more: int = 0
    formula: str = ""

    def at(self, row: int, column: int) -> float:
        """What is added to a score."""
        if self.mask is not None:
            seen = self.mask[row if len(self.mask) > 1 else 0]
            if not seen[column if len(seen) > 1 else 0]:
                return -math.inf
        return 0.0 if self.bias is None else self.bias[row][column]

    def drawn(self, queries: int, keys: int) -> list[Step]:
        """The table as a step."""
        grids = [] if self.bias is None else [grid("B", self.bias)]
        grids += [] if self.mask is None else [grid("mask", self.mask)]
        hides = "; where the mask is 0 the score becomes −∞" if self.mask is not None else ""
        title = f"added to the scores{self.formula}{hides}" if self.bias is not None else hides.removeprefix("; ")
        return [Step(title, grids)] if grids else []


def _table(node: Node, layer: Scored, tables: Sequence[Array | None], head: int) -> _Table:
    """What is added to the scores of a head."""
    bias, mask = (_of_head(one, head) for one in tables)
    made = _layer_of(layer.relbias)
    formula = ""
    if made is not None and made.kind == "alibi":
        formula = f": B[i, j] = −{written(alibi_slopes(int(made.heads))[head])} · |i − j|"
    return _Table(node, bias, mask, formula=formula)


def _turned(q: Array, k: Array, layer: Any) -> Step:
    """Queries and keys after rotary positions."""
    half = int(layer.turned) // 2
    lines = [f"angle of {turning(index, half, 'position', layer.rope, int(layer.turned))}" for index in range(half)]
    return Step(
        "pairs of features turn with the position: a cos − b sin, b cos + a sin", [grid("Q′", q), grid("K′", k)], lines
    )


class Scaling(NamedTuple):
    """The factor of scores, how it is written after them, and the bound of a soft cap."""

    factor: float
    text: str
    cap: float | None = None

    def capped(self, score: float) -> float:
        """A score after the soft cap."""
        return score if self.cap is None else self.cap * math.tanh(score / self.cap)


def _scaling(layer: Scored, size: int) -> Scaling:
    if layer.scale is not None:
        return Scaling(layer.scale, f"· {written(layer.scale)}", layer.softcap)
    return Scaling(1 / math.sqrt(size), f"/ √{size}", layer.softcap)


def weighed(
    q: Array, k: Array, v: Array, layer: Scored, scaling: Scaling, sink: float | None, added: _Table
) -> tuple[list[Step], list[list[float]]]:
    """The steps of one head and its weighted sums; one query is written out in full.

    Args:
        sink: a score that takes weight but adds no value.
        added: what is added to the scores, and the keys it hides.
    """
    steps: list[Step] = []
    table, sums = [], []
    for row, query in enumerate(q):
        near = len(q) + len(k) if layer.window is None else int(layer.window)
        own = range(len(k) - added.more)
        more = [*(added.at(row, index) for index in own), *[0.0] * added.more]
        seen = [
            (index <= row or not layer.causal) and abs(index - row) < near and more[index] > -math.inf for index in own
        ]
        seen += [True] * added.more
        if not any(seen):
            raise refuse(added.node, f"of its keys query {row} sees none", _INSTEAD)
        products = [dot(query, key) for key in k]
        scores = [
            scaling.capped(one * scaling.factor) + more[index] if seen[index] else -math.inf
            for index, one in enumerate(products)
        ]
        alpha = softmax([*scores, *([] if sink is None else [sink])])[: len(k)]
        sums.append([dot(alpha, column) for column in zip(*v)])
        table.append([Cell(written(one), there) for one, there in zip(alpha, seen)])
        if row == (len(q) - 1 if layer.causal else 0):
            plus = "" if added.bias is None else " + B"
            scored = _scored(products, scores, scaling, plus)
            lines = [*scored, *_mixed(scores, alpha, sums[-1], sink)]
            steps.append(Step(f"row {row} of α: q = {listed(query)}", lines=lines))
    steps.append(Step("softmax of all rows", [Grid("α", table)]))
    return steps, sums


def _scored(products: list[float], scores: list[float], scaling: Scaling, plus: str) -> list[str]:
    """How the scores of a query follow from its products with the keys; `plus` is what is added to them."""
    lines = [f"q kᵀ = {listed(products)}"]
    last = scaling.text
    if scaling.cap is not None:
        lines.append(f"{scaling.text} = {listed([one * scaling.factor for one in products])}")
        cap = written(scaling.cap)
        last = f"{cap} · tanh(score / {cap})"
    hidden = "   −∞: a position that is not seen" if -math.inf in scores else ""
    given = ", ".join("−∞" if one == -math.inf else written(one) for one in scores)
    return [*lines, f"{last}{plus} = [{given}]{hidden}"]


def _mixed(scores: list[float], alpha: list[float], answer: list[float], sink: float | None) -> list[str]:
    """The softmax of a query's scores, and the values that it weighs."""
    powers = [math.exp(one) for one in scores]
    taken = [] if sink is None else [math.exp(sink)]
    of_sink = "".join(f", of the sink e^{written(sink or 0.0)} = {written(one)}" for one in taken)
    return [
        f"e^score = {listed(powers)}{of_sink}, together {written(math.fsum([*powers, *taken]))}",
        f"softmax = {listed(alpha)}",
        f"α V = {listed(answer)}",
    ]


def _projections(weights: dict[str, Array]) -> dict[str, tuple[Array, Array | None]]:
    """The matrix and the bias for queries, keys and values, which may be stacked in one."""
    found = {}
    for index, letter in enumerate("qkv"):

        def third(values: Array, index: int = index) -> Array:
            size = len(values) // 3
            return values[index * size : (index + 1) * size]

        matrix = weights.get(f"{letter}_proj.weight", weights.get(f"{letter}_proj_weight"))
        bias = weights.get(f"{letter}_proj.bias")
        if matrix is None:
            matrix = third(weights["in_proj_weight"])
        if "in_proj_bias" in weights:
            bias = third(weights["in_proj_bias"])
        found[letter] = matrix, bias
    return found
