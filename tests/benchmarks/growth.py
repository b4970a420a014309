"""With which power of a network's size the work of every command and every rule grows: 1 is linear. Run by hand:

    .venv/bin/python tests/benchmarks/growth.py [--seed NUMBER] [--most LAYERS] [WORD...]

Chains, wide, dense and nested networks are drawn, and for rules such as have all layers in one item. A copy of the
package is installed into a folder of its own, with its bytecode compiled, and runs there. Of each command the time on the processor is taken, the least of two
processes, less that of the smallest network; of each rule the time of its check. A power is that from the middle size
to the largest. With words only commands and rules that have one of them in their name are run.
"""

from __future__ import annotations

import argparse
import compileall
import gc
import math
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZES = (100, 5_000, 19_990)  # a spec has 20,000 layers at most
RUNS = 2
LIMIT = 300  # seconds, after which a command is not waited for
LINEAR = 1.15
KINDS = (
    "conv 8 kernel=3 padding=1", "conv 8 kernel=1", "conv 8 kernel=3 padding=1 groups=2", "batchnorm", "relu", "gelu", "sigmoid",
    "dropout 0.1", "maxpool 3 stride=1 padding=1", "groupnorm 2", "layerscale", "softmax",
)  # fmt: skip
COMMANDS = {
    "shapes": ("shapes", "SPEC"),
    "shapes --format json": ("shapes", "SPEC", "--format", "json"),
    "explain": ("explain", "SPEC", "4"),
    "build": ("build", "SPEC"),
    "memory": ("memory", "SPEC"),
    "memory --device": ("memory", "SPEC", "--device", "h100"),
    "predict": ("predict", "SPEC", "--device", "h100"),
    "predict --mode train": ("predict", "SPEC", "--device", "h100", "--mode", "train"),
    "lint": ("lint", "SPEC"),
    "lint --select ALL": ("lint", "SPEC", "--select", "ALL"),
    "lint --base": ("lint", "SPEC", "--base", "OTHER"),
    "lint --variants --base": ("lint", "VARIANTS", "--variants", "--base", "VARIANTS", "--jobs", "1"),
    "diff": ("diff", "SPEC", "OTHER"),
}


def spec(layers: Iterable[str], top: str = "") -> str:
    """A network on an image of eight channels."""
    return "model: drawn\n" + top + "input: [8, 8, 8]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)


def chain(count: int, draw: random.Random) -> str:
    """Layers one after the other."""
    return spec(draw.choice(KINDS) for _ in range(count))


