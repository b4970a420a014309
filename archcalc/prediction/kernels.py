"""How long the kernels of a GPU take: at its peak rates, and at the share of these that kernels reach.

    seconds = √((computing ÷ share)² + (moving ÷ share + streaming ÷ share)²) + launch, for each kernel

The shares are in efficiency.json: one for each form of product, each kind of pass over memory and each card. They are
fitted to published times of whole networks by tests/benchmarks/gpu_time.py, which also gives the errors on networks
that the fit has not seen. For a card without published times, they come from profiles of its operations or from
similar cards.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from archcalc.devices import Device, find
from archcalc.layers import REGISTRY
from archcalc.layers.correlation import Convolution
from archcalc.layers.dense import Linear
from archcalc.layers.merge import Add
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.prediction.model import PRODUCTS, pool_of
from archcalc.prediction.work import Work
from archcalc.project import read_file
from archcalc.records import NamedTuple
from archcalc.running.declaration import CHANNELS_LAST

FILE = os.path.join(os.path.dirname(__file__), "efficiency.json")
# No kernel is shorter: the shortest medians in published profiles of A100, A40 and H100 are 1 to 4 µs.
SHORTEST = 2e-6
# The basis of a time: published times of whole networks on this card, or the peak rates of a data sheet and the share
# that other cards reach of theirs.
BENCHMARKS, DATASHEET = "benchmarks", "datasheet"
_ATTENTION, _GROUPED = "attention", "grouped convolution"
# Products with kernels of their own; all others run as matrix products.
_FORMS = {
    "attention": _ATTENTION,
    "convolution": "convolution",
    "first convolution": "convolution",
    "transposed convolution": "convolution",
    "pointwise convolution": "pointwise convolution",
    "depthwise convolution": _GROUPED,
    "grouped convolution": _GROUPED,
}
_PLAIN = "matrix product"
# Kinds of networks by what they compute longest, whose times are predicted alike.
CONVOLUTIONAL, OTHERS = "convolutions", "matrix products"
# Kernels compute tiles of this many rows and columns, half as wide if there are fewer columns. If there are fewer tiles
# than multiprocessors, the sums of a tile are split among several, each at least this long.
_ROWS, _COLUMNS, _NARROW, _PART = 128, 128, 32, 512
# Without matrix units, other kernels run, and reach other shares.
_PLAIN_TYPES = ("fp32", "fp64")
# There most convolutions are 3 × 3, and multiply 16 numbers instead of 36 for 2 × 2 outputs.
# Source: Lavin and Gray 2016, Fast algorithms for convolutional neural networks.
_WINOGRAD, _FEWER = "convolution", 36 / 16


class Kernel(NamedTuple):
    """All runs of a kernel, at the peak rates.

    Attributes:
        computing, moving: seconds, each by itself.
        streaming: additional seconds to read what is read once from end to end: weights, a cache.
        computing_shares, moving_shares: names of the shares whose product is the part of the peak rate that is reached.
        runs: how often it is launched.
        spread: the networks that determine the error of its time: those of convolutions, or of matrix products.
    """

    computing: float
    computing_shares: tuple[str, ...]
    moving: float
    moving_shares: tuple[str, ...]
    streaming: float
    runs: int
    spread: str


# Forms whose products are not split into tiles.
_WHOLE = (_ATTENTION, _GROUPED)


def kernel(work: Work, device: Device, dtype: str, memory_format: str = "", backward: bool = False) -> Kernel:
    """An operation as a kernel of a card.

    Args:
        work: everything that runs.
        device: a GPU.
        dtype: one of its `peaks`.
        memory_format: the format of images: `channels-last`, else contiguous.
        backward: whether it belongs to the backward pass.
    """
    form, computing_shares, moving_shares, spread = _shares(work.kind, dtype, memory_format, backward)
    streamed = 0 if backward or not form else work.weight_bytes
    if form == _ATTENTION and work.m == 1 and not backward:
        streamed = work.in_bytes  # a single position reads all keys and values
    moving = (work.in_bytes + work.weight_bytes + work.out_bytes - streamed) * work.runs / device.bandwidth
    streaming = streamed * work.runs / device.bandwidth
    if not form:
        return Kernel(0.0, (), moving, moving_shares, streaming, work.runs, spread)
    flops = work.flops if form in _WHOLE else _computed(work, device.processors)
    if work.kind == _WINOGRAD and dtype in _PLAIN_TYPES:
        flops /= _FEWER
    computing = flops * work.runs / device.peaks[dtype]
    return Kernel(computing, computing_shares, moving, moving_shares, streaming, work.runs, spread)


@cache
def _shares(
    kind: str, dtype: str, memory_format: str, backward: bool
) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    """The shares that a kind of operation reaches.

    They are the form of its product, empty without one; the shares of its computing and moving; and the networks that
    determine the error of its time.
    """
    if pool_of(kind) != PRODUCTS:
        layer = REGISTRY.get(kind)
        traffic = "passes" if layer is None else layer.traffic
        if traffic == "channel statistics" and memory_format == CHANNELS_LAST:
            traffic = "passes"
        return "", (), (traffic, *(("passes backward",) if backward else ())), CONVOLUTIONAL
    form = _FORMS.get(kind, _PLAIN)
    spread = CONVOLUTIONAL if form.endswith("convolution") else OTHERS
    traffic = form + "s" if form == _GROUPED else spread
    computing_shares, moving_shares = [form], [traffic]
    if backward:
        computing_shares.append(form + " backward")
        moving_shares.append(traffic + " backward")
    if dtype in _PLAIN_TYPES and form not in _WHOLE:
        computing_shares.append(f"in {_PLAIN_TYPES[0]}")
    if spread == CONVOLUTIONAL and memory_format != CHANNELS_LAST:
        computing_shares.append("contiguous images")
    return form, tuple(computing_shares), tuple(moving_shares), spread


def _computed(work: Work, processors: int) -> float:
    """FLOPs of one run, including waste: columns past the edge, and multiprocessors that idle at the end."""
    if not work.m or not work.n:
        return work.flops
    columns = _NARROW if work.n <= _NARROW else -(-work.n // (_COLUMNS // 2)) * (_COLUMNS // 2)
    tiles = -(-work.m // _ROWS) * -(-work.n // _COLUMNS)
    if tiles < processors:
        tiles *= max(1, work.k // _PART)
    return work.flops * (columns / work.n) * (-(-tiles // processors) * processors / tiles)


class Kernels:
    """The kernels of a card, with the share of the peak rates that they reach.

    Args:
        device: a GPU.
        dtype: one of its `peaks`.
        memory_format: of images, `channels-last` or else contiguous.
        fitted: what efficiency.json holds, or another fit of the same form.
    """

    def __init__(
        self, device: Device, dtype: str, memory_format: str = "", fitted: Mapping[str, Any] | None = None
    ) -> None:
        self.device, self.dtype, self.memory_format = device, dtype, memory_format
        self._fitted = efficiency() if fitted is None else fitted
        known = self._fitted["devices"]
        self.is_measured = device.name in known
        own: Mapping[str, Any] = known.get(device.name) or inherited(device, known)
        self._products: dict[tuple[str, ...], float] = {}
        self._computing, self._moving = float(own["computing"]), float(own["moving"])
        # As wide as the errors on networks that the fit had not seen: of this card if it has enough of their kind, else
        # of cards that were left out.
        self._spread = {**self._fitted["spread"], **own.get("spread", {})}

    def time(self, work: Work, backward: bool = False) -> tuple[float, float, float, float]:
        """Seconds of all runs of an operation; the seconds of computing and of moving alone; and the factor within
        which the times of most networks of such work lie, in both directions.
        """
        one = kernel(work, self.device, self.dtype, self.memory_format, backward)
        computing = one.computing / (self._share(one.computing_shares) * self._computing)
        moving = one.moving / (self._share(one.moving_shares) * self._moving)
        moving += one.streaming / self._fitted["streaming"]
        seconds = math.hypot(computing, moving) + one.runs * SHORTEST
        return seconds, computing, moving, float(self._spread[one.spread])

    def _share(self, names: tuple[str, ...]) -> float:
        found = self._products.get(names)
        if found is None:
            shares = self._fitted["shares"]
            found = self._products[names] = math.prod(float(shares.get(name, 1.0)) for name in names)
        return found

    @property
    def basis(self) -> str:
        """The basis of times."""
        return BENCHMARKS if self.is_measured else DATASHEET

    def host(self, autocast: bool) -> tuple[float, float]:
        """Seconds that a program takes to launch a kernel, op by op, and the factor within which that holds."""
        host = self._fitted["host"]
        return float(host["autocast" if autocast else "plain"]), float(host["spread"])


def kind_of(graph: Graph) -> str:
    """Whether most of a network's products are convolutions."""
    every = convolved = 0
    for node, _, runs in walk(graph.nodes):
        every += int(node.macs) * runs
        convolved += int(node.macs) * runs * isinstance(node.layer, Convolution)
    return CONVOLUTIONAL if 2 * convolved > every else OTHERS


