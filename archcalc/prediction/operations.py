"""A network as operations: the FLOPs, bytes, kind and number of runs of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archcalc.cost import DTYPE_BYTES
from archcalc.layers.activation import GELU
from archcalc.layers.algebra import MatMul, MoE
from archcalc.layers.attention import Attention
from archcalc.layers.base import Layer
from archcalc.layers.cells import Cell
from archcalc.layers.correlation import Convolution
from archcalc.layers.dense import Embedding, Linear
from archcalc.layers.einsum import Einsum
from archcalc.layers.memory import LOW
from archcalc.layers.merge import Residual
from archcalc.layers.position import ROTATION, PosEmbed
from archcalc.layers.recurrent import Recurrent
from archcalc.layers.reordering import Roll
from archcalc.layers.sdpa import SDPA
from archcalc.layers.selective_scan import SelectiveScan
from archcalc.layers.steps import Collected
from archcalc.layers.tensor import Shape, Tensor
from archcalc.layers.transposed import ConvTranspose
from archcalc.network.gradients import sources
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.prediction.masks import MASK, added
from archcalc.prediction.work import Work
from archcalc.quantity import product

ID_BYTES = 8
# Parts of adapters: the product that reads the input, and what comes after it.
ADAPTER, ADAPTED = "adapter", "adapted"
# FLOPs per element of normalised queries and keys, as the layer counts them.
_NORM = 4


@dataclass(frozen=True)
class Operation(Work):
    """The work of a layer, or a part of it.

    Attributes:
        node: the layer.
        part: which part, where the layer has several: of attention `queries`, `keys`, `values`, `scores`, `output`, ...
        unpacks: whether its kernel unpacks quantised weights.
        keeps_scores: whether attention writes its scores and keeps them for the backward pass.
    """

    node: Node
    part: str = ""
    unpacks: bool = False
    keeps_scores: bool = False


def operations(
    graph: Graph, dtype: str = "fp32", widths: Mapping[int, int] | None = None, grouped: bool = False
) -> list[Operation]:
    """All operations of a forward pass, in order; a view costs only its call.

    Args:
        graph: the network.
        dtype: the compute type.
        widths: bytes per element of tensors of another type, by identity; products read copies of them.
        grouped: whether all experts of a mixture run in one kernel, as `torch._grouped_mm` does on GPUs.
    """
    return list(_inside(graph.nodes, 1, graph.batch, DTYPE_BYTES[dtype], widths or {}, grouped))


def _inside(
    nodes: Iterable[Node], runs: int, batch: int, width: int, widths: Mapping[int, int], grouped: bool, top_k: int = 1
) -> Iterator[Operation]:
    for node in nodes:
        times, rows, beside = runs * node.copies * (node.work if node.listed else 1), batch, 1
        if node.is_expert:
            # Each expert runs once, on its share of the positions.
            experts = _experts(node, node.inputs[0].samples(batch) * node.work, top_k)
            rows = -(-batch * node.work // experts)
            times, beside = (times, experts) if grouped else (times * experts, 1)
        chosen = node.layer.top_k if isinstance(node.layer, MoE) else 1
        for one in _inside(node.children, times, rows, width, widths, grouped, chosen):
            yield one if beside == 1 else one.beside(beside)
        if node.layer is not None:
            copies = widths and node.layer.autocast == LOW
            call = Call(node, rows, width, {} if copies else widths, widths)
            if copies and (copy := _copy(call, widths)) is not None:
                yield copy.but(runs=times)
            for operation in (*form_of(type(node.layer))(call), *_adapters(call)):
                yield operation.but(runs=operation.runs * times)


def _experts(node: Node, choices: int, top_k: int) -> int:
    """The expected number of experts that run if each position chooses this many different ones at random."""
    missed = float((1 - top_k / node.weights) ** (choices / top_k))
    return max(1, round(node.weights * (1 - missed)))


class Call:
    """One run of a layer: its tensors in elements and bytes, for the whole batch."""

    def __init__(self, node: Node, batch: int, width: int, widths: Mapping[int, int], stored: Mapping[int, int]):
        self.node, self.batch, self.width, self.widths = node, node.exit.samples(batch), width, widths
        self.stored = stored  # the widths before copies are cast
        self._batch = batch
        self.layer: Any = node.layer
        self.inputs = node.inputs or (node.exit,)
        self.x = self.inputs[0]
        self.flops = self.batch * (2 * int(node.macs) + int(node.other_flops))

    def bytes(self, *tensors: Tensor) -> int:
        """The bytes of whole tensors."""
        return sum(
            x.numel * x.samples(self._batch) * (ID_BYTES if x.integer else self.widths.get(id(x), self.width))
            for x in tensors
        )

    @property
    def weights(self) -> int:
        """Bytes of the layer's parameters, its own or another's."""
        assert self.node.layer is not None
        shapes: dict[str, Shape] = self.node.layer.params(self.x) if self.node.inputs else self.node.params
        return sum(int(product(shape)) for shape in shapes.values()) * self.width

    def rows(self, x: Tensor) -> int:
        """The number of feature vectors in a tensor."""
        return self.batch * int(product(x.shape[:-1]))

    def operation(self, kind: str, sizes: tuple[int, int, int], flops: int, moved: tuple[int, int, int], runs: int = 1) -> Operation:  # fmt: skip
        """An operation of this layer."""
        m, n, k = map(int, sizes)
        read, weights, written = map(int, moved)
        return Operation(kind, m, n, k, int(flops), read, weights, written, weights, int(runs), self.node)

    def product(self, kind: str, m: int, n: int, k: int, runs: int = 1) -> Operation:
        """A matrix product with weights [k, n]."""
        moved = tuple(self.width * size for size in (m * k, k * n, m * n))
        return self.operation(kind, (m, n, k), 2 * m * n * k, (moved[0], moved[1], moved[2]), runs)


def _copy(call: Call, widths: Mapping[int, int]) -> Operation | None:
    """The casts of inputs that have another type than the layer computes in."""
    wide = {id(x): x for x in call.inputs if widths.get(id(x), call.width) > call.width and not x.integer}
    if not wide:
        return None
    written = call.bytes(*wide.values())
    read = sum(call.bytes(x) // call.width * widths[key] for key, x in wide.items())
    return call.operation("copy", (0, 0, 0), 0, (read, 0, written)).but(part="copy")


def _adapters(call: Call) -> Iterator[Operation]:
    """The products of the adapter beside each adapted matrix, and their scaled sum with the matrix's own output."""
    for one in call.node.adapters:
        rows = call.rows(call.inputs[one.place] if one.place >= 0 else call.node.exit)
        yield call.product("linear", rows, one.rank, one.columns).but(part=ADAPTER)
        yield call.product("linear", rows, one.rows, one.rank).but(part=ADAPTED)
        size = rows * one.rows * call.width
        yield call.operation("add", (0, 0, 0), 2 * rows * one.rows, (2 * size, 0, size)).but(part=ADAPTED)


