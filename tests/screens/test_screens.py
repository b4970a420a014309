"""What every command shows on a terminal: at any width nothing is broken inside a word or a number, or looks like another."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from archcalc.commands.watch import Watch
from archcalc.reports import forms
from archcalc.reports.blocks import BOLD, DIM, UNBOUNDED, Page, columns_of, rendered
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import broken
from tests.conftest import ROOT
from tests.program import inside

pytestmark = pytest.mark.usefixtures("specs_read_once")
WIDTHS = (60, 80, 100, 160)
SCREENS = (
    "shapes specs/gpt2.yaml", "shapes specs/googlenet.yaml", "shapes specs/resnet50.yaml --sort params -n 5",
    "shapes specs/lenet.yaml --formulas", "shapes specs/googlenet.yaml --columns output,field,params,%,macs,activations",
    "shapes specs/alexnet.yaml specs/vgg19.yaml specs/resnet152.yaml specs/googlenet.yaml", "shapes specs/gpt2.yaml --like fvcore",
    "shapes specs/lstm.yaml specs/lenet.yaml --like thop", "explain specs/googlenet.yaml inception3a", "explain specs/gpt2.yaml h",
    "explain specs/alexnet.yaml", "explain 'lstm 32 layers=12 bidirectional=true' --input 10x16",
    "explain 'attention heads=8 rope=10000 qknorm=true' --input 10x512", "explain 'conv 2 kernel=3 stride=2 padding=1' --input 3x32x32",
    "explain 'lstm 2' --input 3x2 --steps", "explain 'conv 1 kernel=3' --input 1x5x5 --steps", "lint specs/alexnet.yaml specs/gpt2.yaml",
    "diff specs/resnet18.yaml specs/resnet34.yaml", "diff specs/gpt2.yaml specs/gpt2.yaml@medium", "memory specs/gpt2.yaml -n 3 --mode training",
    "memory specs/gpt2.yaml specs/vit.yaml --device h100", "predict specs/gpt2.yaml --device a100 -n 4",
    "predict specs/gpt2.yaml specs/vit.yaml --device a100", "sweep specs/vit.yaml --set width=192,500 --set depth=6,12",
    "fit specs/vit.yaml --vary width --max params=25M --max macs=4G", "layers", "layers conv", "layer conv", "layer lstm", "layer attention", "rule",
    "rule PRM301", "rule SHP107", "specs", "specs vgg", "verify specs/net.yaml",
    "import tests/sources/llama.json", "weights {weights}", "build specs/lenet.yaml", "schema --report fit", "shapes {budget}",
    "memory {budget}", "fit specs/vit.yaml --vary width --vary depth --max params=25M --max macs=4G --max memory=2GB",
    "sweep specs/vit.yaml --set width=192,500 --set depth=6,12 --show params,macs,memory,inference_memory",
    "explain 'sdpa q=input k=input v=input' --input 3x4 --steps", "explain 'convtranspose 2 kernel=3 stride=2' --input 1x2x2 --steps",
    "explain 'rope' --input 3x8 --steps", "explain 'relposbias 2' --input 5x8 --steps",
    "explain 'moe: {{experts: 3, top_k: 2, layers: [linear 2, relu, linear 3]}}' --input 2x3 --steps",
    "explain '{{moe: {{experts: 8, top_k: 2, layers: [linear 64, gelu, linear 16]}}}}' --input 10x16",
    "shapes specs/tacotron2.yaml", "explain specs/mistral.yaml", "explain specs/mixtral.yaml", "explain specs/self-attention.yaml scores", "explain specs/seq2seq-attention.yaml", "explain {names}", "shapes {names}", "diff {names} {budget}",
    "devices", "devices h100", "serve specs/gpt2.yaml --device h100", "serve specs/gpt2.yaml --device a100 --request 20x700+200",
    "serve specs/gpt2.yaml specs/mixtral.yaml --device h100", "diff {long} specs/lenet.yaml", "predict {long} --device a100",
    "shapes {long} --like thop", "memory {long}", "fit {long} --vary batch --max memory=1GB", "explain {long}",
)  # fmt: skip
# What is wrong with a spec, a name or an option: on stderr, in a place of the spec or in a sentence.
ERRORS = (
    *(f"shapes tests/broken/{name}.yaml" for name in ("01-channels-typo", "03-pytorch-key", "05-residual-mismatch", "06-concat-mismatch",
      "13-heads", "15-linear-on-image", "24-hash", "33-cin-undecided", "36-branches-of-two-layouts", "61-each-sees-entries")),
    "lint tests/broken/05-residual-mismatch.yaml specs/gpt2.yaml", "shapes specs/nothing-of-that-name-is-here-at-all.yaml",
    "shapes specs/alexnet.yaml --bogus", "shapes specs/alexnet.yaml --format yaml", "explain specs/googlenet.yaml inception9x",
    "explain specs/gpt2.yaml h --steps", "explain 'conv 8 kernel=3' --input 3x32x32 --steps", "explain 'linaer 8' --input 4",
    "fit specs/vit.yaml --vary widht --max params=25M", "sweep specs/vit.yaml --set widht=1,2", "memory specs/gpt2.yaml --device h1000",
    "diff specs/gpt2.yaml specs/gpt2.yaml@huge", "import README.md", "rule PRM999", "layer conv9d", "build specs/lenet.yaml --format json",
    "predict specs/gpt2.yaml", "shapes specs/gpt2.yaml --set context=x", "weights README.md", "watch specs/none.yaml", "devices h1000", "serve specs/gpt2.yaml --device h100 --request 3",
    "serve specs/lenet.yaml --device h100", "shaeps specs/gpt2.yaml",
)  # fmt: skip
# Pieces of a line that may be parted: at blanks, and in formulas and names behind these signs.
_PIECES = re.compile(r"[\s·…]+|(?<=[._/-])")
# What stands over the parts of a grid that is wider than the page.
_OF_GRIDS = ("y,", "columns", "to")
_DRAWN = re.compile(r"[▁▂▃▄▅▆▇█▓▒░▏▎▍▌▋▊▉─│┤└●]+")
_ESCAPE = re.compile(r"\x1b\[([\d;]*)m")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files that are asked about: weights, a spec with every budget, one whose names are of many scripts."""
    folder = tmp_path_factory.mktemp("screens")
    names = [f"encoder.layers.{index}.self_attention.query_projection.weight" for index in range(3)]
    header = {
        name: {"dtype": "F32", "shape": [64, 64], "data_offsets": [n * 2**14, (n + 1) * 2**14]}
        for n, name in enumerate(names)
    }
    data = json.dumps(header).encode()
    (folder / "w.safetensors").write_bytes(len(data).to_bytes(8, "little") + data + bytes(3 * 2**14))
    budget = "budget: {params: 5M, trainable: 5M, macs: 4M, depth: 3, memory: 100MiB, inference_memory: 20MiB}\n"
    (folder / "budget.yaml").write_text(
        f"model: budget\ninput: [784]\nlayers: [linear 4096, relu, linear 10]\n{budget}"
    )
    title = "a rather long name of a network that somebody gave to a model of their own, of two layers"
    (folder / "long.yaml").write_text(f"model: {title}\ninput: [3, 32, 32]\nlayers: [conv 8 kernel=3, relu]\n")
    scripts = "input: [784]\nlayers:\n  - linear 64\n  - relu\n  - linear 10 name=the_last_of_all_the_layers_in_this_network\n"
    (folder / "names.yaml").write_text(f"model: 名前のある網 🙂 é\n{scripts}", encoding="utf-8")
    return {
        "weights": str(folder / "w.safetensors"),
        "budget": str(folder / "budget.yaml"),
        "long": str(folder / "long.yaml"),
        "names": str(folder / "names.yaml"),
    }


