"""Coefficients of GPUs from the vidur project's published profiles, and how far they are off. Run by hand:

    .venv/bin/python tests/benchmarks/fit_gpu.py gpu_ops.csv [--write]

The table has the median times of the operations of decoder layers, fp16, in columns device, model, op, num_tokens, tp,
M, N, K and median_ms; it is not part of this repository. A model's layer is one at a number of tokens and of
GPUs that share it (`tp`). Errors are those of layers of a model that the fit has not seen: the sum over a
layer's operations, and single operations. With --write the coefficients go into archcalc/devices/.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import statistics
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from archcalc.devices import Device, find, save
from archcalc.devices import device as device_module
from archcalc.prediction.model import FEATURES, Model, features, pool_of
from archcalc.prediction.work import Work
from archcalc.pytorch.calibration.fit import Point, fit

DEVICES = ("a100", "a40", "h100")
DTYPE, WIDTH = "fp16", 2
# Of 1, 1.5, 2, 3 and 4 the one with the least error; 1.5 is as good.
OVERLAP = 2.0
SOURCE = "published profiles of the vidur project (github.com/microsoft/vidur, MIT licence), medians"
# One kernel in vidur's server, two operations in PyTorch: it says how fast element-wise work is, and is no kind.
_FUSED = "silu and mul"


@dataclass(frozen=True)
class Row:
    """An operation measured."""

    model: str
    layer: tuple[str, str, str]
    work: Work
    seconds: float


def work(op: str, m: int, n: int, k: int) -> Work:
    """What an operation of the table computes and moves; `n` features of `m` tokens, or a product with weights [k, n]."""
    size, width = m * n, WIDTH
    if k > 0:
        kind = "linear" if m > 1 else "matrix-vector"
        return Work(kind, m, n, k, 2 * size * k, width * m * k, width * n * k, width * size, width * n * k, 1)
    if op.endswith("layernorm"):
        return Work("rmsnorm", 0, 0, 0, 4 * size, width * size, width * n, width * size, width * n, 1)
    if op == "mlp_act":
        return Work(_FUSED, 0, 0, 0, 5 * size, 2 * width * size, 0, width * size, 0, 1)
    if op == "add":
        return Work("add", 0, 0, 0, size, 2 * width * size, 0, width * size, 0, 1)
    if op == "attn_rope":
        return Work("rope", 0, 0, 0, 3 * size, width * size, 0, width * size, 0, 1)
    raise SystemExit(f"{op} is not an operation that is known here")


def read(path: str) -> dict[str, list[Row]]:
    """The rows of each device."""
    found: dict[str, list[Row]] = defaultdict(list)
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            done = work(row["op"], int(row["M"]), int(row["N"]), int(row["K"]))
            layer = (row["model"], row["num_tokens"], row["tp"])
            found[row["device"]].append(Row(row["model"], layer, done, float(row["median_ms"]) / 1000))
    return found


def fitted(device: Device, rows: list[Row], overlap: float) -> dict[str, Any]:
    """Coefficients of each kind. The sum of powers is linear in the powers of coefficients, so calibration's fit does."""
    kinds = {}
    for kind in sorted({one.work.kind for one in rows}):
        points = [
            Point(kind, ((kind, _powers(device, one.work, overlap)),), one.seconds**overlap)
            for one in rows
            if one.work.kind == kind
        ]
        found = fit(points, pool_of, hold_out=False).coefficients[kind]
        values = [float(f"{one ** (1 / overlap):.4g}") for one in found]
        if kind != "linear":
            values[5] = values[3]
            values[4] = values[4] or values[3]
        kinds[kind] = values
    # Kinds that were not measured are left to what published times of whole networks say.
    return {"overlap": overlap, "coefficients": {"forward": kinds}, "pools": {"forward": {}}}


def _powers(device: Device, done: Work, overlap: float) -> tuple[float, ...]:
    """The features, of which only `linear` takes all.

    What else there is waits for memory: a constant and one rate for all bytes can be told from these
    shapes and hold for others too; FLOPs and bytes of the three sorts rise and fall together. Norms work on a
    row at a time, so the bytes of their weights, which are as long, stay apart.
    """
    powers = [one**overlap for one in features(done, device.kind, device.processors)]
    runs, flops, tiled, read, weights, written = powers
    if done.kind == "matrix-vector":
        return (runs, 0.0, 0.0, read + weights + written, 0.0, 0.0)
    if done.kind != "linear":
        return (runs, 0.0, 0.0, read + written, weights, 0.0)
    return (runs, flops, tiled, read, weights, written)


def held_out(device: Device, rows: list[Row], overlap: float) -> tuple[list[float], dict[str, list[float]]]:
    """Relative errors of layers, and of operations by kind, of each model predicted by a fit to the others."""
    layers: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    errors: dict[str, list[float]] = defaultdict(list)
    for model in sorted({one.model for one in rows}):
        rest = [one for one in rows if one.model != model]
        known = Model(replace(device, calibration=fitted(device, rest, overlap)))
        for one in rows:
            if one.model == model:
                seconds = known.seconds(one.work)
                layers[one.layer][0] += seconds
                layers[one.layer][1] += one.seconds
                errors[one.work.kind].append(seconds / one.seconds - 1)
    return [ours / real - 1 for ours, real in layers.values()], errors


def mean(errors: list[float]) -> float:
    """Of the errors' sizes."""
    return statistics.fmean(map(abs, errors))


def calibration(device: Device, rows: list[Row]) -> dict[str, Any]:
    """What goes into the device file."""
    layers, kinds = held_out(device, rows, OVERLAP)
    made = fitted(device, rows, OVERLAP)
    del made["coefficients"]["forward"][_FUSED]
    return {
        "source": SOURCE,
        "dtype": DTYPE,
        "clock": "kernels by the profiler",
        "date": datetime.date.today().isoformat(),
        "layers": len(rows),
        "error": {
            "forward": {
                "mean": round(mean(layers), 4),
                "median": round(statistics.median(map(abs, layers)), 4),
                "of": "decoder layers of a model left out",
            }
        },
        "kinds": {
            kind: {"layers": len(errors), "error": {"forward": round(statistics.median(map(abs, errors)), 4)}}
            for kind, errors in sorted(kinds.items())
            if kind != _FUSED
        },
        **made,
    }


def main() -> None:
    """Print the errors, and write the coefficients if asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = read(options.path)
    for name in DEVICES:
        device, rows = find(name), table[name]
        models = len({one.model for one in rows})
        print(f"\n{device.title}: {len(rows)} operations of {models} models, {len({one.layer for one in rows})} layers")
        for overlap in (1.0, 1.5, 2.0, 3.0, 4.0):
            layers, _ = held_out(device, rows, overlap)
            late = sorted(map(abs, layers))[int(0.95 * len(layers))]
            print(f"  overlap {overlap}: layers of a model left out {100 * mean(layers):.1f} % off in the mean, "
                  f"{100 * late:.0f} % at the 95th percentile")  # fmt: skip
        layers, kinds = held_out(device, rows, OVERLAP)
        print("  operations: " + ", ".join(f"{kind} {100 * mean(errors):.1f} %" for kind, errors in sorted(kinds.items())))  # fmt: skip
        print("  a constant, and each " + ", ".join(FEATURES[1:]))
        made = calibration(device, rows)
        for kind, values in made["coefficients"]["forward"].items():
            print(f"    {kind:<16}" + " ".join(f"{value:9.3g}" for value in values))
        if options.write:
            folder = os.path.dirname(device_module.__file__)
            save(replace(device, calibration=made), os.path.join(folder, f"{name}.json"))


if __name__ == "__main__":
    main()
