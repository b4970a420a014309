"""What every command shows on a terminal: at any width nothing is broken inside a word or a number, or looks like another."""

from __future__ import annotations

import re
import shlex

import pytest

from archcalc.reports.blocks import BOLD, DIM, Page, columns_of, rendered
from archcalc.reports.columns import Column, Columns
from tests.conftest import ROOT
from tests.program import run

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
    "fit specs/vit.yaml --vary width --max params=25M --max macs=4G", "layers", "layer conv", "layer lstm", "layer attention", "rule",
    "rule PRM301", "rule SHP107", "specs",
)  # fmt: skip
# Pieces of a line that may be parted: at blanks, and in formulas and names behind these signs.
_PIECES = re.compile(r"[\s·…]+|(?<=[._/-])")
_DRAWN = re.compile(r"[▁▂▃▄▅▆▇█▓▒░▏▎▍▌▋▊▉─│┤└●]+")
_ESCAPE = re.compile(r"\x1b\[([\d;]*)m")


def screen(command: str, width: int | None) -> str:
    done = run(*shlex.split(command), env={"COLUMNS": str(width)} if width else {})
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def pieces(text: str) -> set[str]:
    return {piece for piece in _PIECES.split(text) if piece}


@pytest.mark.parametrize("command", SCREENS)
def test_nothing_is_broken(command):
    """All that stands on a narrow screen stands so on an endless one, or in the option's own words."""
    whole = pieces(screen(command, None)) | {"for", "=", "+", "−"}
    for width in WIDTHS:
        text = screen(command, width)
        long = [line for line in text.splitlines() if columns_of(line) > width and not is_source(line)]
        assert not long, f"{width}: {long[0]}"
        broken = pieces(_DRAWN.sub(" ", text)) - whole
        assert not broken, f"{width}: {sorted(broken)[:5]}"


def is_source(line: str) -> bool:
    """A line of a spec that a finding shows, or of an example: these are as they were written."""
    return bool(re.match(r"\s*\d* \|", line)) or line.startswith("    ")


@pytest.mark.parametrize("command", SCREENS)
def test_colour_changes_no_letter(command):
    colored = run(*shlex.split(command), "--color", "always") if takes_color(command) else None
    if colored is None:
        return
    styles = {tuple(map(int, found.split(";"))) for found in _ESCAPE.findall(colored.stdout) if found and found != "0"}
    assert styles & {BOLD, DIM}, "no weight at all"
    plain = [line.rstrip() for line in _ESCAPE.sub("", colored.stdout).splitlines() if "─" not in line]
    bare = [line.rstrip() for line in screen(command, None).splitlines()]
    assert pieces(_DRAWN.sub(" ", " ".join(bare))) == pieces(_DRAWN.sub(" ", " ".join(plain)))


def takes_color(command: str) -> bool:
    return not command.startswith(("layer", "rule", "specs"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "spec", ["googlenet", "gpt2", "resnet50", "densenet121", "inceptionv3", "mixtral", "seq2seq-attention"]
)
def test_rows_that_differ_do_not_look_alike(spec, width):
    whole, narrow = (_labels(screen(f"shapes specs/{spec}.yaml --depth 2", one)) for one in (None, width))
    assert len({*narrow}) == len({*whole})


def _labels(text: str) -> list[str]:
    """The first column: what stands before two blanks and the output's sizes, or a number."""
    rows = text.split("\n\n")[1].splitlines()[1:]
    return [re.split(r"  +(?=[\d=])", row.strip())[0] for row in rows]


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


def test_the_screens_are_those_of_all_commands():
    """Each command that prints for people is here, but for those that measure or write."""
    from archcalc.cli import COMMANDS

    left_out = {"import", "weights", "build", "verify", "profile", "calibrate", "schema", "watch"}
    assert {command.split()[0] for command in SCREENS} == set(COMMANDS) - left_out
    assert (ROOT / "archcalc" / "commands").is_dir()