def wide(count: int, draw: random.Random) -> str:
    """Branches side by side."""
    branches = (f"[{draw.choice(KINDS)}, {draw.choice(KINDS)}]" for _ in range(count // 2))
    return spec([f"concat: [{', '.join(branches)}]", "conv 8 kernel=1"])


def dense(count: int, draw: random.Random) -> str:
    """Every other layer reads earlier ones, however far behind."""
    layers = []
    for index in range(count // 2):
        earlier = ", ".join(f"c{draw.randrange(index)}" for _ in range(min(index, 3)))
        layers += [f"{draw.choice(KINDS)} name=c{index}", f"add: [prev, {earlier}]" if earlier else "relu"]
    return spec(layers)


def nested(count: int, draw: random.Random) -> str:
    """Residuals and repeats in one another."""

    def inner(depth: int) -> str:
        if not depth:
            return f"{draw.choice(KINDS)}, {draw.choice(KINDS)}"
        group = "residual: [{}]" if draw.random() < 0.7 else "repeat: 3, layers: [{}]"
        return f"{draw.choice(KINDS)}, {{{group.format(inner(depth - 1))}}}"

    return spec(f"residual: [{inner(3)}]" for _ in range(count // 9))


def together(count: int, draw: random.Random) -> str:
    """All layers in one item, of widths that matrix units pad: a rule about them has a fix for each."""
    kinds = ("conv 100 kernel=3 padding=1", "conv 100 kernel=1", "relu", "batchnorm")
    inside = ", ".join(draw.choice(kinds) for _ in range(count - 2))
    return spec(["conv 100 kernel=1", f"residual: [{inside}]"])


def variants(count: int, draw: random.Random) -> str:
    """A small network with many variants."""
    named = "".join(f"  v{index}: {{a: {8 * draw.randint(1, 9)}}}\n" for index in range(count // 20))
    return spec(
        ["conv a kernel=3 padding=1", "relu", "relu"], f"hparams: {{a: 8}}\ngrowth: {{params: 5%}}\nvariants:\n{named}"
    )


NETWORKS = (chain, wide, dense, nested)


def changed(text: str) -> str:
    """The same network with a layer in a hundred replaced."""
    lines = text.split("\n")
    kinds = ("  - relu", "  - gelu")
    places = [index for index, line in enumerate(lines) if line in kinds][::10]
    for index in places:
        lines[index] = kinds[lines[index] == kinds[0]]
    return "\n".join(lines)


def power(times: list[float], sizes: list[int]) -> float:
    """From the middle size to the largest, less what the smallest takes."""
    least, middle, most = times
    return math.log((most - least) / max(1e-4, middle - least), sizes[2] / sizes[1])


def install(folder: Path) -> None:
    """A copy of the package, with its bytecode."""
    shutil.copytree(ROOT / "archcalc", folder / "archcalc", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "archcalc", quiet=2)


def seconds(command: list[str], folder: Path) -> float:
    """Time on the processor of one process; no number where it takes too long."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "archcalc", *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return math.inf
    if done.returncode > (command[0] == "lint"):  # which may find something
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(title: str, network: str, times: list[float], sizes: list[int], least: float) -> None:
    """A line, where the largest took long enough to tell."""
    if times[-1] - times[0] > least:
        found = power(times, sizes)
        mark = "  over" if found > LINEAR else ""
        print(f"{title:30}{network:10}{times[1]:9.3f} s{times[2]:9.3f} s{found:7.2f}{mark}", flush=True)


def commands(drawn: dict[tuple[str, int], Path], sizes: list[int], folder: Path, wanted: Callable[[str], bool]) -> None:
    """A line for every command and network."""
    for title, words in COMMANDS.items():
        for network in ("variants",) if "VARIANTS" in words else [make.__name__ for make in NETWORKS]:
            if wanted(title):
                times = []
                for size in sizes:
                    path = drawn[network, size]
                    given = {"SPEC": str(path), "VARIANTS": str(path), "OTHER": str(path.with_suffix(".other.yaml"))}
                    command = [given.get(word, word) for word in words]
                    times.append(min(seconds(command, folder) for _ in range(RUNS)))
                row(title, network, times, sizes, 0.05)


def rules(drawn: dict[tuple[str, int], Path], sizes: list[int], wanted: Callable[[str], bool]) -> None:
    """A line for every rule and network that it looks at long enough to tell."""
    from archcalc.devices import find
    from archcalc.network.load import load_graph
    from archcalc.rules.before import Before
    from archcalc.rules.check import load_rules
    from archcalc.rules.model import Model

    gc.disable()
    for make in (*NETWORKS, together):
        paths = [drawn[make.__name__, size] for size in sizes]
        graphs = [load_graph(str(path)) for path in paths]
        for rule in load_rules().values():
            if wanted(rule.code):
                times = []
                for path, graph in zip(paths, graphs):
                    took = []
                    for _ in range(RUNS):
                        model = Model(graph, find("h100"), Before(str(path.with_suffix(".other.yaml")), "before"))
                        began = time.process_time()
                        list(rule.check(model))
                        took.append(time.process_time() - began)
                    times.append(min(took))
                row(rule.code, make.__name__, times, sizes, 0.005)


def main() -> None:
    """Print a line for each command and rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: from the clock")
    parser.add_argument(
        "--most", type=int, default=SIZES[-1], help="layers of the largest network; default: %(default)s"
    )
    given = parser.parse_args()
    sizes = [SIZES[0], given.most // 4, given.most]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        sys.path.insert(0, name)
        drawn = {}
        for make in (*NETWORKS, together, variants):
            for size in sizes:
                path = drawn[make.__name__, size] = folder / f"{make.__name__}{size}.yaml"
                text = make(size, random.Random(f"{given.seed}/{make.__name__}"))
                path.write_text(text)
                path.with_suffix(".other.yaml").write_text(changed(text))
        print(f"seed {given.seed}; Python {sys.version.split()[0]}; {sizes[1]:,} and {sizes[2]:,} layers")
        print(f"{'':40}{sizes[1]:>9,}  {sizes[2]:>9,}    power")
        wanted = lambda title: not given.words or any(word in title for word in given.words)  # noqa: E731
        commands(drawn, sizes, folder, wanted)
        rules(drawn, sizes, wanted)


if __name__ == "__main__":
    main()
