"""How fast the linter is: one spec, as a ratio to the imports it cannot do without, and a thousand. Run by hand:

    .venv/bin/python tests/benchmarks/lint.py

The commands of a ratio run in turn, A B C A B C ..., and medians are compared: machines differ and
drift, ratios less so. Bytecode is kept, as it is for an installed program.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAIRS = 40
BASE = [sys.executable, "-c", "import click, yaml"]
# What the installed `archcalc` runs.
PROGRAM = [sys.executable, "-c", "from archcalc.__main__ import main; main()"]
SPECS = ("net", "resnet18", "gpt2")
MANY = 1000


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one process, which may find something."""
    start = time.perf_counter()
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, env=environment)
    assert run.returncode in (0, 1), run.stderr.decode()
    return time.perf_counter() - start


def one_spec(environment: dict[str, str]) -> None:
    """Print the time for each of a few specs beside that of the imports."""
    commands = {"": BASE, **{name: [*PROGRAM, "lint", f"specs/{name}.yaml"] for name in SPECS}}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        seconds(command, environment)
    for _ in range(PAIRS):
        for name, command in commands.items():
            times[name].append(seconds(command, environment))
    base = statistics.median(times.pop(""))
    print(f"import click, yaml: {base * 1000:.0f} ms")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"lint {name + '.yaml':<16} {median * 1000:4.0f} ms, {median / base:.2f} of the imports   (at most 1.3)")


def many_specs(environment: dict[str, str], folder: str) -> None:
    """Print the time for a thousand files, with one process and with as many as pay."""
    specs = sorted((ROOT / "specs").glob("*.yaml"))
    for number in range(-(-MANY // len(specs))):
        copy = Path(folder, f"{number:03}")
        shutil.copytree(ROOT / "specs" / "blocks", copy / "blocks")
        for spec in specs[: MANY - number * len(specs)]:
            shutil.copy(spec, copy)
    for jobs in ("1", "0"):
        command = [*PROGRAM, "lint", folder, "--jobs", jobs, "--format", "concise"]
        taken = statistics.median(seconds(command, environment) for _ in range(5))
        title = "in one process" if jobs == "1" else f"in as many as pay ({os.cpu_count()} processors)"
        print(f"lint {MANY} specs, {title}: {taken:.2f} s, {taken / MANY * 1000:.1f} ms each")


def main() -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        one_spec(environment)
        many_specs(environment, f"{folder}/specs")


if __name__ == "__main__":
    main()
