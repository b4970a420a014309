"""Predicted memory of a training step, and of inference, beside what PyTorch's allocator recorded on the CPU. By hand:

    .venv/bin/python tests/benchmarks/memory.py [SPEC...] [--optimizer adam] [--batch 2] [--threads 2] [--most 2500]

Networks that are predicted to take more than `--most` megabytes are left out. Needs `archcalc[torch]`.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from pathlib import Path

import torch

from archcalc.diagnostics import SpecError
from archcalc.memory.simulation import simulate
from archcalc.network.load import load_graph
from archcalc.pytorch.memory import cpu_allocations, peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.runs import run_of

SPECS = Path(__file__).parents[2] / "specs"
CPU = torch.device("cpu")


def measured(session: Session) -> tuple[int, int]:
    """Bytes alive after forward and loss, and the most of a whole step; steady, after a first step."""
    session.run()

    def forward() -> None:
        session.optimizer.zero_grad(set_to_none=True)
        kept.append(session.called(*session.inputs))
        kept.append(session.loss(kept[0]))

    kept: list[object] = []
    held = session.held()
    end = held + cpu_allocations(forward)[-1]
    kept.clear()
    return end, peak_bytes(session.run, CPU, session.held())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("specs", nargs="*")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=int, default=2500)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(given.threads)
    apart, inference = [], []
    print(f"{'':22}{'forward end':>14}{'apart':>9}{'peak':>15}{'apart':>9}{'inference':>13}{'apart':>9}")
    for spec in given.specs or sorted(map(str, SPECS.glob("*.yaml"))):
        try:
            graph = load_graph(spec, batch=given.batch)
        except SpecError:
            continue
        run = simulate(graph, run_of("train", optimizer=given.optimizer, threads=given.threads))
        if run.peak > given.most * 10**6 or not run.parameters:
            continue
        end, peak = measured(Session(graph, Setup(Running(mode="train", optimizer=given.optimizer)), CPU))
        apart.append(run.peak / peak - 1)
        forward = Session(graph, Setup(), CPU)
        forward.run()
        least = peak_bytes(forward.run, CPU, forward.held())
        inference.append(simulate(graph, run_of(threads=given.threads)).peak / least - 1)
        print(
            f"{graph.model:22}{end:14,}{run.forward_end / end - 1:9.3%}{peak:15,}{apart[-1]:9.2%}"
            f"{least:13,}{inference[-1]:9.2%}",
            flush=True,
        )
    for name, found in (("training peak", apart), ("inference peak", inference)):
        mean, worst = statistics.mean(map(abs, found)), max(found, key=abs)
        print(f"{name}: mean {mean:.2%}, worst {worst:.2%}, {len(found)} networks")


if __name__ == "__main__":
    main()