def screen(command: str, width: int | None) -> str:
    done = inside(*shlex.split(command), env={"COLUMNS": str(width)} if width else {})
    assert done.returncode in (0, 1, 2), done.stderr
    return done.stdout + done.stderr


def pieces(text: str) -> set[str]:
    return {piece for piece in _PIECES.split(text) if piece}


@pytest.mark.parametrize("command", [*SCREENS, *ERRORS])
def test_nothing_is_broken(command, files):
    """All that stands on a narrow screen stands so on an endless one, or in the option's own words."""
    command = command.format(**files) if "{" in command else command
    _holds(lambda width: screen(command, width), command in WRITTEN)


# What a machine reads: the same at every width.
WRITTEN = ("build specs/lenet.yaml", "schema --report fit", "import tests/sources/llama.json")


def _holds(shown: Callable[[int | None], str], written: bool = False) -> None:
    endless = shown(None)
    whole = pieces(endless) | {"for", "=", "+", "−", *_OF_GRIDS}
    for width in WIDTHS:
        text = shown(width)
        if written:
            assert text == endless
            continue
        long = [line for line in text.splitlines() if columns_of(line) > width and not is_source(line)]
        assert not long, f"{width}: {long[0]}"
        broken = pieces(_DRAWN.sub(" ", text)) - whole
        assert not broken, f"{width}: {sorted(broken)[:5]}"


