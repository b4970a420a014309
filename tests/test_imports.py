"""The house: who may import whom, and what the static path never imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from .conftest import ROOT

PACKAGE = ROOT / "archcalc"
# From the ground up; a room may import itself and what stands before it.
ORDER = ("patterns", "records", "lazy", "diagnostics", "advice", "quantity", "terms", "traced", "cases", "quoting", "project", "output", "workers", "largest", "foreign", "weights", "registry", "libyaml", "invalid_yaml", "source", "sources", "shipped", "opening", "hub", "devices", "running", "language", "layers", "spelling", "network", "cost", "derivation", "worked", "memory", "prediction", "sweep", "symbolic", "peers", "expectations", "difference", "rules",
         "reports", "tracing", "onnx", "pytorch", "api", "terminal", "git", "revision", "configuration", "commands", "cli")  # fmt: skip
FORBIDDEN = ("torch", "torchinfo", "numpy", "sympy", "pydantic")
STATIC = (
    ["shapes", "specs/resnet152.yaml"],
    ["shapes", "specs/alexnet.yaml", "specs/vgg19.yaml", "--format", "json"],
    ["shapes", "specs/gpt2.yaml", "--formulas", "--expand"],
    ["shapes", "tests/sources/llama.json"],
    ["import", "tests/sources/llama.json"],
    ["shapes", "specs/gpt2.yaml", "--like", "torchinfo"],
    ["explain", "specs/alexnet.yaml", "conv1"],
    ["explain", "lstm 2", "--input", "3x2", "--steps"],
    ["layers"],
    ["layer", "lstm"],
    ["schema"],
    ["memory", "specs/gpt2.yaml", "--device", "h100"],
    ["memory", "specs/resnet152.yaml", "--format", "json"],
    [
        "sweep",
        "specs/vit.yaml",
        "--set",
        "depth=1,2",
        "--show",
        "params,memory,time",
        "--device",
        "h100",
        "--plot",
        "macs,params",
    ],
    ["sweep", "specs/vit.yaml", "--set", "depth=1..300", "--format", "csv"],
    ["fit", "specs/vit.yaml", "--vary", "depth", "--max", "params=25M"],
    ["shapes", "--help"],
    ["build", "specs/resnet18.yaml"],
    ["build", "specs/resnet18.yaml", "--format", "state-dict"],
)


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


@cache
def statements(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of a file, for types alone too."""
    found, pending = [], [*ast.parse(source).body]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        elif not isinstance(node, ast.expr):  # in which no statement stands
            pending += ast.iter_child_nodes(node)  # type: ignore[arg-type]
    return found


def imports(source: str) -> list[str]:
    found = []
    for node in statements(source):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif node.module:
            found.append(node.module)
    return found


def violations(name: str, source: str) -> list[str]:
    """Imports of rooms that stand above the room `name`."""
    rooms = [module.split(".")[1] for module in imports(source) if module.startswith("archcalc.")]
    return [other for other in rooms if other in ORDER and ORDER.index(other) > ORDER.index(name)]


def test_imports_point_down():
    files = [path for path in PACKAGE.rglob("*.py") if room(path) in ORDER]
    assert files
    upwards = {path: violations(room(path), path.read_text(encoding="utf-8")) for path in files}
    assert {path: rooms for path, rooms in upwards.items() if rooms} == {}


def test_the_direction_test_can_fail():
    assert violations("language", "from archcalc.layers import REGISTRY") == ["layers"]
    assert violations("layers", "def f():\n    import archcalc.network.load") == ["network"]


def modules() -> dict[str, set[str]]:
    """The files of the package by their dotted names, each with those that it imports.

    `archcalc` itself is left out: it is the face of the package, whose version everyone may read.
    """
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    del names["archcalc"]
    return {name: imported(path.read_text(encoding="utf-8")) & set(names) - {name} for name, path in names.items()}


def imported(source: str) -> set[str]:
    """What a file imports: modules, and names that may be modules."""
    froms = [node for node in statements(source) if isinstance(node, ast.ImportFrom) and node.module]
    return {*imports(source), *(f"{node.module}.{alias.name}" for node in froms for alias in node.names)}


