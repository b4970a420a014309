"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import MisfitError
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced


class Window:
    """The window of a convolution or pooling, with a size per spatial axis.

    Attributes:
        kernel, stride, dilation: of the window; before, after: the padding.
    """

    def __init__(self, node: Node, space: Sequence[int], kernel: Sequence[int]) -> None:
        axes = len(space)
        attributes = node.attributes
        self.kernel = list(kernel)
        self.stride = list(attributes.get("strides") or [1] * axes)
        self.dilation = list(attributes.get("dilations") or [1] * axes)
        pads = list(attributes.get("pads") or [0] * 2 * axes)
        self.before, self.after = pads[:axes], pads[axes:]
        if not len(self.kernel) == len(self.stride) == len(self.dilation) == len(self.after) == axes:
            raise MisfitError(f"a window of {len(self.kernel)} axes over {axes}")
        if min(*self.kernel, *self.stride, *self.dilation) < 1:
            raise MisfitError(f"a window of {self.kernel} with the stride {self.stride}")
        self.auto = attributes.get("auto_pad") or "NOTSET"
        if self.auto == "VALID":
            self.before, self.after = [0] * axes, [0] * axes
        elif self.auto.startswith("SAME"):
            for axis, size in enumerate(space):
                out = -(-size // self.stride[axis])
                wide = (self.kernel[axis] - 1) * self.dilation[axis] + 1
                total = max(0, (out - 1) * self.stride[axis] + wide - size)
                small, large = total // 2, total - total // 2
                lower = self.auto == "SAME_LOWER"
                self.before[axis], self.after[axis] = (large, small) if lower else (small, large)

    @property
    def is_even(self) -> bool:
        """Whether the padding is the same on both sides."""
        return self.before == self.after

    def out(self, space: Sequence[int], ceil: bool = False) -> list[int]:
        """The number of windows along each axis; with ceil mode, none starts in the trailing padding."""
        found = []
        for axis, size in enumerate(space):
            wide = (self.kernel[axis] - 1) * self.dilation[axis] + 1
            room = size + self.before[axis] + self.after[axis] - wide
            if room < 0:
                raise MisfitError(f"a window of {wide} does not fit in {size}")
            count = (-(-room // self.stride[axis]) if ceil else room // self.stride[axis]) + 1
            if ceil and (count - 1) * self.stride[axis] >= size + self.before[axis]:
                count -= 1
            found.append(count)
        return found


def bordered(run: Running, x: Traced, window: Window, value: float = 0) -> Traced:
    """Moves asymmetric padding into a separate layer; the window then has none."""
    if window.is_even:
        return x
    pairs = [side for pair in zip(reversed(window.before), reversed(window.after)) for side in pair]
    shape = [size + before + after for size, before, after in zip(x.shape[2:], window.before, window.after)]
    window.before, window.after = [0] * len(shape), [0] * len(shape)
    return run.call("pad", [x, pairs, "constant", value], (*x.shape[:2], *shape))


@operator("Conv")
def convolution(run: Running, node: Node, x: Traced, weight: Traced, bias: Traced | None = None) -> Traced:
    """Conv."""
    window = Window(node, x.shape[2:], weight.shape[2:])
    groups = node.attributes.get("group", 1)
    axes = len(window.kernel)
    if not 1 <= axes <= 3 or groups < 1 or x.shape[1] != weight.shape[1] * groups:
        raise MisfitError(f"a weight {list(weight.shape)} in {groups} groups over {list(x.shape)}")
    if bias is not None and list(bias.shape) != [weight.shape[0]]:
        raise MisfitError(f"a bias {list(bias.shape)} for {weight.shape[0]} channels")
    shape = (x.shape[0], weight.shape[0], *window.out(x.shape[2:]))
    words = window.auto == "SAME_UPPER" and not window.is_even
    if not words:
        x = bordered(run, x, window)
    own, shift = run.learned(weight, bias)
    padding: Any = "same_upper" if words else window.before
    return run.call(f"conv{axes}d", [x, own, shift, window.stride, padding, window.dilation, groups], shape)


@operator("FusedConv", "com.microsoft")
def fused(run: Running, node: Node, x: Traced, weight: Traced, bias: Traced | None = None, z: Any = None) -> Traced:
    """A convolution fused with an activation."""
    made = convolution(run, node, x, weight, bias)
    if z is not None:
        made = run.call("add", [made, z], made.shape)
    name = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hardswish"}.get(
        node.attributes.get("activation", "")
    )
    if name is None:
        raise UnreadError(f"with the activation {node.attributes.get('activation')}")
    return run.call(name, [made], made.shape)


@operator("ConvTranspose")
def transposed(run: Running, node: Node, x: Traced, weight: Traced, bias: Traced | None = None) -> Traced:
    """ConvTranspose; asymmetric padding is cropped afterwards."""
    space, axes = x.shape[2:], len(x.shape) - 2
    window = Window(
        Node.made(node, node.op, [], [], {**node.attributes, "auto_pad": "NOTSET"}), space, weight.shape[2:]
    )
    more = list(node.attributes.get("output_padding") or [0] * axes)
    groups = node.attributes.get("group", 1)
    full = [
        (size - 1) * stride + (kernel - 1) * dilation + 1 + extra
        for size, stride, kernel, dilation, extra in zip(space, window.stride, window.kernel, window.dilation, more)
    ]
    wanted = node.attributes.get("output_shape")
    auto = node.attributes.get("auto_pad") or "NOTSET"
    if wanted or auto.startswith("SAME"):
        sizes = list(wanted[-axes:]) if wanted else [size * stride for size, stride in zip(space, window.stride)]
        for axis in range(axes):
            total = max(0, full[axis] - sizes[axis])
            small, large = total // 2, total - total // 2
            window.before[axis], window.after[axis] = (small, large) if auto == "SAME_UPPER" else (large, small)
    cut = [(0, 0)] * axes
    if not window.is_even:
        low = [min(pair) for pair in zip(window.before, window.after)]
        cut = [(before - one, after - one) for before, after, one in zip(window.before, window.after, low)]
        window.before = window.after = low
    sizes = [size - 2 * border for size, border in zip(full, window.before)]
    if x.shape[1] != weight.shape[0] or min(sizes) < 1:
        raise MisfitError(f"a weight {list(weight.shape)} over {list(x.shape)}")
    if bias is not None and list(bias.shape) != [weight.shape[1] * groups]:
        raise MisfitError(f"a bias {list(bias.shape)} for {weight.shape[1] * groups} channels")
    own, shift = run.learned(weight, bias)
    shape = (x.shape[0], weight.shape[1] * groups, *sizes)
    args = [x, own, shift, window.stride, window.before, more, groups, window.dilation]
    made = run.call(f"conv_transpose{axes}d", args, shape)
    if not any(map(any, cut)):
        return made
    parts = [slice(before, size - after) for size, (before, after) in zip(sizes, cut)]
    kept = [size - before - after for size, (before, after) in zip(sizes, cut)]
    return run.call("getitem", [made, [slice(None), slice(None), *parts]], (*shape[:2], *kept))


# PyTorch's names for ONNX's interpolation and coordinate modes; other pairs are not supported.
_MODES = {
    ("nearest", "asymmetric"): "nearest", ("nearest", "half_pixel"): "nearest-exact", ("linear", "half_pixel"): "linear",
    ("linear", "pytorch_half_pixel"): "linear", ("linear", "align_corners"): "linear", ("cubic", "half_pixel"): "bicubic",
    ("cubic", "pytorch_half_pixel"): "bicubic", ("cubic", "align_corners"): "bicubic",
    ("nearest", "tf_half_pixel_for_nn"): "nearest-exact", ("nearest", "pytorch_half_pixel"): "nearest-exact",
}  # fmt: skip


@operator("Resize Upsample")
def resized(run: Running, node: Node, x: Traced, *rest: Traced | None) -> Traced:
    """Resizes the spatial axes, by scales or to given sizes."""
    attributes = node.attributes
    given = [None if one is None or one.array is None else one.array.numbers for one in rest] + [None] * 3
    scales, sizes = (given[0], None) if node.op == "Upsample" or run.model.opset < 11 else (given[1], given[2])
    scales = scales or attributes.get("scales")
    place = attributes.get("coordinate_transformation_mode") or (
        "asymmetric" if node.op == "Upsample" or run.model.opset < 11 else "half_pixel"
    )
    axes = attributes.get("axes") or list(range(len(x.shape)))
    mode = _MODES.get((attributes.get("mode") or "nearest", place))
    if (
        mode is None
        or attributes.get("antialias")
        or attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    ):
        raise UnreadError(
            f"with the coordinate mode `{place}`" if mode is None else "with an aspect-ratio policy or antialiasing"
        )
    shape = list(x.shape)
    if sizes:
        for axis, size in zip(axes, sizes):
            shape[axis] = size
    elif scales:
        for axis, factor in zip(axes, scales):
            shape[axis] = int(shape[axis] * factor + 1e-9)
    else:
        raise UnreadError("to a computed size")
    shape[:2] = x.shape[:2]
    if len(shape) < 3 or min(shape) < 1:
        raise MisfitError(f"{list(x.shape)} to {shape}")
    if mode == "linear":
        mode = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(len(shape), mode)
    keys: dict[str, Any] = {"mode": mode}
    if sizes:
        keys["size"] = shape[2:]
    else:
        by = dict(zip(axes, scales or ()))
        keys["scale_factor"] = [by.get(axis, 1) for axis in range(2, len(shape))]
    if place == "align_corners":
        keys["align_corners"] = True
    return run.call("interpolate", [x], shape, keys)


@operator("DepthToSpace SpaceToDepth")
def shuffled(run: Running, node: Node, x: Traced) -> Traced:
    """Pixel shuffle; the other channel order permutes axes first."""
    size = node.attributes.get("blocksize", 1)
    batch, channels, height, width = x.shape
    if size < 1:
        raise MisfitError(f"blocks of {size}")
    if node.op == "SpaceToDepth":
        if height % size or width % size:
            raise MisfitError(f"blocks of {size} in {height}×{width}")
        apart = run.call("reshape", [x], (batch, channels, height // size, size, width // size, size))
        moved = run.call(
            "permute", [apart, [0, 3, 5, 1, 2, 4]], (batch, size, size, channels, height // size, width // size)
        )
        return run.call("reshape", [moved], (batch, channels * size * size, height // size, width // size))
    if channels % (size * size):
        raise MisfitError(f"blocks of {size} in {channels} channels")
    shape = (batch, channels // (size * size), height * size, width * size)
    if node.attributes.get("mode", "DCR") == "CRD":
        return run.call("pixel_shuffle", [x, size], shape)
    apart = run.call("reshape", [x], (batch, size, size, shape[1], height, width))
    moved = run.call("permute", [apart, [0, 3, 4, 1, 5, 2]], (batch, shape[1], height, size, width, size))
    return run.call("reshape", [moved], shape)
