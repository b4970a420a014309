"""Whether a module and the network that its spec describes give equal outputs for equal weights and inputs.

Both run in double precision, so that they differ only by rounding. The weights are copied from one to the other, layer
by layer in the order of the text; their shapes have to agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from archcalc.diagnostics import RequestError, Source
from archcalc.network.load import build_graph
from archcalc.network.parameters import named_parameters
from archcalc.pytorch.capture.building import quiet, told
from archcalc.pytorch.capture.examples import Example
from archcalc.pytorch.capture.reading import Reading
from archcalc.pytorch.capture.record import Recorded, by_name, record
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.memory import available_bytes
from archcalc.tracing.calls import DRAWING, Call, Run, Value
from archcalc.tracing.comparison import Comparison
from archcalc.tracing.graph import STORED, Node
from archcalc.tracing.lineup import BATCHES
from archcalc.tracing.telling import Telling

# The kinds of values that do not depend on data.
Fixed = Mapping[Value, torch.Tensor]

# Calls that return the tensor itself if it already has that type and device.
_CASTS = frozenset(
    ("to", "type", "type_as", "float", "double", "half", "bfloat16", "int", "long", "bool", "cpu", "cuda", "contiguous")
)

_NEAR = 1e-8
# For a module that itself computes some values in single precision or less, whatever its input.
_NEAR_SINGLE = 1e-5
_SINGLE = (torch.float32, torch.float16, torch.bfloat16, torch.complex64)


def compare(reading: Reading) -> None:
    """Record in the comparison whether outputs are equal, if they can be compared. Raises `RequestError`."""
    comparison = reading.comparison
    reason = hindrance(reading)
    if reason is None and reading.run.across:
        reason = "some of the module's set samples against each other"
    if reason is None and any(DRAWING & set(call.name.split("_")) for call in _behind(reading.run)):
        reason = "the module draws random numbers"
    if reason is not None or reading.real is None:
        comparison.checked = f"outputs are not compared: {reason}"
        return
    original = reading.real()
    narrow = {name for name, one in original.named_buffers() if one.dtype in _SINGLE}
    original = original.double().eval()
    graph = build_graph(Source(reading.graph.name, reading.text))
    built = instantiate(graph, "cpu").double().eval()
    torch.manual_seed(0)
    _draw(original)
    inputs = [(one.name, _numbers(one, original), one.keyword) for one in reading.inputs]
    try:
        with quiet(), _double():
            recorded = record(original, inputs, count=False)
    except (Exception, SystemExit) as error:
        raise RequestError(f"the module cannot be run on the CPU: {told(error)}") from None
    shapes = {name: tuple(map(int, shape)) for name, shape in named_parameters(graph.nodes)}
    weights = dict(original.named_parameters()) | dict(original.named_buffers())
    weights |= {name: weights[name].T for name in reading.graph.turned}
    theirs = Held(weights, _beside(reading.run, recorded))
    try:
        left = filled(built, reading.order, shapes, theirs)
    except (Unlike, RuntimeError) as error:
        comparison.checked = f"outputs are not compared: {str(error).splitlines()[0]}"
        return
    if left is not None:
        comparison.checked = f"outputs are not compared: {left} has no weight in the module"
        return
    with torch.no_grad():
        # one number per sample gets its own axis in the network
        turned = (tensor.movedim(one.batch_axis, 0) for one, (_, tensor, _) in zip(reading.inputs, inputs))
        ours = built(*(tensor if tensor.dim() > 1 else tensor[:, None] for tensor in turned))
    single = _in_single(recorded.run) or _tables_in_single(reading, narrow, theirs.fixed)
    _tell(comparison, tensors(ours), _batched(recorded, reading.run), single)


def _behind(run: Run) -> set[Call]:
    """The calls on which a module's outputs depend."""
    found, left = set[Call](), [value for _, value in run.outputs]
    while left:
        call = left.pop().call
        if call is not None and call not in found:
            found.add(call)
            left += call.values()
    return found


