"""How far off `archcalc predict` is on this machine, for networks that calibration never saw. Run by hand:

    .venv/bin/python tests/benchmarks/prediction.py

Three times: a calibration of 60 s on layers drawn around common ones, none of which is a layer of a network below;
then every network's forward pass at inference, measured and predicted. Processor time of one
thread, freed memory kept; with `--train` a forward and a backward pass of training. Beside it the naive roofline: FLOPs at the speed of the best matrix product or
bytes at the speed of a copy, both measured, whichever takes longer, layer by layer.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time

import torch

from archcalc.devices import Device
from archcalc.network.load import Graph, load_graph
from archcalc.prediction.model import Model, roofline
from archcalc.prediction.operations import operations
from archcalc.pytorch.calibration import preflight
from archcalc.pytorch.calibration.calibrate import Request, calibrate
from archcalc.pytorch.calibration.draw import histogram
from archcalc.pytorch.instance import example_inputs, instantiate

RUNS = 3
NETWORKS = (
    ("alexnet", {}), ("bert", {"seq": "128"}), ("densenet121", {}), ("googlenet", {}), ("gpt2", {"seq": "256"}), ("gru", {}),
    ("lenet", {}), ("lstm", {}), ("many-to-many", {}), ("many-to-one", {}), ("mlp", {}), ("mobilenetv2", {}),
    ("multi-head-attention", {}), ("resnet18", {}), ("resnet50", {}), ("seq2seq-attention", {}), ("siamese", {}),
    ("squeezenet1_1", {}), ("transformer", {}), ("unet", {}), ("vgg16", {}), ("vit@s16", {}),
)  # fmt: skip


def load(name: str, values: dict[str, str]) -> Graph:
    """A network of specs/."""
    path, at, variant = name.partition("@")
    return load_graph(f"specs/{path}.yaml{at}{variant}", values)


def measured(graph: Graph, train: bool, least: int = 5, most: int = 60, limit: float = 3.0) -> float:
    """Seconds of one pass, or of forward and backward: the lower quartile, as calibration takes it."""
    module, inputs = instantiate(graph).train(train), example_inputs(graph)
    times: list[float] = []
    with torch.inference_mode(not train):
        output = module(*inputs)
        outputs = output if isinstance(output, tuple) else (output,)
        gradients = [torch.randn_like(y) for y in outputs]

        def run() -> None:
            output = module(*inputs)
            if train:
                torch.autograd.backward(output if isinstance(output, tuple) else (output,), gradients)

        end = time.perf_counter() + limit
        while len(times) < 2 + least or (len(times) < most and time.perf_counter() < end):
            module.zero_grad(set_to_none=True)
            before = time.thread_time()
            run()
            times.append(time.thread_time() - before)
    return sorted(times[2:])[len(times[2:]) // 4]


def predicted(graph: Graph, device: Device, train: bool) -> tuple[float, float]:
    """Seconds by the calibration and by the roofline, which takes the backward pass for twice the forward pass."""
    found, model = operations(graph), Model(device)
    phases = ("training forward", "backward") if train else (model.inference_phase(found),)
    ours = sum(model.seconds(one, phase) for one in found for phase in phases)
    return ours, sum(roofline(one, device, "fp32") for one in found) * (3 if train else 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--train", action="store_true")
    options = parser.parse_args()
    preflight.keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for warning in preflight.warnings(1, "fp32"):
        print("warning:", warning)
    graphs = {name: load(name, values) for name, values in NETWORKS}
    seen = frozenset(histogram(list(graphs.values())))
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in graphs}
    for seed in range(options.runs):
        made = calibrate(Request(seconds=options.time, seed=seed, avoid=seen))
        assert made.device.calibration is not None
        error = made.device.calibration["error"]["forward"]
        print(f"run {seed + 1}: {len(made.measured)} layers in {made.seconds:.0f} s, held-out error of a layer "
              f"{100 * error['median']:.0f} % in the median, {100 * error['mean']:.0f} % in the mean", flush=True)  # fmt: skip
        for name, graph in graphs.items():
            gc.collect()
            rows[name].append((measured(graph, options.train), *predicted(graph, made.device, options.train)))
    print(f"\n{'network':<22} {'measured':>10} {'predicted':>10} {'off':>6} {'roofline':>10} {'off':>6}")
    for name, runs in rows.items():
        real, ours, naive = (statistics.median(run[index] for run in runs) for index in range(3))
        off = [statistics.median(run[index] / run[0] - 1 for run in runs) for index in (1, 2)]
        print(
            f"{name:<22} {real * 1e3:>7.2f} ms {ours * 1e3:>7.2f} ms {100 * off[0]:>+4.0f} % {naive * 1e3:>7.2f} ms {100 * off[1]:>+4.0f} %"
        )
    for index, what in ((1, "predicted"), (2, "roofline")):
        mean = [statistics.fmean(abs(runs[run][index] / runs[run][0] - 1) for runs in rows.values()) for run in range(options.runs)]  # fmt: skip
        middle = [statistics.median(abs(runs[run][index] / runs[run][0] - 1) for runs in rows.values()) for run in range(options.runs)]  # fmt: skip
        print(f"{what}: mean error {', '.join(f'{100 * one:.1f} %' for one in mean)}; median {', '.join(f'{100 * one:.1f} %' for one in middle)}")  # fmt: skip
    repeated = [max(run[0] for run in runs) / min(run[0] for run in runs) - 1 for runs in rows.values()]
    print(f"the measurement itself: {100 * statistics.fmean(repeated):.1f} % between the slowest and the fastest run")


if __name__ == "__main__":
    main()
