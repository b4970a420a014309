"""Files with a few things changed, of every source: a network or an error, never anything else.

`python -m tests.sources.test_mutations 5000` changes more of them, with other seeds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from .all_cases import CASES
from .mutating import mutated, survives
from .reference import WHOLE
from .test_ultralytics import model

CONFIGS = [json.dumps(one).encode() for one in json.loads(WHOLE.read_text(encoding="utf-8")).values()]
CONFIGS += [json.dumps(one["config"]).encode() for one in CASES.values()]
ROWS = [
    model(8, "Detect, [nc]").encode(),
    model(11, "Segment, [nc, 32, 256]").encode(),
    model(11, "Pose, [nc]").encode(),
]


def test_configs(tmp_path):
    for data in mutated(CONFIGS, 500):
        survives(data, tmp_path / "config.json")


def test_rows(tmp_path):
    for data in mutated(ROWS, 80):
        survives(data, tmp_path / "yolov8n.yaml")


if __name__ == "__main__":
    seed, slowest = int(time.time()), (0.0, b"")
    with tempfile.TemporaryDirectory() as folder:
        for name, texts in (("config.json", CONFIGS), ("yolov8n.yaml", ROWS)):
            for data in mutated(texts, int(sys.argv[1]), seed):
                start = time.perf_counter()
                try:
                    survives(data, Path(folder) / name)
                except BaseException:
                    print(f"seed {seed}: {data!r}")
                    raise
                slowest = max(slowest, (time.perf_counter() - start, data))
    print(f"seed {seed}; the slowest took {slowest[0]:.2f} s: {slowest[1][:300]!r}")