def _tables_in_single(reading: Reading, narrow: set[str], fixed: Fixed) -> bool:
    """Whether tables that became settings of layers come from tensors that a module holds in single precision."""
    left, seen = list(reading.graph.tables), set[Value]()
    while left:
        value = left.pop()
        if value in seen:
            continue
        seen.add(value)
        if value.name in narrow or (not value.name and value in fixed and fixed[value].dtype in _SINGLE):
            return True
        left += value.call.values() if value.call is not None else ()
    return False


def _in_single(run: Run) -> bool:
    """Whether a module converts its data to single precision on the way."""
    return any(
        call.name in ("float", "half", "bfloat16")
        or any(one in _SINGLE for one in (*call.args, *call.kwargs.values()) if isinstance(one, torch.dtype))
        for call in run.calls
        if any(value.of_data for value in call.values())
    )


def _numbers(one: Example, module: nn.Module) -> torch.Tensor:
    """Two samples of an input; integers are token ids that every table of the module has."""
    tensor = one.tensor(BATCHES[0], "cpu")
    if tensor.is_floating_point():
        return tensor.double()
    tables = [part.num_embeddings for part in module.modules() if isinstance(part, nn.Embedding)]
    return torch.randint(0, min(tables), tensor.shape) if tables and tensor.dtype is torch.long else tensor


class _Doubled(TorchFunctionMode):
    """Turns a module's conversions to single precision into double precision, but keeps single precision's constants."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.float:
            return args[0].double()
        if func in (functional.rms_norm, torch.rms_norm):
            kwargs = dict(zip(("input", "normalized_shape", "weight", "eps"), args)) | kwargs
            if kwargs.get("eps") is None:  # by default that of the precision, which the network states as a number
                kwargs["eps"] = torch.finfo(torch.float32).eps
            return func(**kwargs)
        return func(*args, **kwargs)


@contextmanager
def _double() -> Iterator[None]:
    """Makes tensors that a module creates along the way double precision as well."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.double)
    try:
        with _Doubled():
            yield
    finally:
        torch.set_default_dtype(before)


def _batched(recorded: Recorded, run: Run) -> list[torch.Tensor]:
    """The module's outputs with the batch first; one number per sample gets its own axis."""
    pairs = [(one, value) for (_, one), (_, value) in zip(by_name(recorded.out), run.outputs) if value.of_data]
    moved = [one if value.batch is None else one.movedim(value.batch, 0) for one, value in pairs]
    return [one if one.dim() > 1 else one[:, None] for one in moved]


def _beside(run: Run, recorded: Recorded) -> Fixed:
    """The tensors of a real run for the values of a meta run: both make the same calls."""
    calls, others = ([call for call in one.calls if call.name not in _CASTS] for one in (run, recorded.run))
    pairs = list(zip(calls, others))
    same = len(calls) == len(others) and all(one.name == other.name for one, other in pairs)
    found: dict[Value, torch.Tensor] = {}
    for one, other in pairs if same else ():
        for mine, its in zip((*one.values(), *one.outs), (*other.values(), *other.outs)):
            if its in recorded.fixed:
                found.setdefault(mine, recorded.fixed[its])
    return found


