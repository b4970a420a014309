"""Predicted beside published speeds of decoding, one request at a time. By hand:

    .venv/bin/python tests/benchmarks/gpu_decode.py

None of these rows is in the fit of gpu_time.py. Kernels are taken to start as one CUDA graph.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

from archcalc.network.load import load_graph
from archcalc.prediction.answer import answer
from archcalc.running import Running

LLAMA_CPP = "llama.cpp, github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference (May 2024), tg 1024"
VLLM = "vLLM, 1,024 + 128 positions: johnmusgrave.com (A100), yobitelcomm.github.io/bench (H100)"
# Tokens a second of Llama 3 8B.
Q4_K_M = {
    "rtx3070": 70.94, "rtx3080": 106.40, "rtx3080ti": 106.71, "rtx3090": 111.74, "rtx4070ti": 82.21, "rtx4080": 106.22,
    "rtx4090": 127.74, "m1max": 34.49, "m2ultra": 76.28,
}  # fmt: skip
F16 = {"rtx3090": 46.51, "rtx4080": 40.29, "rtx4090": 54.34, "m1max": 18.43}
ENGINE = {"a100-40gb": 75.0, "h100": 1000 / 6.48}


def main() -> None:
    """Print every row, and the mean errors."""
    sets: list[tuple[str, str, dict[str, float], dict[str, Any]]] = [
        (LLAMA_CPP, "Q4_K_M", Q4_K_M, {"precision": "fp16", "weights": "q4_k", "length": 1024, "new_tokens": 1023}),
        (LLAMA_CPP, "F16", F16, {"precision": "fp16", "length": 1024, "new_tokens": 1023}),
        (VLLM, "bf16", ENGINE, {"precision": "bf16", "length": 1152, "new_tokens": 128}),
    ]
    errors: dict[str, list[float]] = defaultdict(list)
    inside = 0
    for source, what, speeds, said in sets:
        for device, measured in speeds.items():
            found = answer(
                load_graph("specs/llama3.yaml@8b"), Running(mode="generate", device=device, execution="graph", **said)
            )
            assert found.decoding is not None
            step = found.decoding.step
            error = 1 / step.seconds / measured - 1
            errors[f"{source}, {what}"].append(error)
            inside += step.low <= 1 / measured <= step.high
            print(f"{what:<8}{device:<12}{measured:>7.1f} tokens/s {1 / step.seconds:>7.1f} {100 * error:>+6.1f} %")
    for what, each in errors.items():
        print(f"{what}: mean {100 * statistics.fmean(map(abs, each)):.1f} %, {len(each)} rows")
    print(f"{inside} of {sum(map(len, errors.values()))} in their ranges")


if __name__ == "__main__":
    main()
