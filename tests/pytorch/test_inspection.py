"""What a spec says stays text in the source that is written, and nothing but the network is run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph, load_graph
from archcalc.pytorch import source as writing
from archcalc.pytorch.inspection import Meant, inspect
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from archcalc.quoting import python_docstring, python_string
from tests import hostile
from tests.conftest import ROOT
from tests.outcome import TIMES
from tests.program import here

# Executed where a docstring is closed by quotes of the name.
NINE = '""""""""";import os;os.mkdir("{}");"""""""""'


def quoted(name: str) -> str:
    """A value of YAML."""
    return "'" + name.replace("'", "''") + "'"


def spec(name: str, path: str = "net.yaml") -> Source:
    return Source(path, f"model: {quoted(name)}\ninput: [4]\nlayers:\n  - linear 3\n  - [relu, linear 2]\n")


def test_a_model_runs_no_code(tmp_path: Path) -> None:
    made = tmp_path / "made"
    file = tmp_path / "net.yaml"
    file.write_text(spec(NINE.format(made)).text, "utf-8")
    here("verify", str(file))
    _, text = here("build", str(file))
    exec(compile(text, "built", "exec"), {})
    assert not made.exists()


def test_a_file_name_runs_no_code(tmp_path: Path) -> None:
    file = tmp_path / '""""""""";raise SystemExit;"""""""""'
    file.write_text(spec("m").text, "utf-8")
    here("verify", str(file))
    exec(compile(here("build", str(file))[1], "built", "exec"), {})


@settings(max_examples=20 * TIMES)
@given(hostile.line, hostile.file_name, hostile.text)
def test_a_network_of_any_name_is_the_same_tree(name: str, path: str, value: str) -> None:
    plain = ast.parse(module_source(build_graph(spec("net"))))
    graph = build_graph(spec(name, path))
    graph.settings.given = {"width": value}
    made = ast.parse(module_source(graph))
    *_, ours = made.body
    *_, theirs = plain.body
    assert isinstance(ours, ast.ClassDef)
    assert isinstance(theirs, ast.ClassDef)
    doc = ast.literal_eval(ours.body[0].value)  # type: ignore[attr-defined]
    assert doc.startswith(f"{name}: input 4, ")
    assert f"from {path} with width={value}.".encode("utf-8", "backslashreplace").decode() in doc
    exec(compile(made, "built", "exec"), {})
    ours.name, ours.body[0] = theirs.name, theirs.body[0]
    assert ast.dump(made) == ast.dump(plain)


@settings(max_examples=50 * TIMES)
@given(hostile.text, st.sampled_from(["", "    "]))
def test_strings_and_docstrings_hold_any_text(text: str, indent: str) -> None:
    assert ast.literal_eval(python_string(text)) == text
    tree = ast.parse(f"class A:\n{indent or ' '}{python_docstring(text)}\n{indent or ' '}x = {python_string(text)}\n")
    assert len(tree.body) == 1
    body = tree.body[0].body  # type: ignore[attr-defined]
    assert [type(one) for one in body] == [ast.Expr, ast.Assign]
    assert body[0].value.value == body[1].value.value == text
    source = python_string(text) + python_docstring(text).replace("\n", "")
    assert source.isprintable()
    source.encode()


def test_axes_that_python_takes_for_one_are_two() -> None:
    pattern = "(aﬁ afi q) -> aﬁ afi q"
    text = f"""model: m
input: [60]
blocks:
  b(m, n): [rearrange '{pattern}' aﬁ=m afi=n, rearrange 'x y z -> (x y z)']
layers:
  - b: {{m: 2, n: 3}}
  - b: {{m: 5, n: 4}}
"""
    module = instantiate(build_graph(Source("m.yaml", text)))
    sizes = [[value for name, value in vars(one).items() if "size" in name] for one in module.children()]
    assert sizes == [[2, 3], [5, 4]]


# -- the inspection -------------------------------------------------------------------------

INSERTED = {
    "import os": "from torch import nn\n",
    "print(1)": "from torch import nn\n",
    "x = 1": "from torch import nn\n",
    "def f():\n    pass": "from torch import nn\n",
    "class Other(nn.Module):\n    pass": "from torch import nn\n",
    "    y = 1": "    def __init__",
    "    open('x')": "    def __init__",
    "    def extra(self):\n        return 1\n": "    def __init__",
    "    @probe": "    def __init__",
    "        import os": "        super().__init__()",
    "        open(0)": "        super().__init__()",
    "        eval(self)": "        super().__init__()",
    "        super().eval()": "        super().__init__()",
    "        self.x = nn.Foo()": "        super().__init__()",
    "        self.x = torch.load(1)": "        super().__init__()",
    "        self.x = self.y.__class__": "        super().__init__()",
    "        self.__class__ = 1": "        super().__init__()",
    "        self.x = 'text'": "        super().__init__()",
    "        self.x = b'text'": "        super().__init__()",
    "        self.x = f'{self}'": "        super().__init__()",
    "        self.x = lambda: 1": "        super().__init__()",
    "        del self.x": "        super().__init__()",
    "        def f(): pass": "        super().__init__()",
    "        exec": "        super().__init__()",
}


def inspected(change: object, monkeypatch: pytest.MonkeyPatch, case: str = "resnet18") -> None:
    """Build a spec whose source is changed before it is inspected."""

    def look(source: str, meant: Meant) -> None:
        changed = change(source)  # type: ignore[operator]
        assert changed != source
        inspect(changed, meant)

    monkeypatch.setattr(writing, "inspect", look)
    module_source(load_graph(str(ROOT / "specs" / f"{case}.yaml")))


@pytest.mark.parametrize("more", INSERTED)
@pytest.mark.parametrize("last", [False, True])
def test_what_was_not_meant_is_refused(more: str, last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(source: str) -> str:
        before, place, after = (source.rpartition if last else source.partition)(INSERTED[more])
        if more.strip().startswith("@"):
            return f"{before}{more}\n{place}{after}"
        line = place + after.partition("\n")[0] if not more.startswith("    ") else place
        if INSERTED[more].startswith("    def"):
            return f"{before}{more}\n{place}{after}"
        rest = after.partition("\n")[2] if line != place else after
        return f"{before}{line}\n{more}\n{rest}"

    with pytest.raises(BuildError, match=r"^line \d+ of what was written holds more than the network"):
        inspected(change, monkeypatch)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    """The block', '    """A block'),
        ("(nn.Module)", "(object)"),
        ("(nn.Module)", "(nn.Module, metaclass=nn)"),
        ("return self.fc", "return self.gc"),
        ("nn.BatchNorm2d", "nn.BatchNorm3d"),
        ("resnet18: ", "resnet19: "),
    ],
)
def test_another_word_is_refused(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError):
        inspected(lambda source: source.replace(old, new, 1), monkeypatch)


def test_a_changed_piece_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError):
        inspected(
            lambda source: source.replace("super().__init__()", "super().__init__(); x = 1", 1), monkeypatch, "gpt2"
        )
    with pytest.raises(BuildError, match="not Python"):
        inspected(lambda source: source + ")", monkeypatch)