def _elementwise(call: Call) -> Iterator[Operation]:
    """An operation that reads and writes each element once; a view moves nothing."""
    read = call.layer.sources(*call.node.inputs) if call.node.inputs else call.inputs
    moved = (0, 0, 0) if call.node.is_view else (call.bytes(*read), call.weights, call.bytes(call.node.exit))
    yield call.operation(call.node.op, (0, 0, 0), call.flops, moved)


def _residual(call: Call) -> Iterator[Operation]:
    """The sum at the end of a residual; the layers inside count by themselves."""
    read = call.bytes(*sources(call.node))
    yield call.operation("add", (0, 0, 0), call.flops, (read, 0, call.bytes(call.node.exit)))


def _roll(call: Call) -> Iterator[Operation]:
    """A pass for each axis: PyTorch shifts along one after another."""
    moved = (call.bytes(call.x), 0, call.bytes(call.node.exit))
    yield call.operation(call.node.op, (0, 0, 0), 0, moved, len(call.layer.axes))


def _gelu(call: Call) -> Iterator[Operation]:
    """The two forms of gelu differ in speed."""
    kind = "gelu" if call.layer.approximate == "none" else "gelu tanh"
    yield call.operation(kind, (0, 0, 0), call.flops, (call.bytes(call.x), 0, call.bytes(call.node.exit)))


def _embedding(call: Call) -> Iterator[Operation]:
    """An embedding reads only the rows in use; its gradient is as large as the table."""
    out = call.bytes(call.node.exit)
    operation = call.operation("embedding", (0, 0, 0), 0, (call.bytes(call.x), out, out))
    yield operation.but(gradient_bytes=call.weights)


def _stack(call: Call) -> Iterator[Operation]:
    """The outputs of all steps are read, and written side by side."""
    moved = (call.bytes(call.node.exit), 0, call.bytes(call.node.exit))
    yield call.operation("concat", (0, 0, 0), 0, moved)