def test_what_is_measured():
    """Reports of which no two runs are the same: made once."""
    from archcalc.network.load import load_graph
    from archcalc.pytorch import profile
    from archcalc.pytorch.setup import Setup
    from archcalc.pytorch.timing import Budget
    from archcalc.running import Running
    from tests.reports.test_forms import calibration

    graphs = [load_graph(f"specs/{name}.yaml", {}, None) for name in ("net", "lenet")]
    training, inference = (Setup(Running(mode=mode), "cpu", 0, Budget(0, 2, 0.05)) for mode in ("train", "inference"))
    found = [
        ("profile", profile.profile(graphs[0], training, lambda what: None)),
        ("profile", profile.profile(graphs[1], inference, lambda what: None)),
        ("profile_comparison", profile.compare((graphs[0], graphs[0]), inference, lambda what: None)),
        ("calibration", calibration()),
    ]
    for report, made in found:
        block = forms.render(report, "text", made)
        _holds(lambda width: rendered(block, Page(width or UNBOUNDED)))  # noqa: B023


def test_the_watched_file(files):
    for text in (None, "model: m\ninput: [3, 32, 32]\nlayers: [conv 8 kernel=3, linaer 10, relu]\n"):
        path = Path(files["budget"])
        watch = Watch(str(path), {}, 1, 1)
        watch.look()
        before = path.read_text()
        if text:
            path.write_text(text)
            watch.look()
        _holds(lambda width: _ESCAPE.sub("", rendered(watch.frame(), Page(width or UNBOUNDED))))  # noqa: B023
        path.write_text(before)


def is_source(line: str) -> bool:
    """A line of an example, or with the path of a file of the test: these are as they were written."""
    return line.startswith("    ") or "/screens0/" in line


# Names that are wider than a terminal, of blocks in blocks.
DEEP = """model: deep
input: [3, 8, 8]
blocks:
  inverted_bottleneck_residual_block(channels):
    - residual: [conv channels kernel=1 name=projection_pointwise, batchnorm]
  stage_of_the_feature_pyramid(channels):
    - repeat: 2
      name: repeated_inverted_bottlenecks
      layers: [inverted_bottleneck_residual_block channels]
layers:
  - conv 8 kernel=1 name=stem
  - stage_of_the_feature_pyramid 8 name=stage_with_full_resolution
"""


@pytest.mark.parametrize("command", ["shapes", "explain", "memory", "diff specs/net.yaml", "predict --device a100"])
def test_names_that_are_wider_than_the_terminal_go_on_in_the_next_line(command, tmp_path):
    (tmp_path / "deep.yaml").write_text(DEEP)
    words = [*shlex.split(command), str(tmp_path / "deep.yaml")]
    out = inside(*words, env={"COLUMNS": "60"}).stdout
    names = ("stage_of_the_feature_pyramid", "stage_with_full_resolution", "stem")
    assert any(name in out for name in names)
    for line in out.splitlines():
        assert columns_of(line) <= 60 or str(tmp_path) in line, line


@pytest.mark.parametrize("command", SCREENS)
def test_colour_changes_no_letter(command, files):
    command = command.format(**files) if "{" in command else command
    colored = inside(*shlex.split(command), "--color", "always") if takes_color(command) else None
    if colored is None:
        return
    styles = {tuple(map(int, found.split(";"))) for found in _ESCAPE.findall(colored.stdout) if found and found != "0"}
    assert styles & {BOLD, DIM}, "no weight at all"
    plain = [line.rstrip() for line in _ESCAPE.sub("", colored.stdout).splitlines() if "─" not in line]
    bare = [line.rstrip() for line in inside(*shlex.split(command)).stdout.splitlines()]
    assert pieces(_DRAWN.sub(" ", " ".join(bare))) == pieces(_DRAWN.sub(" ", " ".join(plain)))


def takes_color(command: str) -> bool:
    return not command.startswith(("specs", "build", "schema", "import"))


@pytest.mark.parametrize("width", WIDTHS)
def test_help_is_as_wide_as_the_terminal(width):
    from archcalc.cli import COMMANDS

    for name in COMMANDS:
        out = inside(name, "--help", env={"COLUMNS": str(width)}).stdout
        assert out.startswith("Usage:")
        assert max(map(len, out.splitlines())) <= width, name


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "spec",
    [
        "googlenet",
        "gpt2",
        "mobilenetv3",
        "efficientnetv2",
        "resnet50",
        "densenet121",
        "inceptionv3",
        "mixtral",
        "seq2seq-attention",
    ],
)
def test_rows_that_differ_do_not_look_alike(spec, width):
    whole, narrow = (_labels(screen(f"shapes specs/{spec}.yaml --depth 2", one)) for one in (None, width))
    assert len({*narrow}) == len({*whole})