class Held:
    """The contents of a source: its weights by name, and its constants by value."""

    def __init__(self, weights: Mapping[str, torch.Tensor], fixed: Fixed) -> None:
        self.weights = weights
        self.fixed = fixed

    def weight(self, node: Node, key: str) -> torch.Tensor:
        """A weight of a layer."""
        if node.holds is None or key != "weight":
            return self.weights[node.weights[key]]
        computed = self._of(node.holds)
        if node.over is None:
            return computed
        return computed / self.weights[node.over].reshape(-1, *(1,) * (computed.dim() - 1))

    def constant(self, node: Node) -> torch.Tensor | None:
        """The numbers of a constant; None if the spec has them."""
        if node.holds is None or not node.keys.keys().isdisjoint(("value", "kind")):
            return None
        held = self._of(node.holds)
        if node.hides is not None:
            hides, number, beside = node.hides
            held = torch.full(held.shape, beside, dtype=torch.double).masked_fill(held.bool() == hides, number)
        return held.reshape(node.sizes)

    def _of(self, value: Value) -> torch.Tensor:
        """For one sample. Raises `Unlike`."""
        found = self.weights.get(value.name, self.fixed.get(value))
        if found is None:
            raise Unlike("the numbers of a constant are not known")
        return found if value.batch is None else found.chunk(BATCHES[0], value.batch)[0]


def filled(built: nn.Module, order: list[Node], shapes: Mapping[str, tuple[int, ...]], theirs: Held) -> str | None:
    """Give a network the weights and constants of its source; return a weight that got none, if any.

    Raises `Unlike` or `RuntimeError` if they do not fit.
    """
    state = _state(order, list(shapes), theirs)
    state = {name: one.reshape(shapes[name]) if name in shapes else one for name, one in state.items()}
    missing = built.load_state_dict(state, strict=False).missing_keys
    places = [module.get_buffer("value") for module in built.modules() if type(module).__name__ == "Constant"]
    constants = [node for node in order if node.op == "constant"]
    if len(places) != len(constants):
        raise Unlike(f"the spec has {len(places)} constants, and there are {len(constants)}")
    for place, node in zip(places, constants):
        numbers = theirs.constant(node)
        if numbers is not None:
            _fill(place, numbers)
    return next((name for name in missing if name in shapes), None)


def _fill(place: torch.Tensor, numbers: torch.Tensor) -> None:
    """Raises `Unlike` if the numbers do not fit."""
    if place.shape != numbers.shape:
        raise Unlike(f"a constant has {list(numbers.shape)} numbers, and the spec {list(place.shape)}")
    place.copy_(numbers)


def _tell(comparison: Comparison, ours: list[torch.Tensor], theirs: list[torch.Tensor], single: bool) -> None:
    pairs = [(_for_each(x, y), _apart_again(x, y)) for x, y in zip(ours, theirs)]
    if pairs and all(bool(y.isnan().all()) for _, y in pairs):
        comparison.checked = "outputs are not compared: of random numbers, the module makes nothing but NaN"
        return
    apart = max((_apart(x, y) for x, y in pairs if x.shape == y.shape), default=0)
    unlike = len(ours) != len(theirs) or any(x.shape != y.shape for x, y in pairs)
    comparison.wrong = unlike or not apart < (_NEAR_SINGLE if single else _NEAR)
    comparison.checked = (
        f"outputs differ by {apart:.2g} of the largest"
        if comparison.wrong
        else f"outputs equal, to {apart:.1g} of the largest"
        + (": the module computes in single precision in places" if single and apart > _NEAR else "")
    )


