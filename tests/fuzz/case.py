"""A case: some files and a command line, drawn from a seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.draw.choices import Choices
from tests.draw.draw import case as drawn_network
from tests.fuzz.commands import arguments
from tests.fuzz.mutations import MUTATIONS
from tests.outcome import EVERYTHING

SPECS = sorted((ROOT / "specs").glob("*.yaml"))
BROKEN = sorted((ROOT / "tests" / "broken").glob("*.yaml"))
SETTINGS = """\
batch = 2
jobs = 1
ignore = ["PRM307"]
format = "text"
[lint]
select = ["ALL"]
device = "h100"
[lint.severity]
PRM301 = "info"
[budgets]
"*.yaml" = {params = "5M", macs = "600M"}
[growth]
"*.yaml" = {params = "5%"}
[memory]
optimizer = "sgd"
"""
# Names that a file may have, and what prints them must bear.
_NAMES = ("spec.yaml", "spec.yaml", "spec.yaml", "a b.yaml", "é.yaml", "a@b.yaml", "-x.yaml", "x\ny.yaml", "a\x1b[31mb.yaml",
          "::error::x.yaml", "$(id).yaml", "'\".yaml", "\u202ex.yaml", "\udcff.yaml", "spec.json", "config.json")  # fmt: skip


@dataclass
class Case:
    """What runs: files of a folder by name, as text whose odd bytes are surrogates, and the words of the command."""

    files: dict[str, str]
    words: list[str]
    why: str = ""

    def write(self, folder: Path) -> None:
        """Put the files into `folder`."""
        for name, text in self.files.items():
            (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    def json(self) -> str:
        return json.dumps({"why": self.why, "words": self.words, "files": self.files}, indent=1) + "\n"


def read(text: str) -> Case:
    """The case of a file in the regressions."""
    stored = json.loads(text)
    return Case(stored["files"], stored["words"], stored["why"])


def drawn(seed: int) -> Case:
    """The case of a seed: half of the specs are as they were meant, the others are spoilt."""
    choices = Choices(seed)
    names = [choices.random(f"name {index}").choice(_NAMES) for index in range(2)]
    files = {name: _spec(choices / index, seed + index) for index, name in enumerate(names)}
    if choices.chance("settings", 0.1):
        files["archcalc.toml"] = _spoilt(choices / "settings", SETTINGS)
    specs = [name if not name.startswith("-") else f"./{name}" for name in names]
    if choices.chance("variant", 0.05):
        specs.append(f"{specs[0]}@large")
    if choices.chance("folder", 0.03):
        specs.append(".")
    return Case(files, arguments(choices / "words", specs))


def _spec(choices: Choices, seed: int) -> str:
    kind = choices.pick("kind", {"drawn": 4, "published": 3, "everything": 1, "broken": 1})
    if kind == "drawn":
        text = drawn_network(seed).text
    elif kind == "everything":
        text = EVERYTHING
    else:
        text = choices.pick("file", SPECS if kind == "published" else BROKEN).read_text(encoding="utf-8")
    return text if choices.chance("as meant", 0.5) else _spoilt(choices, text)


def _spoilt(choices: Choices, text: str) -> str:
    draw = choices.random("spoil")
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        text = draw.choice(MUTATIONS)(text, draw)
    return text