def _labels(text: str) -> list[str]:
    """The first column: what stands before two blanks and the output's sizes, or above them where it is wrapped."""
    found, above = [], ""
    for row in text.split("\n\n")[1].splitlines()[1:]:
        label, *sizes = re.split(
            r"  +(?=[\d=])", f"  {row.strip()}" if re.match(r" {8,}\d", row) else row.strip(), maxsplit=1
        )
        above += f" {label}"
        if sizes:
            found.append(above.strip())
            above = ""
    return found


@pytest.mark.parametrize("width", [24, 40, 60, 80])
def test_no_two_labels_become_one(width):
    names = [
        f"linear {100 + index} bias=false tie=embedding_{index % 3} {'x' * index}  (layer_number_{index})"
        for index in range(12)
    ]
    names += ["attention heads=8 causal", "attention heads=8 cross", "model.layers.0.self_attn.q_proj.with.a.long.name"]
    table = Columns(
        [Column("layer", right=False), Column("params"), Column("MACs", rank=1)],
        [((name, "1,234", "5.6 M"), None) for name in names],
    )
    text = rendered(table, Page(width))
    told = list(table.told(table.fit(width)[1], width).values())
    assert len({*map(tuple, told)}) == len(names)
    assert max(map(len, text.splitlines())) <= width
    assert all(f"layer_number_{index})" in re.sub(r"\s", "", text) for index in range(12))


@pytest.mark.parametrize(("width", "shown"), [(80, True), (48, True), (30, False)])
def test_labels_wrap_before_a_wanted_column_goes(width, shown):
    names = [f"inception 64 r3={index} c3=128 r5=16 c5=32  (inception{index}a)" for index in range(3)]
    table = Columns(
        [Column("layer", right=False), Column("output", right=False, rank=1, wanted=True), Column("params")],
        [((name, "256×28×28", "155,872"), None) for name in names],
    )
    lines = rendered(table, Page(width)).splitlines()
    assert max(map(len, lines)) <= width
    assert ("256×28×28" in "".join(lines)) == shown
    assert all(f"(inception{index}a)" in "".join(lines) for index in range(3))


def test_equations_are_broken_between_their_terms():
    """Outside brackets, before a value's letter, and with what is done kept beside how often."""
    for text, width, lines in (
        ("n = tanh(W x(t) + b + r ⊙ (U h(t−1) + b′))", 40, ["n = tanh(W x(t) + b +", "r ⊙ (U h(t−1) + b′))"]),
        ("Q = x W_Q + b_Q   K = x W_K + b_K   V = x W_V", 40, ["Q = x W_Q + b_Q   K = x W_K + b_K", "V = x W_V"]),
        ("y[c] = b[c] + Σ h[c, k] · x[k, i]", 30, ["y[c] = b[c] +", "Σ h[c, k] · x[k, i]"]),
        (
            "y[1] = [0.25, 1.5] + [0.8415, 0.5403] = [1.0915, 2.0403]",
            50,
            ["y[1] = [0.25, 1.5] + [0.8415, 0.5403]", "= [1.0915, 2.0403]"],
        ),
        ("uniform between 0 and 1; p = 0.5", 30, ["uniform between 0 and 1;", "p = 0.5"]),
        ("⌊s·S / S′⌋ ≤ i < ⌈(s + 1)·S / S′⌉", 30, ["⌊s·S / S′⌋ ≤ i < ⌈(s + 1)·", "S / S′⌉"]),
    ):
        assert broken(text, width) == lines
    told = screen("explain 'lstm 2' --input 3x2", 60)
    assert re.search(r"^ +c = f ⊙ c \+ i ⊙ g \(3\),", told, re.MULTILINE)


def test_what_layers_were_given_is_cut_before_a_title_has_a_line_of_its_own():
    text = screen("explain specs/self-attention.yaml", 80)
    assert re.search(r"linear 512 …  \(key\) +512·512 ", text)
    assert "bias=false  (key)" in screen("explain specs/self-attention.yaml", None)


def test_the_screens_are_those_of_all_commands():
    """Those that measure, and the one that goes on, have tests of their own."""
    from archcalc.cli import COMMANDS

    assert {command.split()[0] for command in SCREENS} == set(COMMANDS) - {"profile", "calibrate", "watch"}
    assert (ROOT / "archcalc" / "commands").is_dir()
