"""Names stay names in every form: no terminal, CI system, reader of markdown or spreadsheet obeys them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archcalc
from archcalc.cli import group
from archcalc.quoting import csv_cell, markdown, markdown_message, terminal_text, visible
from archcalc.reports.forms import forms
from tests import hostile
from tests.outcome import TIMES

from .conftest import Run

COMMANDS = [
    *(f"shapes {{0}} --format {form}" for form in forms("shapes")),
    *(f"shapes {{0}} {{1}} --format {form}" for form in forms("shapes")),
    *(f"shapes {{0}} --like torchinfo --format {form}" for form in forms("peers")),
    *(f"shapes {{0}} --symbolic --format {form}" for form in forms("closed_form")),
    *(f"lint {{0}} --select ALL --format {form}" for form in forms("findings")),
    *(f"lint {{2}} --format {form}" for form in forms("findings")),
    "lint {0} --diff --unsafe-fixes --select ALL", "lint {0} --variants --base {1}", "lint {0} --select {3}", "lint {0} --device {3}",
    *(f"memory {{0}} --format {form}" for form in forms("memory")),
    *(f"memory {{0}} {{1}} --format {form}" for form in forms("memory")),
    "memory {0} --mode training -o {4}.svg", "memory {0} --checkpoint {3}", "memory {0} --fit {3} --room 1GB",
    *(f"predict {{0}} --device h100 --format {form}" for form in forms("prediction")),
    *(f"predict {{0}} {{1}} --device h100 --format {form}" for form in forms("prediction")),
    *(f"sweep {{0}} --set w=1,2 --format {form}" for form in forms("sweep")),
    "sweep {0} {1} --set w=1,2 --plot macs,params -o {4}.svg", "sweep {0} --set {3}=1,2", "sweep {0} --plot {3},params", "sweep --grid {0}",
    *(f"fit {{0}} --vary w --max params=1K --format {form}" for form in forms("fit")),
    "fit {0} --vary {3} --max params=1K", "fit {0} --vary w --max {3}=1K",
    *(f"diff {{0}} {{1}} --format {form}" for form in forms("difference")), "diff {3}:{0} {1}", "diff {0} {1} --max-growth {3}=1",
    *(f"build {{0}} --format {form}" for form in forms("module")), "build {0} -o {4}.py", *(f"verify {{0}} --format {form}" for form in forms("verification")),
    *(f"explain {{0}} first --format {form}" for form in forms("explanation")), *(f"explain {{0}} first --symbolic --format {form}" for form in forms("closed_form_layer")), "explain {0} {3}",
    "explain {3} --input 3x4", "explain relu --input {3}", "layer {3}", "rule {3}", "{3}",
    *(f"explain {{0}} first --steps --format {form}" for form in forms("worked")), "schema --report {3}", "specs {3}", "import {0}", "import {3}",
    *(f"weights {{6}} --format {form}" for form in forms("weights")), "weights {6} --against {5}", "weights {3}",
    *(f"{command} {{5}}" for command in ("shapes", "lint", "build", "import", "memory", "explain")), "import {5} --scale {3}", "import {0}:{3}", "import hf:{3}",
    "shapes {2}", "shapes {0} --set w={3}", "shapes {0} --set {3}=1", "shapes {0}@{3}", "shapes {3}", "schema",
]  # fmt: skip
if find_spec("matplotlib") is None:
    COMMANDS = [one for one in COMMANDS if "--plot macs" not in one]
# Where a spec takes a name, or text of any kind: as a value of YAML, and as it stands.
PLACES = {
    "model": "model: {0}\n", "block": "blocks: {{{0}: [relu]}}\n", "called block": "blocks: {{{0}: [relu]}}\nlayers: [linear w, {0}]\n",
    "arguments": "blocks: {{{1}: [relu]}}\n", "argument": "blocks: {{'b(x)': [relu]}}\nlayers: [{{b: {{{0}: 3}}}}]\n",
    "layer": "layers: [{{linear: {{features: w}}, name: {0}}}, relu]\n", "inner layer": "layers: [{{repeat: 2, layers: [{{linear: {{features: 4}}, name: {0}}}]}}]\n",
    "from": "layers: [{{linear: {{features: w}}, name: first}}, {{linear: {{features: w}}, from: {0}}}]\n", "tie": "layers: [{{linear: {{features: 4}}, tie: {0}}}]\n", "op": "layers: [{0}]\n",
    "key": "layers: [{{linear: {{features: w, {0}: 1}}}}]\n", "value": "layers: [{{linear: {{features: {0}}}}}]\n", "pattern": "layers: [{{rearrange: {{pattern: {0}}}}}]\n",
    "hparam": "hparams: {{w: 3, {0}: 3}}\n", "hparam's value": "hparams: {{w: 3, a: {0}}}\n", "dim": "dims: {{{0}: 3}}\n",
    "read dim": "dims: {{{0}: 3}}\ninput: [{0}, 4]\n", "input": "input: {{{0}: [4]}}\n", "size": "input: [{0}]\n",
    "variant": "variants: {{{0}: {{w: 2}}}}\n", "variant's key": "variants: {{large: {{{0}: 2}}}}\n", "output": "output: [{0}]\n", "loss": "loss: {0}\n",
    "include": "include: [{0}]\n", "top": "{0}: 3\n", "budget": "budget: {{params: {0}}}\n", "growth": "growth: {{{0}: 5%}}\n", "expect": "expect: {{{0}: 1}}\n",
    "run": "run: {{checkpoint: [{0}]}}\n", "run's key": "run: {{{0}: 1}}\n", "class": "layers: [{{opaque: {{output: 3, class: {0}}}}}]\n",
    "further output": "layers: [{{opaque: {{output: {{{0}: [3]}}}}}}]\n", "frozen": "layers: [{{linear: {{features: w}}, frozen: {0}}}]\n",
    "comment": "model: m # {2}\n", "ignore": "model: m # archcalc: ignore[{2}] {2}\n", "text": "{2}\n",
}  # fmt: skip
# Names that the language may take, and Python or PyTorch have of their own.
WORDS = [
    "日本",
    "ſelf",
    "ﬁ",
    "а",
    "self",
    "nn",
    "F",
    "torch",
    "forward",
    "x",
    "__init__",
    "class",
    "None",
    "conv",
    "os",
    "é",
]
OURS = r"</?(br|details|summary)>|&(emsp|amp|lt|gt|#124);"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def spec(name: str, layers: str = "[linear w name=first, relu, linear 2]", place: str = "model") -> str:
    """A spec that has `name` at one of the `PLACES`, in the place of what usually stands there."""
    usual = {"model": "m", "hparams": "{w: 3}", "input": "[4]", "layers": f"\n  - {layers}"}
    given = PLACES[place].format(quoted(name), quoted(f"b({name})"), name)
    return "".join(f"{key}: {value}\n" for key, value in usual.items() if f"{key}:" not in given) + given


def keras(name: str, other: str) -> str:
    """A model of Keras whose names these are."""
    layers = [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": other}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "name": name, "activation": "relu"}},
        {"module": other, "class_name": name, "config": {"name": other}},
    ]
    return json.dumps(
        {
            "module": "keras",
            "class_name": "Sequential",
            "config": {"name": name, "layers": layers[: 2 + len(other) % 2]},
        }
    )


def weights(*names: str) -> bytes:
    """A file of weights whose tensors have these names."""
    tensors = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]}
        for at, name in enumerate(dict.fromkeys(names))
    }
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4 * len(tensors))


def is_inert(text: str, form: str = "") -> None:
    """Nothing in what is printed is obeyed by a terminal or a CI system."""
    assert all(one.isprintable() or one in "\n\t" for one in text), ascii(text)
    assert form == "github" or not re.search(r"##[a-z]*\[", text)
    for line in text.split("\n"):
        assert not line.lstrip().startswith("::") or (
            form == "github" and re.match("::(error|warning|notice) title=archcalc ", line)
        )


def is_plain(text: str) -> None:
    """Markdown that links to nothing, shows nothing and mentions nobody."""
    text = re.sub(OURS, " ", text)
    assert not re.search(r"@[\w-]|[\])!][\[(]|://|www\.|(?<!\\)<[\w/!?]|&[#\w]|#\d", text), text


@settings(
    max_examples=int(os.environ.get("ARCHCALC_HOSTILE_NAMES", str(2 * TIMES))),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    hostile.line | st.sampled_from(WORDS),
    st.sampled_from(sorted(PLACES)),
    hostile.line,
    hostile.file_name,
    hostile.line,
)
@pytest.mark.parametrize("command", COMMANDS)
def test_names_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, command: str, name: str, place: str, other: str, file: str, value: str
) -> None:
    folder = tmp_path_factory.mktemp("names")
    file = "".join(one for one in file if not "\udc80" <= one <= "\udcff").replace("@", "a") or "x"
    paths = [folder / f"0{file}", folder / f"1{file}.yaml", folder / f"2{file}.yml"]
    texts = (
        spec(name, place=place),
        spec(other, "[linear 2*w name=first, dropout 0.1]"),
        spec(name, quoted(f"linear {other}")),
    )
    for path, text in zip(paths, texts):
        path.write_text(text, "utf-8")
    others = [folder / f"5{file}.json", folder / f"6{file}.safetensors"]
    others[0].write_text(keras(name, other), "utf-8")
    others[1].write_bytes(weights(name, other))
    words = [word.format(*paths, value, folder / "out", *others) for word in command.split()]
    result = CliRunner().invoke(group, words, standalone_mode=False, prog_name="archcalc")
    assert result.exception is None or type(result.exception).__name__ in (
        "UsageError",
        "BadParameter",
        "RequestError",
        "NoSuchOption",
    ), result.exc_info
    form = words[-1] if words[-2:-1] == ["--format"] else ""
    out = result.stdout
    is_inert(out, form)
    is_inert(result.stderr)
    for path in folder.glob("out.*"):
        is_inert(path.read_text("utf-8"))
        assert path.suffix != ".svg" or ElementTree.parse(path)
    if form in ("json", "sarif", "gitlab", "rdjson") and out:
        document = json.loads(out)
        assert form != "json" or words[0] == "lint" or place != "model" or name in _texts(document)
    elif form == "csv":
        for row in csv.reader(io.StringIO(out)):
            assert all(re.match(r"[^=+@-]|-?[\d.]+(e[+-]?\d+)?\Z|\Z", cell) for cell in row), row
    elif form == "markdown":
        is_plain(re.sub(r"(?ms)^(`{3,})$.*?^\1$", "", out))


@given(hostile.line)
def test_a_table_of_a_notebook(name: str) -> None:
    html = archcalc.loads(spec(name))._repr_html_()
    is_inert(html)
    markup = html.replace("&emsp;", " ").replace("<br>", "<br/>")  # what XML does not know
    caption = ElementTree.fromstring(f"<div>{markup}</div>").find(".//table/caption")
    assert caption is not None
    assert caption.text == f"{visible(name)}: input 4, batch 1"


@pytest.mark.parametrize("name", ["a\u202eb", "$\\frac{$", "<script>", 'a"b&c', "a$b$"])
def test_names_in_drawings(clone: Path, run: Run, name: str) -> None:
    (clone / "net.yaml").write_text(spec(name), "utf-8")
    commands = ["memory net.yaml --mode train -o 0.svg", "sweep net.yaml --set w=1,2 --plot macs,params -o 1.svg"]
    for number, command in enumerate(commands[: 1 + (find_spec("matplotlib") is not None)]):
        done = run(*command.split())
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        text = (clone / f"{number}.svg").read_text("utf-8")
        is_inert(text)
        assert visible(name) in "".join(ElementTree.fromstring(text).itertext())


def _texts(document: object) -> list[str]:
    if isinstance(document, dict):
        return [text for value in document.values() for text in _texts(value)]
    if isinstance(document, list):
        return [text for value in document for text in _texts(value)]
    return [document] if isinstance(document, str) else []


@given(hostile.text)
def test_the_functions(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(text) == text or not text.isprintable()
    is_inert(terminal_text(text.replace("\x1b", "")))
    is_plain(markdown(text))
    assert not re.search(OURS, markdown(re.sub(r"[|&<>]", "", text)))  # an entity stands for one of these alone
    assert markdown(f"{text}&#124;").endswith("&amp;#" + markdown("#124;")[1:])
    is_plain(re.sub(r"\\\|", "", markdown_message(text)))
    if text.isprintable() and text[:1] not in ("=", "+", "-", "@", ":", "\uff1d"):
        assert csv_cell(text) == text
    document = json.dumps({"a": [text]}, ensure_ascii=False)
    assert json.loads(terminal_text(document)) == {"a": [text]}


@pytest.mark.parametrize(
    "text",
    ["{}::error::x", "a\n{}::error::x", "a\n {} {}::warning file=x::y", "{}:{}:error::x", "#{}#[error]x", "##{}[x"],
)
def test_colours_hide_no_command(text: str) -> None:
    """They are taken out where there is no terminal: what stands behind them is at the start of the line then."""
    painted = terminal_text(text.replace("{}", "\x1b[1m"))
    assert not re.search(r"(?m)^\s*::|##[a-z]*\[", re.sub(r"\x1b\[\d*m", "", painted))


@pytest.mark.parametrize("command", ["shapes", "import", "lint"])
def test_what_a_config_says_starts_no_command(clone: Path, run: Run, command: str) -> None:
    (clone / "config.json").write_text(json.dumps({"model_type": "a\n::error::b"}), "utf-8")
    done = run(command, "config.json")
    assert done.returncode == 1
    assert "a\\n::error::b" in done.stdout + done.stderr
    assert not re.search(r"(?m)^\s*::", done.stdout + done.stderr)


_NAMES = (
    b"\xff.yaml", b"a\n::error::b.yaml", b"a\x1b[2Jb.yaml", b"\x1b[8mb.yaml", "\u202eb.yaml".encode(), b"##[error]b.yaml",
)  # fmt: skip


@pytest.fixture
def misnamed(clone: Path) -> Path:
    """A folder of specs with such names alone, each with an error."""
    (clone / "net.yaml").unlink()
    for name in _NAMES:
        with open(os.fsencode(clone) + b"/" + name, "wb") as file:
            file.write(spec("m", "lineer 3").encode())
    return clone


@pytest.mark.parametrize("form", forms("findings"))
@pytest.mark.skipif(os.name == "nt", reason="such names are those of Unix")
def test_names_of_files(misnamed: Path, run: Run, form: str) -> None:
    for encoding in ("utf-8", "ascii", "cp1252"):
        done = run("lint", ".", "--format", form, "--output", "full=out.txt", PYTHONIOENCODING=encoding)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        is_inert(done.stdout, form)
        is_inert((misnamed / "out.txt").read_text("utf-8"))
        if form == "full":
            assert "\\xff" in done.stdout or "\\udcff" in done.stdout
            for name in _NAMES:
                assert terminal_text(visible(os.fsdecode(name))) in done.stdout or encoding != "utf-8"


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.skipif(os.name == "nt", reason="such names are those of Unix")
def test_a_name_of_the_only_file(misnamed: Path, run: Run, name: bytes) -> None:
    done = run("shapes", os.fsdecode(name), "--color", "always")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("key", [r"a\n::error::b", r"a\u001b[2Jb", r"\u202eb", "##[error]"])
def test_keys_of_settings(clone: Path, run: Run, key: str) -> None:
    for text in (f'"{key}" = 1\n', f'["{key}"]\na = 1\n', f'[lint]\n"{key}" = 1\n', f'[severity]\n"{key}" = "error"\n', f'format = "{key}"\n',
                 f'[per-file-ignores]\n"{key}" = ["NO"]\n', f'[budgets."{key}"]\nx = 1\n', f'[lint]\ndevice = "{key}"\n', f'[lint]\nselect = "{key}"\n'):  # fmt: skip
        (clone / "archcalc.toml").write_text(text, "utf-8")
        done = run("lint", ".")
        assert done.returncode == 2, text
        assert "Traceback" not in done.stderr
        is_inert(done.stdout + done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="such names are those of Unix")
def test_the_folder_of_settings(clone: Path, run: Run) -> None:
    folder = clone / "x\n::error::y\x1b[2J\udcff"
    folder.mkdir()
    (folder / "archcalc.toml").write_text("nothing = 1\n", "utf-8")
    (folder / "net.yaml").write_text(spec("m"), "utf-8")
    done = run("lint", ".", cwd=folder)
    assert done.returncode == 2
    is_inert(done.stderr)
    (folder / "archcalc.toml").write_text("[shapes]\nbatch = 'x'\n", "utf-8")
    is_inert(run("shapes", "net.yaml", cwd=folder).stderr)