def profiled(device: Device) -> dict[str, float] | None:
    """The share of a card's peak rates in profiles, published or our own: large products, and sums of tensors."""
    calibration = device.calibration or {}
    found = calibration.get("coefficients", {}).get("forward", {})
    peak = device.peaks.get(str(calibration.get("dtype", "")))
    product, addition = (found.get(one.op) for one in (Linear, Add))
    if peak is None or product is None or addition is None:
        return None
    _, flops, tiled, *_ = product
    _, _, _, read, *_ = addition
    rates = {"computing": (flops + tiled) * peak, "moving": read * device.bandwidth}
    return {side: min(1.0, 1 / rate) for side, rate in rates.items()} if all(rates.values()) else None


def inherited(device: Device, known: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The shares assumed for a card without published times of networks: those in profiles of its operations, else the
    mean of similar cards.
    """
    if (own := profiled(device)) is not None:
        return own
    cards = [known[name] for name in relatives(device, known)]
    return {side: math.exp(sum(math.log(one[side]) for one in cards) / len(cards)) for side in ("computing", "moving")}


def relatives(device: Device, known: Iterable[str]) -> list[str]:
    """The cards whose multiprocessors are most similar to a card's; all cards if none is similar."""
    distances = {name: _distance(device.capability, find(name).capability) for name in known}
    nearest = min(distances.values())
    return [name for name, distance in distances.items() if distance == nearest]


def _distance(one: str, other: str) -> float:
    """How far apart two compute capabilities are; a major version is one architecture.

    Source: CUDA programming guide, compute capability.
    """
    alike = one and one.split(".")[0] == other.split(".")[0]
    return abs(float(one) - float(other)) if alike else math.inf


@cache
def efficiency() -> dict[str, Any]:
    """The content of efficiency.json."""
    found: dict[str, Any] = json.loads(read_file(FILE, 2**20))
    return found
