"""Pictures of the program at work, for the README: a command each, as a terminal shows its output, in SVG."""

from __future__ import annotations

import os
import shlex
import tempfile
from html import escape
from pathlib import Path

from click.testing import CliRunner
from rich.style import Style
from rich.text import Text

from archcalc.cli import group

PICTURES = Path(__file__).parent / "pictures"
COMMANDS = {
    "shapes": "shapes specs/lenet.yaml",
    "explain": "explain specs/alexnet.yaml conv2",
    "lint": "lint specs/vgg16.yaml",
    "diff": "diff specs/resnet18.yaml specs/resnet34.yaml",
    "memory": "memory specs/unet.yaml --device a100 -o memory.svg",
    "predict": "predict specs/resnet50.yaml --device h100",
    "fit": "fit specs/gpt2.yaml --vary width --max params=25M",
    "build": "build specs/lenet.yaml",
    "specs": "specs resnet",
    "import": "import config.json",
    "like": "shapes specs/gpt2.yaml --like torchinfo",
}
# What `import` reads: a file as Hugging Face has it, most of whose keys are left out.
_CONFIG = '{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 12}'
_COLUMNS, _LINES = 84, 18
_WIDTH, _HEIGHT = 7.2, 17  # of a character, in pixels
# By their number on a terminal: red, green, yellow, blue, magenta, cyan; a bright one is drawn like the plain one.
_COLOURS = {1: "#cf222e", 2: "#1a7f37", 3: "#9a6700", 4: "#0550ae", 5: "#8250df", 6: "#0969da"}


def pictures() -> dict[str, str]:
    """The text of every picture, by its name in docs/pictures."""
    return {f"{name}.svg": _picture(command) for name, command in COMMANDS.items()}


def _picture(command: str) -> str:
    """What a command draws itself, or else what it prints."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "specs").symlink_to(Path(__file__).parent.parent / "specs")
        Path(folder, "config.json").write_text(_CONFIG, encoding="utf-8")
        os.chdir(folder)
        try:
            arguments = [*shlex.split(command), "--color", "always"]
            result = CliRunner(env={"COLUMNS": str(_COLUMNS)}).invoke(group, arguments, prog_name="archcalc")
            drawn = Path("memory.svg")
            if drawn.exists():
                return drawn.read_text(encoding="utf-8")
        finally:
            os.chdir(here)
    if result.exit_code:
        raise RuntimeError(result.output)
    return _terminal(command, Text.from_ansi(result.output.rstrip()))


def _terminal(command: str, output: Text) -> str:
    """The first lines of a command's output, below the command itself."""
    output.expand_tabs(8)
    lines = [Text(f"$ archcalc {command}", "bold"), Text(), *output.split("\n")]
    shown = lines[:_LINES] + ([Text("  …", "dim")] if len(lines) > _LINES else [])
    width, height = round((_COLUMNS + 3) * _WIDTH), (len(shown) + 1) * _HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"  <title>archcalc {escape(command)}</title>",
            "  <style>",
            "  text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; fill: #24292f; }",
            "  rect { fill: #f6f8fa; } .bold { font-weight: bold; } .dim { opacity: 0.65; }",
            *(f"  .c{number} {{ fill: {colour}; }}" for number, colour in _COLOURS.items()),
            "  </style>",
            f'  <rect width="{width}" height="{height}" rx="6"/>',
            *(_line(line, (row + 1) * _HEIGHT) for row, line in enumerate(shown)),
            "</svg>",
            "",
        ]
    )


def _line(line: Text, y: int) -> str:
    """A line, each word at its column, since a font may lack a sign and take it from a wider one."""
    styles = [Style()] * len(line.plain)
    for start, end, style in line.spans:
        for column in range(start, end):
            styles[column] += style if isinstance(style, Style) else Style.parse(style)
    base = Style.parse(line.style) if isinstance(line.style, str) else line.style
    words, column = [], 0
    while column < len(line.plain):
        end = column + 1
        while end < len(line.plain) and line.plain[end] != " " and styles[end] == styles[column]:
            end += 1
        if text := line.plain[column:end].strip():
            at = end - len(text)
            words.append(f'<tspan x="{(at + 1.5) * _WIDTH:.1f}"{_class(base + styles[at])}>{escape(text)}</tspan>')
        column = end
    return f'  <text y="{y}">{"".join(words)}</text>'


def _class(style: Style) -> str:
    number = (style.color.number or 0) % 8 if style.color else 0
    names = [name for name, on in (("bold", style.bold), ("dim", style.dim), (f"c{number}", number in _COLOURS)) if on]
    return f' class="{" ".join(names)}"' if names else ""
