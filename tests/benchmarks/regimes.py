"""Predicted memory of many runs, regime by regime, beside what PyTorch's allocator recorded on the CPU. By hand:

    .venv/bin/python tests/benchmarks/regimes.py [SPEC...] [--run "train, lora 8"] [--batch 2] [--most 1500]

A run is said as reports print it; several may be given, else all of `RUNS` are. What a network does not support is
left out, and so is what is predicted to take more than `--most` megabytes. `checkpoint *` and `freeze *` stand for
the network's largest repeated group. Needs `archcalc[torch]`.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from pathlib import Path

import torch

from archcalc.diagnostics import RequestError, SpecError
from archcalc.memory.how import how
from archcalc.memory.simulation import simulate
from archcalc.memory.ways import repeated
from archcalc.network.load import load_graph
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup, applied
from archcalc.running import Running

SPECS = Path(__file__).parents[2] / "specs"
CPU = torch.device("cpu")
RUNS = (
    "inference",
    "inference, autocast bf16",
    "inference, bf16",
    "train, adam",
    "train, adamw, foreach update",
    "train, sgd, fused update",
    "train, momentum, backward update",
    "train, adafactor",
    "train, adamw, accumulate 2",
    "train, autocast bf16, adamw",
    "train, bf16, adamw",
    "train, adamw, lora 8",
    "train, adamw, freeze *",
    "train, sgd, checkpoint *",
    "train, sgd, checkpoint *, every 2 checkpointed",
    "train, adamw, math attention",
    "train, sgd, channels last",
)


def compared(spec: str, said: str, batch: int, threads: int, most: int) -> tuple[int, int] | None:
    """Predicted and measured peak bytes of a run; `None` if the network does not support it or takes too much."""
    if "*" in said:
        names = repeated(load_graph(spec, batch=batch))
        if not names:
            return None
        said = said.replace("*", names[0])
    run = Running.parse(said).also(batch=batch, threads=threads)
    graph = load_graph(spec, batch=batch, said=run)
    predicted = simulate(graph, how(graph, run, run.mode)).peak
    if predicted > most * 10**6:
        return None
    setup = Setup(run)
    with applied(setup, CPU):
        session = Session(graph, setup, CPU)
        session.run()
        measured = peak_bytes(session.run, CPU, session.held())
    assert measured is not None
    return predicted, measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("specs", nargs="*")
    parser.add_argument("--run", action="append")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=int, default=1500)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    found: dict[str, list[float]] = {said: [] for said in given.run or RUNS}
    for spec in given.specs or sorted(map(str, SPECS.glob("*.yaml"))):
        for said, all_apart in found.items():
            start = time.process_time()
            try:
                both = compared(spec, said, given.batch, given.threads, given.most)
            except (RequestError, SpecError, RuntimeError) as error:
                print(f"{Path(spec).stem:22} {said:34} {str(error).splitlines()[0][:100]}", flush=True)
                continue
            if both is None:
                continue
            apart = both[0] / both[1] - 1
            all_apart.append(apart)
            took = time.process_time() - start
            print(f"{Path(spec).stem:22} {said:34}{both[0]:15,}{both[1]:15,}{apart:9.2%}{took:7.1f} s", flush=True)
    for said, all_apart in found.items():
        if all_apart:
            mean, worst = statistics.mean(map(abs, all_apart)), max(all_apart, key=abs)
            print(f"{said:34} mean {mean:.2%}, worst {worst:.2%}, {len(all_apart)} networks")


if __name__ == "__main__":
    main()
