"""What all tests share: where the specs are, and graphs from a few lines of text."""

from __future__ import annotations

import ast
import gc
import inspect
import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from archcalc.diagnostics import Source
from archcalc.network.load import Graph, build_graph

# Of pytest's own processes it says how wide the terminal is; tests say it themselves.
os.environ.pop("COLUMNS", None)
# Rules of memory are those of oneDNN's kernels without AMX; a processor that has it is asked for the others, before PyTorch is there.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
gc.set_threshold(300_000, 50, 50)  # as the program does itself: a graph is a circle, and most live to the end of a test

ROOT = Path(__file__).parent.parent
# What `pytest -m quick` runs, and reads: the language, rules, messages and what is made of them, none with PyTorch.
QUICK = ("broken", "language", "rules", "test_broken.py", "test_costs.py",
         "test_blocks.py", "test_paths.py", "test_devices.py", "test_golden.py")  # fmt: skip
# Every spec of specs/ is linted in these.
_LONG = ("rules/test_zoo.py", "rules/test_trials.py")
HAS_TORCH = find_spec("torch") is not None
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


@cache
def is_quick(path: Path) -> bool:
    """Whether a test file is one of the quick ones."""
    tests = ROOT / "tests"
    if not path.is_relative_to(tests) or path == tests:
        return False
    inside = path.relative_to(tests)
    if inside.parts[0] not in (*QUICK, "conftest.py") or inside.as_posix() in _LONG:
        return False
    return path.suffix != ".py" or not needs_torch(path)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """To read the other files alone would take longer than the quick tests do; without PyTorch some cannot be read."""
    if config.getoption("markexpr") == "quick" and collection_path != ROOT / "tests" and not is_quick(collection_path):
        return True
    return True if not HAS_TORCH and collection_path.suffix == ".py" and needs_torch(collection_path) else None


@cache
def needs_torch(path: Path) -> bool:
    """Whether a file of tests imports PyTorch, or another file of tests that does."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {one.name for node in tree.body if isinstance(node, ast.Import) for one in node.names}
    names |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    others = [ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.startswith("tests.")]
    return any(name.split(".")[0] == "torch" for name in names) or any(
        one.exists() and needs_torch(one) for one in others
    )


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Mark the quick ones, where marks are asked for."""
    for item in items if config.getoption("markexpr") else ():
        if is_quick(item.path) and not (isinstance(item, pytest.Function) and computes(item.function)):
            item.add_marker("quick")


def pytest_collection_finish() -> None:
    """What was imported stays to the end: no later search for garbage need look at it."""
    gc.collect()
    gc.freeze()


@cache
def computes(test: Callable[..., object]) -> bool:
    """Whether a test reads PyTorch as it runs: in its own lines, or in a function that it calls."""
    pending, seen = [test], set()
    while pending:
        one = pending.pop()
        one = inspect.unwrap(one) if callable(one) else one
        code = getattr(one, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        if any(name.split(".")[0] == "torch" or name.startswith("archcalc.pytorch") for name in code.co_names):
            return True
        pending += [one.__globals__[name] for name in code.co_names if name in one.__globals__]
    return False


@pytest.fixture(scope="module")
def specs_read_once() -> Iterator[None]:
    """`archcalc specs` inside this process reads each spec once, however often it lists them."""
    from archcalc.commands import specs

    read = cache(lambda name: next(reading([name])))
    reading = specs._read
    with mock.patch.object(specs, "_read", lambda names: map(read, names)):
        yield


@pytest.fixture
def graph() -> Callable[..., Graph]:
    """`graph("3, 32, 32", "conv 8 kernel=3", "relu")`: a network of these layers."""

    def build(input: str, *layers: str, batch: int = 1) -> Graph:
        lines = "".join(f"  - {layer}\n" for layer in layers)
        return build_graph(Source("t.yaml", f"model: t\ninput: [{input}]\nlayers:\n{lines}"), batch=batch)

    return build