def _for_each(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Tensors that depend on no input, repeated for each sample."""
    return ours.expand_as(theirs) if ours.shape in (theirs.shape[1:], (1, *theirs.shape[1:])) else ours


def _apart_again(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Undo the joining of the samples with another axis, before or after it."""
    if ours.dim() != theirs.dim() + 1 or ours.shape[0] * ours.shape[1] != theirs.shape[0]:
        return theirs
    samples, steps = ours.shape[:2]
    rest = theirs.shape[1:]
    ways = theirs.reshape(samples, steps, *rest), theirs.reshape(steps, samples, *rest).transpose(0, 1)
    return min((way for way in ways if way.shape == ours.shape), key=lambda way: _apart(ours, way), default=theirs)


def _apart(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference relative to the largest number; where neither side has a number, there is no difference."""
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    finite = theirs[theirs.isfinite()].abs()
    difference = (ours[~same] - theirs[~same]).abs()
    return float(difference.max() / (finite.max() + 1e-30)) if difference.numel() and finite.numel() else 0.0


def tensors(item: object) -> list[torch.Tensor]:
    """The tensors of an output, in order."""
    if isinstance(item, torch.Tensor):
        return [item]
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, (tuple, list)) else ()
    return [tensor for one in parts for tensor in tensors(one)]


def hindrance(reading: Telling) -> str | None:
    """Why outputs cannot be compared."""
    comparison = reading.comparison
    if comparison.declared:
        return "an opaque layer has no code"
    if comparison.remarks:
        return "the spec lacks what changes values"
    if not comparison.equal:
        return "the counts differ"
    needed, there = 5 * 8 * comparison.numel, available_bytes(torch.device("cpu"))
    if there is not None and needed > there:
        return f"they take {needed / 1e9:.1f} GB, and this machine has {there / 1e9:.1f}"
    return None


def _draw(module: nn.Module) -> None:
    """Random numbers of a size that survives the network: the initial zeros or ones would hide a difference."""
    for name, parameter in module.named_parameters():
        fan = parameter[0].numel() if parameter.dim() > 1 else 1
        nn.init.normal_(parameter, 0.5 if parameter.dim() < 2 and name.endswith("weight") else 0.0, fan**-0.5 / 2)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(buffer, 0, 0.1)
        elif name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 1.5)


class Unlike(Exception):
    """Weights of both sides that cannot be matched."""


def _state(order: list[Node], names: list[str], theirs: Held) -> dict[str, torch.Tensor]:
    """The weights by their names in the network."""
    state: dict[str, torch.Tensor] = {}
    left = iter(names)
    for node in order:
        tied = set(node.tie.weights.values()) if node.tie is not None else set()  # a head may still have its own bias
        own = {key: name for key, name in node.weights.items() if name not in tied}
        if not own or node.op == "constant":
            continue
        parts = [key for key in own if key.rpartition(".")[2] not in STORED]
        if node.op == "attention":
            state |= _attention(node, left, theirs)
            continue
        for key in parts:
            name = next(left, None)
            if name is None or name.rpartition(".")[2] != key.rpartition(".")[2]:
                raise Unlike(f"`{node.op}` has {key}, and the spec {name}")
            state[name] = theirs.weight(node, key)
            for buffer in own.keys() - parts:
                state[name.removesuffix(key) + buffer] = theirs.weights[own[buffer]]
    return state


def _attention(node: Node, left: Iterator[str], theirs: Held) -> dict[str, torch.Tensor]:
    """Rows of the module's maps in the order of heads, as one map or three."""
    if "in_proj_weight" in node.weights or node.rows is None:
        return {next(left): theirs.weights[name] for name in node.weights.values()}
    rows = node.rows

    def part(letter: str, key: str) -> torch.Tensor:
        held = theirs.weights[node.weights[f"{letter}.{key}"]]
        return held[[row % len(held) for row in rows[letter]]]  # only one of the three may have a bias

    state: dict[str, torch.Tensor] = {}
    final = "out_proj.bias" if "out_proj.bias" in node.weights else "out_proj.weight"
    while (name := next(left, None)) is not None:
        last = ".".join(name.split(".")[-2:])
        if last.endswith("in_proj_weight"):
            state[name] = torch.cat([part(letter, "weight") for letter in "qkv"])
        elif last.endswith("in_proj_bias"):
            state[name] = torch.cat([part(letter, "bias") for letter in "qkv"])
        elif last.startswith(("q_proj", "k_proj", "v_proj")):
            state[name] = part(last[0], last.rpartition(".")[2])
        elif last.startswith(("q_norm", "k_norm")):
            state[name] = theirs.weights[node.weights[f"{last[0]}.norm.weight"]]
        elif last.startswith("out_proj"):
            state[name] = theirs.weights[node.weights[last]]
        else:
            raise Unlike(f"attention has no {last}")
        if last == final:
            break
    return state
