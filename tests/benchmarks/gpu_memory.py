"""Predicted memory beside published peaks of GPUs: the most that PyTorch's allocator gave out. By hand:

    .venv/bin/python tests/benchmarks/gpu_memory.py

Each row says where it is from, and what was assumed of it. LitGPT's adapters keep more than others do: where that is
added, the last number is how far off the prediction is without it.
"""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

from archcalc.memory.footprint import footprint
from archcalc.memory.how import how
from archcalc.network.load import load_graph
from archcalc.running import Running
from archcalc.running.declaration import TRAIN

GIB = 2**30
LITGPT = "LitGPT, tutorials/resource-tables.md (Oct 2023)"
TUNE = "torchtune, README, Memory and training speed (Oct 2024)"
# Llama 2 in the words of specs/llama3.yaml.
LLAMA2 = {"vocab": 32000, "kv_heads": 32, "ff": 11008}
LLAMA2_13B = {**LLAMA2, "width": 5120, "heads": 40, "kv_heads": 40, "ff": 13824, "depth": 40}
MATRICES = ["q", "v", "o", "repeat*linear*"]
ADAPTERS = "rank 8 on q and v, 1,304 positions, no checkpoints; with what its own code keeps"
NF4 = "that, and what bitsandbytes 0.41 keeps"
# Widths of 16-bit vectors that LitGPT keeps for each position and block beyond what PEFT's adapters keep, by
# saved_tensors_hooks on the CPU around its own blocks (commit 8641822): q, k and v as one tensor of which v is a view (2),
# what index_copy spreads over q and v (2), and the mask of a dropout of 0.05 in bytes (0.5).
OWN_CODE = 4.5
# MatMul4Bit of bitsandbytes 0.41 keeps the input of every matrix, though none is trained (later ones keep none): here the
# outputs of both norms (2), and the feed-forward layers' product, beside what is kept anyway.
NORMED = 2
RECIPE = "its recipe: batch 2, 2,048 positions, checkpoints of every block, a chunked loss"


class Row(NamedTuple):
    """A published peak in bytes, and how it is predicted; `kept`: bytes that its own code keeps besides."""

    source: str
    what: str
    bytes: float
    values: dict[str, int]
    said: dict[str, Any]
    assumed: str
    kept: float = 0.0


def adapted(what: str, gigabytes: float, values: dict[str, int], assumed: str = ADAPTERS, **said: Any) -> Row:
    """LoRA as LitGPT was measured."""
    values = {**values, "seq": 1304}
    width = values.get("width", 4096)
    inputs = (NORMED * width + values["ff"]) * ("weights" in said)
    kept = 2 * (OWN_CODE * width + inputs) * values["seq"] * values.get("depth", 32) * said.get("batch", 1)
    said = {"mode": TRAIN, "lora": 8, "device": "a100", **said}
    return Row(LITGPT, what, gigabytes * 1e9, values, said, assumed, kept)


def tuned(what: str, gibibytes: float, assumed: str = RECIPE, **said: Any) -> Row:
    """A recipe of torchtune for Llama 3.1 8B on an RTX 4090."""
    common = {"mode": TRAIN, "batch": 2, "checkpoint": ["repeat"], "loss": "chunked", "device": "rtx4090"}
    return Row(TUNE, what, gibibytes * GIB, {"seq": 2048}, {**common, **said}, assumed)


def generated(what: str, gigabytes: float, values: dict[str, int], **said: Any) -> Row:
    """Decoding as LitGPT was measured."""
    said = {"mode": "generate", "length": 64, "device": "a100", **said}
    return Row(LITGPT, what, gigabytes * 1e9, values, said, "bf16, one short request")


ROWS = (
    tuned("Llama 3.1 8B, all of it", 18.9, RECIPE + ", 8-bit AdamW in pages of the host, steps in backward",
          optimizer="adam8bit", offload=["optimizer"], update="backward"),
    tuned("Llama 3.1 8B, LoRA", 16.2, RECIPE + ", rank 8 on q, v, o and the feed-forward layers", lora=8, lora_on=MATRICES),
    tuned("Llama 3.1 8B, QLoRA", 7.4, RECIPE + ", the same on nf4", lora=8, lora_on=MATRICES, weights="nf4"),
    generated("Llama 2 7B, decode", 13.52, LLAMA2),
    generated("Llama 2 13B, decode", 26.21, LLAMA2_13B),
    generated("Llama 2 7B, decode, nf4-dq", 4.26, LLAMA2, weights="nf4"),
    generated("Llama 2 13B, decode, nf4-dq", 7.72, LLAMA2_13B, weights="nf4"),
    adapted("Llama 2 7B, LoRA", 21.30, LLAMA2),
    adapted("Llama 2 7B, LoRA, batch 2", 29.07, LLAMA2, batch=2),
    adapted("Llama 2 13B, LoRA", 38.12, LLAMA2_13B),
    adapted("Llama 2 7B, QLoRA, nf4-dq", 13.84, LLAMA2, NF4, weights="nf4"),
    adapted("Llama 2 13B, QLoRA, nf4-dq", 22.55, LLAMA2_13B, NF4, weights="nf4"),
)  # fmt: skip


def predicted(row: Row) -> int:
    """What `archcalc memory` says, in bf16 throughout."""
    said = Running(precision="bf16", **row.said)
    values = {name: str(value) for name, value in row.values.items()}
    graph = load_graph("specs/llama3.yaml", values, batch=said.batch or 1, said=said)
    return footprint(graph, how(graph, said, said.mode)).peak


def main() -> None:
    apart: dict[str, list[float]] = {}
    for row in ROWS:
        found = predicted(row)
        own = found + row.kept
        apart.setdefault(row.source, []).append(own / row.bytes - 1)
        alone = f"{found / row.bytes - 1:8.1%}" if row.kept else " " * 8
        print(
            f"{row.what:28}{row.bytes / 1e9:8.2f} GB{own / 1e9:8.2f} GB{own / row.bytes - 1:8.1%}{alone}  {row.assumed}"
        )
    for source, found in apart.items():
        print(
            f"{source}: mean {statistics.mean(map(abs, found)):.1%}, worst {max(found, key=abs):.1%}, {len(found)} rows"
        )


if __name__ == "__main__":
    main()
