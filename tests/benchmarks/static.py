"""How fast the static path is, as ratios of whole processes in one run. Run by hand:

    .venv/bin/python tests/benchmarks/static.py

Each pair of commands runs in turn, A B A B ..., and the median of the pairwise ratios is printed:
machines differ and drift, ratios less so. The torchinfo row needs `archcalc[torch]`.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNS = 15
BASE = [sys.executable, "-c", "import click, yaml"]
TORCHINFO = """
import torch, torchinfo
from torch import nn
class Bottleneck(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(cin, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width))
        project = stride > 1 or cin != 4 * width
        self.shortcut = nn.Sequential(nn.Conv2d(cin, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)) if project else nn.Identity()
    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.body(x))
layers, cin = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
for width, count, stride in ((64, 3, 1), (128, 8, 2), (256, 36, 2), (512, 3, 2)):
    for index in range(count):
        layers.append(Bottleneck(cin, width, stride if index == 0 else 1))
        cin = 4 * width
net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))
assert torchinfo.summary(net, (1, 3, 224, 224), verbose=0).total_params == 60192808
"""


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, cwd=ROOT)
    return time.perf_counter() - start


def ratio(a: list[str], b: list[str], runs: int = RUNS) -> tuple[float, float]:
    """Median of A/B over pairs run in turn, and the median of A in seconds."""
    seconds(a), seconds(b)
    pairs = [(seconds(a), seconds(b)) for _ in range(runs)]
    return statistics.median(x / y for x, y in pairs), statistics.median(x for x, _ in pairs)


def archcalc(*arguments: str) -> list[str]:
    """The program as a command."""
    return [sys.executable, "-m", "archcalc", *arguments]


def peak_kib(command: list[str]) -> int:
    """Largest resident size of one process."""
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, _, usage = os.wait4(pid, 0)
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss


def row(title: str, value: str, limit: str) -> None:
    """One line of the report."""
    print(f"{title:<62} {value:>18}   {limit}")


def main() -> None:
    """Print every ratio beside what it must reach."""
    resnet = "specs/resnet152.yaml"
    base = statistics.median(seconds(BASE) for _ in range(RUNS))
    row("import click, yaml", f"{base * 1000:.0f} ms", "")
    for title, arguments, limit in (
        ("shapes resnet152", ("shapes", resnet), "1.3"),
        ("shapes resnet152 --format json", ("shapes", resnet, "--format", "json"), "1.3"),
    ):
        times, median = ratio(archcalc(*arguments), BASE)
        row(f"{title} / the imports", f"{times:.2f} ({median * 1000:.0f} ms)", f"at most {limit}")
    if importlib.util.find_spec("torchinfo"):
        times, median = ratio([sys.executable, "-c", TORCHINFO], archcalc("shapes", resnet), 5)
        row("torchinfo on ResNet-152 / shapes resnet152", f"{times:.0f} ({median:.1f} s)", "at least 20")

    with tempfile.TemporaryDirectory() as folder:
        texts = {
            "ten": "model: m\ninput: [64, 32, 32]\nlayers:\n  - repeat: 10\n    layers: [conv 64 kernel=3 padding=1, relu]\n",
            "many": "model: m\ninput: [64, 32, 32]\nlayers:\n  - repeat: 100000\n    layers: [conv 64 kernel=3 padding=1, relu]\n",
            "long": "model: m\ninput: [3, 32, 32]\nlayers:\n"
            + "".join(f"  - conv {8 + index % 97} kernel=3 padding=1 name=c{index}\n" for index in range(10_000)),
        }
        paths = {}
        for name, text in texts.items():
            paths[name] = f"{folder}/{name}.yaml"
            Path(paths[name]).write_text(text, encoding="utf-8")
        many, ten = archcalc("shapes", paths["many"]), archcalc("shapes", paths["ten"])
        row("repeat: 100000 / repeat: 10, time", f"{ratio(many, ten)[0]:.2f}", "at most 1.2")
        row("repeat: 100000 / repeat: 10, memory", f"{peak_kib(many) / peak_kib(ten):.3f}", "1")
        row("10,000 distinct layers", f"{ratio(archcalc('shapes', paths['long']), BASE, 5)[1]:.2f} s", "below 2 s")
        specs = [str(path) for path in sorted((ROOT / "specs").glob("*.yaml"))]
        several = (specs * (500 // len(specs) + 1))[:500]
        one, all_ = (
            statistics.median(seconds(archcalc("shapes", *some)) for _ in range(5)) for some in (several[:1], several)
        )
        row("500 specs in one call, each", f"{(all_ - one) / 499 * 1000:.1f} ms", "low milliseconds")


if __name__ == "__main__":
    main()
