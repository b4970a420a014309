"""Predicted and measured peak of a training step of twenty networks that are not a plain chain of layers. By hand:

    .venv/bin/python -m tests.benchmarks.unusual

They have experts, ties, cells that are unrolled, several outputs or losses other than cross entropy, and are made small
enough for a CPU: what PyTorch's allocator records is what `archcalc profile --mode train` shows. Needs
`archcalc[torch]`.
"""

from __future__ import annotations

import statistics
import warnings
from pathlib import Path

import torch

from archcalc.memory.simulation import simulate
from archcalc.network.load import load_graph
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.runs import run_of

SPECS = Path(__file__).parents[2] / "specs"
CPU = torch.device("cpu")
NETWORKS = {
    # Experts.
    "mixtral": "vocab=2000 width=256 heads=8 kv_heads=2 ff=512 depth=2 seq=128",
    "gpt-oss": "vocab=2000 width=256 heads=8 kv_heads=2 head=32 ff=256 experts=8 depth=2 seq=128",
    "qwen3-moe": "vocab=2000 width=256 heads=8 kv_heads=2 head=32 ff=96 depth=1 seq=64",
    # Ties.
    "t5": "depth=2 source=128 target=96",
    "transformer": "depth=2 vocab=8000",
    "whisper": "depth=1 text=64",
    "transformer-xl": "depth=2 seq=128 memory=128",
    "gpt2": "depth=2 seq=128 vocab=8000",
    "siamese": "",
    # Unrolled cells and scans.
    "attention-decoder": "vocab=4000",
    "convlstm": "hidden=32 height=32 width=32",
    "tacotron2": "frames=40",
    "xlstm": "vocab=2000 width=256 heads=4 keys=32 size=64 depth=2 hidden=512 seq=32",
    "retnet": "vocab=2000 width=256 heads=4 size=64 depth=2 seq=32",
    "rwkv7": "vocab=2000 width=128 heads=4 size=32 depth=2 decays=16 rates=16 shares=16 gates=16 seq=32",
    # Several outputs, and other losses.
    "googlenet-paper": "",
    "detr": "",
    "realnvp": "",
    "vae": "",
    "nerf": "",
}


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    apart = []
    print(f"{'':20}{'predicted':>15}{'measured':>15}{'apart':>9}")
    for name, sizes in NETWORKS.items():
        graph = load_graph(str(SPECS / f"{name}.yaml"), dict(one.split("=") for one in sizes.split()), batch=2)
        session = Session(graph, Setup(Running(mode="train")), CPU)
        session.run()
        measured = peak_bytes(session.run, CPU, session.held())
        assert measured is not None
        predicted = simulate(graph, run_of("train", threads=2)).peak
        apart.append(predicted / measured - 1)
        print(f"{name:20}{predicted:15,}{measured:15,}{apart[-1]:9.2%}", flush=True)
    mean, worst = statistics.mean(map(abs, apart)), max(apart, key=abs)
    print(f"mean {mean:.2%}, worst {worst:.2%}, {len(apart)} networks")


if __name__ == "__main__":
    main()
