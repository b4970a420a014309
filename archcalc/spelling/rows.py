"""Rows of an Ultralytics file, `[-1, 1, Conv, [64, 3, 2]]`: from, repeats, module, arguments."""

from __future__ import annotations

import re

from archcalc.advice import written
from archcalc.diagnostics import Advice
from archcalc.source import Scalar, Sequence
from archcalc.spelling.convert import from_python
from archcalc.spelling.names import meaning


def advice_on(row: Sequence) -> str | Advice:
    """What to write instead of a row."""
    source, repeats, module, arguments = row.items
    assert isinstance(repeats, Scalar) and isinstance(module, Scalar) and isinstance(arguments, Sequence)  # noqa: PT018
    values = [value.text if isinstance(value, Scalar) else "" for value in arguments.items]
    if not isinstance(source, Scalar) or source.text != "-1":
        if module.text == "Concat":
            return "it is `concat: [prev, NAME]` here; name= gives the other layer its name"
        return f"layers are referred to by name: from=NAME, with name=NAME on the layer that row {_shown(row)} means"
    line = _line(module.text, values)
    if line is None:
        known = meaning(module.text)
        return known.sentence if known else "put its layers under `blocks:`, and call it by the name of that block"
    if repeats.text != "1":
        line = f"{{repeat: {repeats.text}, layers: {line if line.startswith('[') else f'[{line}]'}}}"
    return Advice(f"write `{line}`", written(row, line))


def _line(module: str, values: list[str]) -> str | None:
    """The layers of a module whose arguments are numbers."""
    if module in ("Conv", "DWConv") and values and all(re.fullmatch(r"\d+", value) for value in values[:3]):
        channels, kernel, stride = (*values[:3], *("1", "1", "1")[len(values[:3]) :])
        more = "" if stride == "1" else f" stride={stride}"
        border = "" if kernel == "1" else f" padding={int(kernel) // 2}"
        groups = " groups=cin" if module == "DWConv" else ""
        if module == "DWConv":
            channels = "cin"
        return f"[conv {channels} kernel={kernel}{more}{border}{groups} bias=false, batchnorm, silu]"
    if module.startswith("nn."):
        shown = ", ".join(value if re.fullmatch(r"[\d.]+|None|True|False", value) else repr(value) for value in values)
        readings = from_python(f"{module}({shown})").readings
        return readings[0] if len(readings) == 1 else None
    return None


def _shown(row: Sequence) -> str:
    first = row.items[0]
    return (
        first.text
        if isinstance(first, Scalar)
        else str([one.text for one in first.items if isinstance(one, Scalar)] if isinstance(first, Sequence) else "")
    )
