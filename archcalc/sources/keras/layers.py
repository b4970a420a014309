"""Single-input Keras layers as lines; tensors with three or more axes have channels first."""

from __future__ import annotations

from math import prod

from archcalc.sources.file import Json
from archcalc.sources.keras.activations import activation, channel_axis
from archcalc.sources.keras.layer import Layer
from archcalc.sources.keras.norms import LAST, NORMS, Made, Maker, around, by_channel, numbers
from archcalc.sources.keras.recurrent import RECURRENT
from archcalc.sources.writing import Item


def _size(sizes: list[int]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(map(str, sizes))


def _bias(layer: Layer) -> str:
    return "" if layer.flag("use_bias", True) else " bias=false"


def _dense(layer: Layer, rank: int, mark: str) -> Made:
    end = f"{_bias(layer)}{mark}{layer.frozen_mark}"
    line = f"conv {layer.whole('units')} kernel=1{end}" if rank >= 3 else f"linear {layer.whole('units')}{end}"
    return [line, *activation(layer, "activation", rank)], rank


def _window(layer: Layer, rank: int, key: str = "kernel_size") -> tuple[list[int], list[int], str]:
    """Kernel, strides, and the text for strides and padding."""
    space = rank - 1
    kernel = layer.sizes(key, space)
    strides = layer.sizes("strides", space, None if key == "pool_size" and layer.get("strides") is not None else 1)
    if key == "pool_size" and layer.get("strides") is None:
        strides = kernel
    padding = layer.word("padding", ("valid", "same", "causal"), "valid")
    words = f" stride={_size(strides)}" if max(strides) > 1 or key == "pool_size" else ""
    if padding == "same" and key != "pool_size":
        words += " padding=same_upper" if max(strides) > 1 else " padding=same"
    return kernel, strides, words


def _conv(layer: Layer, rank: int, mark: str) -> Made:
    space = rank - 1
    kernel, _, words = _window(layer, rank)
    dilation = layer.sizes("dilation_rate", space, 1)
    groups = layer.whole("groups", 1)
    words += f" dilation={_size(dilation)}" if max(dilation) > 1 else ""
    words += f" groups={groups}" if groups > 1 else ""
    before: list[Item] = []
    if layer.get("padding") == "causal":
        before = [f"pad before={dilation[0] * (kernel[0] - 1)}"]
    line = f"conv {layer.whole('filters')} kernel={_size(kernel)}{words}{_bias(layer)}{mark}{layer.frozen_mark}"
    return around(rank, [*before, line, *activation(layer, "activation", max(rank, 3))]), rank


def _depthwise(layer: Layer, rank: int, mark: str) -> Made:
    kernel, _, words = _window(layer, rank)
    several, dilation = layer.whole("depth_multiplier", 1), layer.sizes("dilation_rate", rank - 1, 1)
    words += f" dilation={_size(dilation)}" if max(dilation) > 1 else ""
    channels = "cin" if several == 1 else f"{several}*cin"
    line = f"conv {channels} kernel={_size(kernel)}{words} groups=cin{_bias(layer)}{mark}{layer.frozen_mark}"
    return around(rank, [line, *activation(layer, "activation", max(rank, 3))]), rank


def _separable(layer: Layer, rank: int, mark: str) -> Made:
    if mark:
        layer.refuse(f"`{layer.kind}` {layer.name!r} is called several times, which is not supported yet")
    kernel, _, words = _window(layer, rank)
    several, dilation = layer.whole("depth_multiplier", 1), layer.sizes("dilation_rate", rank - 1, 1)
    words += f" dilation={_size(dilation)}" if max(dilation) > 1 else ""
    channels, end = "cin" if several == 1 else f"{several}*cin", layer.frozen_mark
    lines: list[Item] = [
        f"conv {channels} kernel={_size(kernel)}{words} groups=cin bias=false{end}",
        f"conv {layer.whole('filters')} kernel=1{_bias(layer)}{end}",
    ]
    return around(rank, [*lines, *activation(layer, "activation", max(rank, 3))]), rank


def _transposed(layer: Layer, rank: int, mark: str) -> Made:
    kernel, strides, _ = _window(layer, rank)
    layer.only("output_padding", None)
    layer.only("dilation_rate", 1, [1] * (rank - 1))
    words = f"convtranspose {layer.whole('filters')} kernel={_size(kernel)}"
    words += f" stride={_size(strides)}" if max(strides) > 1 else ""
    after: list[Item] = []
    if layer.get("padding") == "same":
        # cropped so that every side becomes the stride times its length
        spare = [max(k - s, 0) for k, s in zip(kernel, strides)]
        lacks = [max(s - k, 0) for k, s in zip(kernel, strides)]
        cut = [
            f"pad before={_size([-(one // 2) for one in spare])} after={_size([-(one - one // 2) for one in spare])}"
        ]
        after = list(cut) if any(spare) else []
        after += [f"pad before=0 after={_size(lacks)}"] if any(lacks) else []
    line = f"{words}{_bias(layer)}{mark}{layer.frozen_mark}"
    return around(rank, [line, *after, *activation(layer, "activation", max(rank, 3))]), rank


def _pool(kind: str) -> Maker:
    def make(layer: Layer, rank: int, mark: str) -> Made:
        kernel, strides, words = _window(layer, rank, "pool_size")
        line = f"{kind} {_size(kernel)}{words}"
        if layer.get("padding") != "same" or max(kernel) == 1:
            return around(rank, [line]), rank
        if kind == "maxpool":
            return around(rank, [f"{line} padding=same_upper"]), rank
        lacks = [
            f"max((ceil(size(prev, {axis + 1})/{stride})-1)*{stride}+{size}-size(prev, {axis + 1}), 0)"
            for axis, (size, stride) in enumerate(zip(kernel, strides))
        ]
        before = "x".join(f"({one}//2)" for one in lacks)
        after = "x".join(f"(({one}+1)//2)" for one in lacks)
        return around(rank, [f"pad before={before} after={after}", line]), rank

    return make


def _global(kind: str) -> Maker:
    def make(layer: Layer, rank: int, mark: str) -> Made:
        keeps = layer.flag("keepdims")
        if rank == 2:
            return [f"{'mean' if kind == 'avg' else 'max'} 0{' keepdim=true' if keeps else ''}"], 2 if keeps else 1
        items: list[Item] = [f"adaptive{kind}pool 1"]
        return (items, rank) if keeps else ([*items, "flatten"], 1)

    return make


def _activation(key: str = "activation") -> Maker:
    def make(layer: Layer, rank: int, mark: str) -> Made:
        return activation(layer, key, rank) or ["identity"], rank

    return make


def _relu(layer: Layer, rank: int, mark: str) -> Made:
    most = layer.get("max_value")
    slope, start = layer.number("negative_slope", 0.0), layer.number("threshold", 0.0)
    if start or (slope and most is not None):
        layer.wrong("threshold", "a threshold, or a slope together with a bound, is not supported yet")
    if most == 6:
        return ["relu6"], rank
    if most is not None:
        return [f"hardtanh low=0 high={layer.number('max_value', 6):g}"], rank
    return [f"leakyrelu slope={slope:g}" if slope else "relu"], rank


def _leaky(layer: Layer, rank: int, mark: str) -> Made:
    return [f"leakyrelu slope={layer.number('negative_slope', layer.number('alpha', 0.3)):g}"], rank


def _elu(layer: Layer, rank: int, mark: str) -> Made:
    alpha = layer.number("alpha", 1.0)
    return ["elu" if alpha == 1 else f"elu alpha={alpha:g}"], rank


def _softmax(layer: Layer, rank: int, mark: str) -> Made:
    axis = layer.get("axis")
    if axis not in (None, -1, rank, [-1]):
        layer.wrong("axis", "only the last axis is supported")
    return [f"softmax axis={channel_axis(rank)}"], rank


def _embedding(layer: Layer, rank: int, mark: str) -> Made:
    if rank > 2:
        layer.refuse("an embedding of a tensor with more than two axes is not supported")
    return [f"embedding {layer.whole('input_dim')} dim={layer.whole('output_dim')}{mark}{layer.frozen_mark}"], rank + 1


def _flatten(layer: Layer, rank: int, mark: str) -> Made:
    return ["flatten" if rank > 1 else "identity"], 1


def _reshape(layer: Layer, rank: int, mark: str) -> Made:
    target = layer.get("target_shape")
    sizes = target if isinstance(target, list) else []
    if (
        not sizes
        or len(sizes) > 4
        or any(isinstance(one, bool) or not isinstance(one, int) or one < -1 or one == 0 for one in sizes)
    ):
        layer.wrong("target_shape", "must be a list of one to four sizes")
    there = [LAST[rank][0]] if rank in LAST else []
    if rank == 1 and len(sizes) >= 3 and prod(int(str(one)) for one in sizes[:-1]) == 1:
        return [f"reshape {'x'.join(map(str, [sizes[-1], *sizes[:-1]]))}"], len(sizes)
    back = [LAST[len(sizes)][1]] if len(sizes) in LAST else []
    return [*there, f"reshape {'x'.join(map(str, sizes))}", *back], len(sizes)


def _permute(layer: Layer, rank: int, mark: str) -> Made:
    dims = layer.get("dims")
    if not isinstance(dims, list) or sorted(str(one) for one in dims) != [str(one) for one in range(1, rank + 1)]:
        layer.wrong("dims", f"must be a permutation of the axes 1 to {rank}")
    letters = "abde"[:rank]
    there = [LAST[rank][0]] if rank in LAST else []
    back = [LAST[rank][1]] if rank in LAST else []
    order = " ".join(letters[int(str(one)) - 1] for one in dims)
    return [*there, f"rearrange '{' '.join(letters)} -> {order}'", *back], rank


def _dropout(layer: Layer, rank: int, mark: str) -> Made:
    return [f"dropout {layer.number('rate', 0.5):g}"], rank


def _nothing(*keys: str) -> Maker:
    """A layer that does nothing at inference."""

    def make(layer: Layer, rank: int, mark: str) -> Made:
        for key in keys or tuple(layer.settings):
            layer.get(key)
        return ["identity"], rank

    return make


def _pairs(layer: Layer, key: str, space: int) -> list[list[int]]:
    """Padding before and after each axis, from one number, one per axis, or pairs."""
    value = layer.get(key)
    values: list[Json] = value if isinstance(value, list) else [value] * space
    if space == 1 and len(values) == 2 and not isinstance(values[0], list):
        values = [values]
    found = []
    for one in values:
        pair = one if isinstance(one, list) else [one, one]
        fits = [n for n in pair if isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31]
        if len(pair) != 2 or len(fits) != 2:
            layer.wrong(key, "must be a whole number, one for each axis, or a pair for each axis")
        found.append(fits)
    if len(found) != space:
        layer.wrong(key, f"must be for {space} axes")
    return found


def _border(key: str, sign: int) -> Maker:
    def make(layer: Layer, rank: int, mark: str) -> Made:
        pairs = _pairs(layer, key, rank - 1)
        before, after = (_size([sign * pair[side] for pair in pairs]) for side in (0, 1))
        line = f"pad {before}" if before == after else f"pad before={before} after={after}"
        return around(rank, [line]), rank

    return make


def _upsample(layer: Layer, rank: int, mark: str) -> Made:
    kind = layer.word("interpolation", ("nearest", "bilinear", "bicubic"), "nearest")
    more = "" if kind == "nearest" else f" mode={kind}"
    return around(rank, [f"upsample {_size(layer.sizes('size', rank - 1, 2))}{more}"]), rank


def _rescale(layer: Layer, rank: int, mark: str) -> Made:
    scale, offset = layer.get("scale"), layer.get("offset")
    if any(isinstance(one, bool) or not isinstance(one, (int, float, list, type(None))) for one in (scale, offset)):
        layer.wrong("scale", "must be a number, or one for each channel")
    if isinstance(scale, list) or isinstance(offset, list):
        found = [by_channel("mul", numbers(layer, "scale"), rank)] if scale is not None else []
        return found + ([by_channel("add", numbers(layer, "offset"), rank)] if offset else []), rank
    items: list[Item] = [f"scale {layer.number('scale', 1):.9g}"]
    return items + ([f"offset {layer.number('offset', 0):.9g}"] if offset else []), rank


def _repeat_vector(layer: Layer, rank: int, mark: str) -> Made:
    return ["reshape 1x-1", f"expand {layer.whole('n')}x-1"], 2


LAYERS: dict[str, Maker] = {
    "Dense": _dense, "Conv1D": _conv, "Conv2D": _conv, "Conv3D": _conv, "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise, "SeparableConv1D": _separable, "SeparableConv2D": _separable,
    "Conv1DTranspose": _transposed, "Conv2DTranspose": _transposed, "Conv3DTranspose": _transposed,
    **{f"MaxPooling{n}D": _pool("maxpool") for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": _pool("avgpool") for n in (1, 2, 3)},
    **{f"GlobalAveragePooling{n}D": _global("avg") for n in (1, 2, 3)},
    **{f"GlobalMaxPooling{n}D": _global("max") for n in (1, 2, 3)},
    "Activation": _activation(), "ReLU": _relu, "LeakyReLU": _leaky, "ELU": _elu, "Softmax": _softmax,
    "Embedding": _embedding, "Flatten": _flatten, "Reshape": _reshape, "Permute": _permute, "RepeatVector": _repeat_vector,
    "Dropout": _dropout, "AlphaDropout": _dropout, "GaussianDropout": _dropout, "SpatialDropout1D": _dropout,
    "SpatialDropout2D": _dropout, "SpatialDropout3D": _dropout, "GaussianNoise": _nothing("stddev"), "Identity": _nothing(),
    "Masking": _nothing(), "ActivityRegularization": _nothing("l1", "l2"),
    **{f"ZeroPadding{n}D": _border("padding", 1) for n in (1, 2, 3)},
    **{f"Cropping{n}D": _border("cropping", -1) for n in (1, 2, 3)},
    **{f"UpSampling{n}D": _upsample for n in (1, 2, 3)}, "Rescaling": _rescale,
    **{f"Random{kind}": _nothing() for kind in ("Flip", "Rotation", "Zoom", "Translation", "Contrast", "Brightness")},
    **NORMS,
    **RECURRENT,
}  # fmt: skip