def _posembed(call: Call) -> Iterator[Operation]:
    """A table of positions, of which the rows in use are read."""
    rows = min(call.weights, int(product(call.x.shape[-2:])) * call.width)
    moved = (call.bytes(call.x), rows, call.bytes(call.node.exit))
    yield call.operation("posembed", (0, 0, 0), call.flops, moved).but(gradient_bytes=call.weights)


def _linear(call: Call) -> Iterator[Operation]:
    m, n, k = call.rows(call.x), int(call.node.exit.shape[-1]), int(call.x.shape[-1])
    moved = (call.bytes(call.x), call.weights, call.bytes(call.node.exit))
    yield call.operation("linear" if m > 1 else "matrix-vector", (m, n, k), call.flops, moved)


def _convolution(call: Call) -> Iterator[Operation]:
    layer, y = call.layer, call.node.exit
    groups = int(getattr(layer, "groups", 1))
    channels, cin = int(y.shape[0]), int(call.x.shape[0])
    area = int(product(layer.per_axis("kernel", call.x.rank - 1, call.x)))
    if isinstance(layer, ConvTranspose):
        kind = "transposed convolution"
        sizes = (call.batch * int(product(call.x.shape[1:])), channels // groups * area, cin // groups)
    else:
        sizes = (call.batch * int(product(y.shape[1:])), channels // groups, cin // groups * area)
        if groups > 1:
            kind = "depthwise convolution" if groups == cin else "grouped convolution"
        else:
            kind = "pointwise convolution" if area == 1 else "first convolution" if cin <= 4 else "convolution"
    yield call.operation(kind, sizes, call.flops, (call.bytes(call.x), call.weights, call.bytes(y)))


def _attention(call: Call) -> Iterator[Operation]:
    """Projections, rotary positions and norms of queries and keys, then scores and weighted values of all heads."""
    layer, x = call.layer, call.x
    keys, values = layer.keys_and_values(x)  # each [positions, width]
    heads, head = int(layer.heads), int(layer.head)
    kv_heads = heads if layer.kv_heads is None else int(layer.kv_heads)
    rows, key_rows, width = call.rows(x), call.rows(keys), int(x.shape[-1])
    inner, kv_inner = heads * head, kv_heads * head
    turned = rows * inner + key_rows * kv_inner
    rotated = turned if layer.rope_dim is None else int(layer.rope_dim) * (rows * heads + key_rows * kv_heads)
    parts = []
    for part, m, n, k in (
        ("queries", rows, inner, width),
        ("keys", key_rows, kv_inner, int(keys.shape[-1])),
        ("values", key_rows, kv_inner, int(values.shape[-1])),
        ("output", rows, int(call.node.exit.shape[-1]), inner),
    ):
        parts.append(call.product("linear" if m > 1 else "matrix-vector", m, n, k).but(part=part))
    between = []
    for kind, flops, given in (
        ("rmsnorm", (_NORM - (layer.qknorm == "unscaled")) * turned, layer.qknorm),
        ("rope", ROTATION * rotated, layer.rope is not None),
    ):
        if given:
            moved = (call.width * turned, call.width * head * (kind == "rmsnorm"), call.width * turned)
            between.append(call.operation(kind, (0, 0, 0), flops, moved).but(part=kind))
    rest = call.flops - sum(one.flops for one in (*parts, *between))
    moved = (call.width * (rows * inner + 2 * key_rows * kv_inner), 0, call.width * rows * inner)
    scores = call.operation("attention", (int(x.shape[-2]), int(keys.shape[-2]), head), rest, moved)
    yield from (*parts[:3], *between, *_masked(call, scores.but(part="scores")), parts[3])


def _masked(call: Call, scores: Operation) -> Iterator[Operation]:
    """What is added to the scores, with its elements as FLOPs and the keys as `n`; then the scores."""
    layer, width = call.layer, call.width
    if layer.is_masked:
        wide = width if layer.relbias is None else call.stored.get(id(call.inputs[layer.at("relbias")]), width)
        pairs = scores.out_bytes * scores.n // max(1, scores.k) // width
        made = added(layer, pairs, scores.m * scores.n, call.batch, width, wide)
        one = call.operation("add", (0, scores.n, 0), made.elements, (made.read, 0, made.written))
        yield one.but(part=MASK, gradient_bytes=made.gradient)
    yield scores


def _sdpa(call: Call) -> Iterator[Operation]:
    q, k, v = call.layer.q, call.layer.k, call.layer.v
    sizes = (int(q.shape[-2]), int(k.shape[-2]), int(q.shape[-1]))
    moved = (call.bytes(q, k, v), 0, call.bytes(call.node.exit))
    yield from _masked(call, call.operation("attention", sizes, call.flops, moved))


def _matmul(call: Call) -> Iterator[Operation]:
    y = call.node.exit
    n = int(y.shape[-1]) if y.shape else 1
    m = max(1, call.batch * y.numel // n)
    macs = call.batch * int(call.layer.counted(call.node.macs, y, *call.inputs))
    k = max(1, macs // (m * n))
    yield call.operation("matmul", (m, n, k), 2 * macs, (call.bytes(*call.inputs), 0, call.bytes(y)))


def _recurrent(call: Call) -> Iterator[Operation]:
    """For each layer and direction, the input's product over all steps, then one product per step."""
    layer, x = call.layer, call.x
    steps, hidden, gates = int(x.shape[0]), int(layer.hidden), int(layer.products)
    features = int(x.shape[-1])
    turns = int(layer.layers) * int(layer.directions)
    for index in range(int(layer.layers)):
        width = features if index == 0 else int(layer.width * layer.directions)
        projection = call.product(
            f"{call.node.op} projection", call.batch * steps, gates * hidden, width, int(layer.directions)
        )
        call.flops -= projection.flops * projection.runs
        yield projection
    each = call.flops // (turns * steps)
    step = call.product(call.node.op, call.batch, gates * hidden, int(layer.width))
    yield step.but(flops=each, runs=turns * steps)


def _cell(call: Call) -> Iterator[Operation]:
    """The product with the input, then a step of the recurrent layer."""
    layer, rows = call.layer, int(call.layer.rows)
    kind = call.node.op.removesuffix("cell")
    given = call.product(f"{kind} projection", call.batch, rows, int(call.x.shape[-1]))
    yield given
    step = call.product(kind, call.batch, rows, int(layer.hidden))
    yield step.but(flops=call.flops - given.flops)


def _selective_scan(call: Call) -> Iterator[Operation]:
    """The decays of all steps in one pass, then step by step what enters, the state, and its product with c."""
    layer, x, batch, width = call.layer, call.x, call.batch, call.width
    steps, channels, state = int(x.shape[0]), int(x.shape[1]), int(layer.size)
    decays = batch * steps * int(product(layer.params(x)["A_log"]))
    held = batch * channels * state
    yield call.operation("exp", (0, 0, 0), 2 * decays, (width * decays, 0, width * decays))
    rest = call.flops - 2 * decays - 2 * steps * held
    for kind, flops, read in (
        ("mul", held, batch * (channels + int(layer.groups) * state)),
        ("mul", held, 2 * held),
        ("add", max(0, rest // steps - 2 * held), 2 * held),
    ):
        yield call.operation(kind, (0, 0, 0), flops, (width * read, 0, width * held), steps)
    moved = (width * (held + batch * int(layer.groups) * state), 0, width * batch * channels)
    yield call.operation("matmul", (batch * channels, 1, state), 2 * held, moved, steps)
    whole = call.bytes(call.node.exit)
    yield call.operation("concat", (0, 0, 0), 0, (whole, 0, whole))


def _declared(call: Call) -> Iterator[Operation]:
    """Declared costs in one kernel, whose products are taken to run as matrix products do: its own are unknown."""
    y = call.node.exit
    moved = (call.bytes(*call.inputs), call.weights, call.bytes(y, *(y.outputs or {}).values()))
    yield call.operation("matmul" if call.node.macs else call.node.op, (0, 0, 0), call.flops, moved)


# The layers that are more than one pass over their elements.
_FORMS: tuple[tuple[type[Layer], Callable[[Call], Iterator[Operation]]], ...] = (
    (Residual, _residual),
    (Collected, _stack),
    (Roll, _roll),
    (GELU, _gelu),
    (Embedding, _embedding),
    (PosEmbed, _posembed),
    (Linear, _linear),
    (Convolution, _convolution),
    (Attention, _attention),
    (SDPA, _sdpa),
    (MatMul, _matmul),
    (Einsum, _matmul),
    (Recurrent, _recurrent),
    (Cell, _cell),
    (SelectiveScan, _selective_scan),
)


def form_of(layer: type[Layer]) -> Callable[[Call], Iterator[Operation]]:
    """The function that lists a layer's operations. Raises `NotImplementedError` for an unknown layer."""
    found = _declared if layer.declared else next((form for kind, form in _FORMS if issubclass(layer, kind)), None)
    if found is None and not layer.one_pass:
        raise NotImplementedError(
            f"{layer.__name__} does not say how long it takes: write `one_pass = True` in it, or its operations in {__name__}"
        )
    return found or _elementwise
