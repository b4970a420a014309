"""Pooling."""

from __future__ import annotations

import re
from typing import Any

from archcalc.tracing.calls import Call
from archcalc.tracing.operations.convolution import sizes
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Given, reads

_DIGIT = re.compile(r"(\d)d")
_NAMES = "{0}1d {0}2d {0}3d"


@reads(
    _NAMES.format("max_pool") + " " + " ".join(f"max_pool{n}d_with_indices" for n in (1, 2, 3)),
    "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False",
)
def maxpool(reader: Reader, call: Call, a: Any) -> Given:
    """F.max_pool2d."""
    axes = int(_DIGIT.search(call.name)[1])  # type: ignore[index]
    kernel = sizes(a.kernel_size, axes)
    keys = {
        "kernel": kernel,
        "stride": sizes(a.stride, axes) if a.stride not in (None, []) else kernel,
        "padding": sizes(a.padding, axes),
        "ceil": bool(a.ceil_mode),
        "dilation": sizes(a.dilation, axes),
    }
    return reader.on_space("maxpool", a.input, keys, axes)


@reads(
    _NAMES.format("avg_pool"),
    "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
)
def avgpool(reader: Reader, call: Call, a: Any) -> Given:
    """F.avg_pool2d."""
    axes = int(_DIGIT.search(call.name)[1])  # type: ignore[index]
    kernel = sizes(a.kernel_size, axes)
    keys: dict[str, Any] = {
        "kernel": kernel,
        "stride": sizes(a.stride, axes) if a.stride not in (None, []) else kernel,
        "padding": sizes(a.padding, axes),
        "ceil": bool(a.ceil_mode),
        "count_include_pad": bool(a.count_include_pad),
    }
    if not any(keys["padding"]) and not keys["ceil"]:
        keys["count_include_pad"] = True  # without padding there is none to count
    if a.divisor_override is not None:
        keys["divisor_override"] = a.divisor_override
    return reader.on_space("avgpool", a.input, keys, axes)


@reads(
    _NAMES.format("adaptive_avg_pool") + " " + _NAMES.format("adaptive_max_pool"),
    "input output_size return_indices=False",
)
def adaptive(reader: Reader, call: Call, a: Any) -> Given:
    """F.adaptive_avg_pool2d."""
    axes = int(_DIGIT.search(call.name)[1])  # type: ignore[index]
    op = "adaptiveavgpool" if "avg" in call.name else "adaptivemaxpool"
    wanted = sizes(a.output_size, axes)
    if all(one is None for one in wanted):
        return reader.out(a.input)
    return reader.on_space(op, a.input, {"output": tuple(-1 if one is None else one for one in wanted)}, axes)