def circle(graph: dict[str, set[str]]) -> set[str]:
    """Files that import each other, by whatever way; empty where there are none."""
    left = dict(graph)
    while leaves := {name for name, others in left.items() if not others & set(left)}:
        left = {name: others for name, others in left.items() if name not in leaves}
    return set(left)


def test_no_two_files_import_each_other():
    assert circle(modules()) == set()


def test_the_test_of_circles_can_fail():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}
    assert imported("import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e") == {"a.b", "c", "c.d", "e"}


def test_every_room_is_known():
    rooms = {room(path) for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert rooms == set(ORDER)


def loaded(arguments: list[str]) -> set[str]:
    """The modules that a run of the command line reads."""
    program = f"import sys\nsys.argv = {['archcalc', *arguments]!r}\nfrom archcalc.cli import main\ntry: main()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(run.stderr.split())


def loaded_modules(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.split(".")[0] for name in run.stderr.split()}


@pytest.mark.parametrize("arguments", STATIC, ids=" ".join)
def test_static_path_is_light(arguments):
    code = f"sys.argv = ['archcalc', *{arguments!r}]\nfrom archcalc.cli import main\ntry: main()\nexcept SystemExit as e: assert not e.code"
    assert not loaded_modules(code) & set(FORBIDDEN)


def test_sympy_stays_in_its_room():
    users = [path for path in PACKAGE.rglob("*.py") if "sympy" in imports(path.read_text(encoding="utf-8"))]
    assert users
    assert {room(path) for path in users} == {"symbolic"}


@pytest.mark.parametrize(("library", "file"), [("plotille", "plot.py"), ("matplotlib", "figure.py")])
def test_what_draws_stays_in_its_file(library, file):
    users = [
        path
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == library for name in imports(path.read_text(encoding="utf-8")))
    ]
    assert users == [PACKAGE / "reports" / "sweep" / file]


def test_python_interface_is_light():
    code = "import archcalc\nnet = archcalc.load('specs/alexnet.yaml')\nassert net.layers and repr(net)"
    assert not loaded_modules(code) & set(FORBIDDEN)


def test_the_light_test_can_fail():
    assert "sympy" in loaded_modules("import sympy")


@pytest.mark.parametrize(
    "arguments",
    [
        ["shapes", "specs/alexnet.yaml", "--format", "json"],
        ["shapes", "specs/alexnet.yaml"],
        ["shapes", "specs/alexnet.yaml", "specs/lenet.yaml", "--color", "always"],
        ["memory", "specs/alexnet.yaml", "--color", "always"],
        ["lint", "specs/alexnet.yaml"],
    ],
    ids=" ".join,
)
def test_rich_is_for_what_moves(arguments):
    assert "rich" not in loaded(arguments)


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (["shapes", "specs/resnet18.yaml"], ("archcalc.layers.kernels", "archcalc.memory", "archcalc.derivation", "dataclasses", "textwrap")),
        (["lint", "specs/lenet.yaml"], ("archcalc.layers.kernels", "archcalc.memory", "archcalc.rules.fixes", "dataclasses", "importlib.util")),
        (["shapes", "tests/sources/llama.json"], ("archcalc.layers.kernels", "archcalc.memory", "dataclasses", "archcalc.sources.ultralytics.rows")),
        (["shapes", "specs/llama3.yaml"], ("archcalc.sources", "json")),
        (["shapes", "specs/lenet.yaml"], ("archcalc.layers.attention", "archcalc.layers.sdpa", "archcalc.layers.elementwise")),
        (["build", "specs/lstm.yaml"], ("archcalc.layers.kernels", "archcalc.memory", "archcalc.api")),
    ],
    ids=lambda value: value[0],
)  # fmt: skip
def test_commands_read_what_they_need(arguments, needless):
    read = loaded(arguments)
    assert "archcalc.layers.base" in read
    assert [name for name in read if name in needless or name.rpartition(".")[2] in needless] == []


@pytest.mark.parametrize("folder", [PACKAGE, ROOT / "tests"], ids=lambda folder: folder.name)
def test_no_file_is_a_house(folder):
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    assert lines
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_a_command_of_many_options_gets_one_object():
    for path in (PACKAGE / "commands").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "command":
                assert len(node.args.args) <= 10, f"use @options.asked in {path.name}"
