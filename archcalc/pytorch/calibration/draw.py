"""Which layers are measured: half as the specs have them, half with sizes drawn around those."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from random import Random

from archcalc.cost import Costs
from archcalc.diagnostics import SpecError
from archcalc.layers.base import REGISTRY
from archcalc.layers.convolution import Conv
from archcalc.layers.normalization import GroupNorm
from archcalc.layers.tensor import Shape
from archcalc.network.load import Graph
from archcalc.pytorch.calibration.sample import Sample, feature_axis, sample_of
from archcalc.pytorch.calibration.typical import IMAGES, SEQUENCES
from archcalc.quantity import product

# Keys that give a number of channels or features; these are drawn independently of the input's.
_WIDTHS = ("channels", "features", "hidden", "dim", "vocab")
# How far drawn sizes lie from those of a spec: up to a factor of 2 for channels, 1.5 for positions along an axis.
_WIDTH_RANGE, _POSITION_RANGE = 1.0, 0.6
_TRIES = 20
# After this many draws in a row that are too large or were drawn before, drawing stops.
_MOST_MISSES = 2000


def histogram(graphs: Sequence[Graph]) -> Counter[Sample]:
    """The layers of `graphs` that can stand alone, with how often each runs."""
    found: Counter[Sample] = Counter()
    for graph in graphs:
        costs = Costs(graph)
        for node in costs.layers():
            sample = sample_of(node, graph.batch)
            if sample is not None:
                found[sample] += node.copies
    return found


def typical() -> list[Sample]:
    """The layers of `typical.py`."""
    return [_parse(line) for line in (IMAGES + SEQUENCES).split("\n") if line]


def _parse(line: str) -> Sample:
    words, *shapes = line.split("|")
    op, *keys = words.split()
    arguments = [(name, value) for name, equals, value in (key.partition("=") for key in keys) if equals]
    tensors = [key for key in keys if "=" not in key]
    return Sample(op, tuple(arguments), tuple(tuple(map(int, shape.split())) for shape in shapes), tuple(tensors))


def draw(
    graphs: Sequence[Graph], rng: Random, most_flops: float, most_bytes: float, avoid: Collection[Sample] = ()
) -> Iterator[Sample]:
    """Distinct samples, taken alternately from the specs and around them; without specs, around typical layers.

    Drawing ends when hardly anything drawn is new and small enough.

    Args:
        graphs: the specs.
        rng: the source of randomness.
        most_flops, most_bytes: larger layers are skipped, because they would take the time of many others.
        avoid: samples not to draw.
    """
    seen = set(avoid)
    given = histogram(graphs)
    own = _weighted(given, rng)
    neighbours, others = _endless(list(given), rng), _endless(typical(), rng)
    misses = 0
    for index in itertools.count():
        if misses > _MOST_MISSES:
            return
        misses += 1
        sample = next(own, None) if index % 2 == 0 else None
        if sample is None:
            # Layers that the specs lack are measured as well: other networks will be predicted too.
            sample = around(next(neighbours if given and index % 4 < 3 else others), rng)
        if sample is not None and sample not in seen and is_measurable(sample, most_flops, most_bytes):
            seen.add(sample)
            misses = 0
            yield sample


def _endless(seeds: list[Sample], rng: Random) -> Iterator[Sample]:
    """All seeds in a random order, repeated forever."""
    rng.shuffle(seeds)
    return itertools.cycle(seeds)


def _weighted(found: Counter[Sample], rng: Random) -> Iterator[Sample]:
    """The samples in random order, those that run often rather first (Efraimidis and Spirakis 2006)."""
    yield from sorted(found, key=lambda sample: rng.random() ** (1 / found[sample]), reverse=True)


def is_measurable(sample: Sample, most_flops: float, most_bytes: float) -> bool:
    """Whether it is a valid layer and not too large."""
    try:
        costs = Costs(sample.graph()).totals
    except SpecError:
        return False
    moved = 4 * (costs.params + sum(product(shape) for shape in sample.inputs) * sample.batch) + costs.activation_bytes
    return costs.flops + costs.other_flops <= most_flops and moved <= most_bytes


def around(sample: Sample, rng: Random) -> Sample | None:
    """The layer of `sample` with other channels, positions and batch; None if none was found that fits."""
    for _ in range(_TRIES):
        drawn = _changed(sample, rng)
        try:
            drawn.graph()
        except (SpecError, ValueError):
            continue
        return drawn
    return None


def _changed(sample: Sample, rng: Random) -> Sample:
    arguments = dict(sample.arguments)
    cin = sample.inputs[0][feature_axis(sample, sample.inputs[0])]
    widths = {cin: _scaled(cin, _WIDTH_RANGE, rng)}
    if "heads" in arguments:  # heads keep their size
        heads = _scaled(int(arguments["heads"]), _WIDTH_RANGE, rng, int(arguments.get("kv_heads", 1)))
        widths[cin] = cin // int(arguments["heads"]) * heads
        arguments["heads"] = str(heads)
    if "groups" in arguments and isinstance(sample.layer, Conv):
        groups = int(arguments["groups"])
        channels = int(arguments["channels"])
        if groups == cin:  # depthwise
            arguments["groups"] = str(widths[cin])
            widths[channels] = widths[cin] * channels // cin
        else:
            # Kernels for multiples of 4, 8, ... channels are much faster than those for odd numbers.
            multiple = groups * (4 if cin % (4 * groups) == 0 else 1)
            widths[cin] = _scaled(cin, _WIDTH_RANGE, rng, multiple)
            widths[channels] = _scaled(channels, _WIDTH_RANGE, rng, multiple)
    elif isinstance(sample.layer, GroupNorm):
        widths[cin] = _scaled(cin, _WIDTH_RANGE, rng, int(arguments.get("groups", 1)))
    for name in _WIDTHS:
        if name in arguments:
            size = int(arguments[name])
            arguments[name] = str(widths.get(size) if "groups" in arguments else _scaled(size, _WIDTH_RANGE, rng))
    positions: dict[int, int] = {}
    inputs = [_resized(sample, index, shape, widths, positions, rng) for index, shape in enumerate(sample.inputs)]
    if "length" in arguments:
        arguments["length"] = str(inputs[0][-2])
    batch = rng.choice((1, 1, 2, 4)) if product(inputs[0]) * sample.batch < 100_000 else 1
    return sample.replaced(arguments, inputs, sample.batch * batch)


def _resized(
    sample: Sample, index: int, shape: Shape, widths: dict[int, int], positions: dict[int, int], rng: Random
) -> Shape:
    """The shape with new sizes; sizes that were equal across inputs stay equal."""
    axis = None if REGISTRY[sample.op].numeric is False and len(shape) == 1 else feature_axis(sample, shape)
    sizes = []
    for number, size in enumerate(shape):
        if number == axis:
            if size not in widths:
                widths[size] = _scaled(size, _WIDTH_RANGE, rng)
            sizes.append(widths[size])
        else:
            if size not in positions:
                positions[size] = _scaled(size, _POSITION_RANGE, rng)
            sizes.append(positions[size])
    return tuple(sizes)


def _scaled(size: int, octaves: float, rng: Random, multiple: int | None = None) -> int:
    """`size` times a power of two, drawn up to `octaves` either way; small numbers of channels (1, 3) stay."""
    if size <= 4 and multiple is None:
        return size
    if multiple is None:
        multiple = 8 if size % 8 == 0 else 1
    return max(1, round(size * 2 ** rng.uniform(-octaves, octaves) / multiple)) * multiple
