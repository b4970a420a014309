"""Predicted memory of many runs, regime by regime, beside what PyTorch's allocator recorded on the CPU. By hand:

    .venv/bin/python -m tests.benchmarks.regimes [SPEC...] [--run "train, lora 8"] [--batch 2] [--most 1500]

Without a spec, the networks of `NETWORKS` are run, made small enough for a CPU. A run is said as reports print it;
several may be given, else all of `RUNS` are. What a network does not support is left out, and so is what is predicted
to take more than `--most` megabytes. `checkpoint *` and `freeze *` stand for the network's largest repeated group.
Needs `archcalc[torch]`.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Iterator
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
_SMALL = "vocab=2000 width=256 heads=4 depth=3 seq=64"
NETWORKS = {
    # Convolutional networks.
    "alexnet": "",
    "densenet121": "",
    "efficientnet": "",
    "googlenet-paper": "",
    "mobilenetv3": "",
    "resnet18": "",
    "shufflenetv2": "",
    "squeezenet1_1": "",
    "convnextv2-atto": "",
    # Transformers for images.
    "vit@ti16": "depth=3",
    "levit-128s": "",
    "pvt-v2-b0": "h=96 w=96",
    "swin": "h=64 w=64",
    # Language models.
    "bert": f"{_SMALL} context=64",
    "gpt2": f"{_SMALL} context=64",
    "t5": "depth=2 source=64 target=48",
    "gemma2": "width=256 heads=4 kv_heads=2 head=64 ff=512 depth=1 seq=32",
    "llama3": f"{_SMALL} kv_heads=2 ff=512",
    "olmo2": f"{_SMALL} hidden=512",
    "qwen3": f"{_SMALL} kv_heads=2 head=64 ff=512",
    "lora-llama": f"{_SMALL} ff=512",
    "transformer-xl": "depth=2 seq=64 memory=64",
    # Experts.
    "mixtral": f"{_SMALL} kv_heads=2 ff=512",
    "gpt-oss": f"{_SMALL} kv_heads=2 head=64 ff=256 experts=8",
    # Recurrent networks and scans.
    "lstm": "",
    "gru": "",
    "hierarchical-attention": "",
    "seq2seq-attention": "",
    "convlstm": "hidden=32 height=32 width=32",
    "tacotron2": "frames=20 chars=50",
    "mamba": "vocab=2000 width=128 depth=2 seq=32",
    "retnet": "vocab=2000 width=128 heads=4 depth=2 seq=16",
    "rwkv7": "vocab=2000 width=128 heads=4 size=32 depth=2 decays=16 rates=16 shares=16 gates=16 seq=16",
    # Graphs.
    "gcn": "nodes=400 links=1600",
    "gat": "nodes=200 links=800",
    "graphsage": "nodes=400 links=1600",
    # Sound.
    "conformer": "samples=8000 depth=2",
    "hifigan": "frames=20",
    "wavenet": "samples=1000",
    # Diffusion, flows and autoencoders.
    "dit": "width=256 heads=4 depth=3",
    "vqvae": "",
    "vae": "",
    "realnvp": "",
    "nerf": "",
    # Detectors, several outputs, two inputs.
    "yolov8": "",
    "mask-rcnn-heads": "regions=40 found=4",
    "siamese": "",
    "dlrm": "",
}
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


def compared(
    spec: str, sizes: dict[str, str], said: str, batch: int, threads: int, most: int
) -> tuple[int, int] | None:
    """Predicted and measured peak bytes of a run; `None` if the network does not support it or takes too much."""
    if "*" in said:
        names = repeated(load_graph(spec, sizes, batch))
        if not names:
            return None
        said = said.replace("*", names[0])
    run = Running.parse(said).also(batch=batch, threads=threads)
    graph = load_graph(spec, sizes, batch, said=run)
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


def networks(specs: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Specs and the sizes that are set in them; names of `NETWORKS` are those files of specs/, made small."""
    for spec in specs or NETWORKS:
        if spec in NETWORKS:
            name, at, variant = spec.partition("@")
            yield f"{SPECS / name}.yaml{at}{variant}", dict(one.split("=") for one in NETWORKS[spec].split())
        else:
            yield spec, {}


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
    for spec, sizes in networks(given.specs):
        for said, all_apart in found.items():
            start = time.process_time()
            try:
                both = compared(spec, sizes, said, given.batch, given.threads, given.most)
            except (RequestError, SpecError, RuntimeError, ValueError) as error:
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
