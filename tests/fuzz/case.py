"""A case: some files, a command line and what is typed into it, drawn from a seed."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path

from tests.draw.choices import Choices
from tests.fuzz import repository, sources
from tests.fuzz.commands import LAYER, TORCH, arguments
from tests.fuzz.commands import name as command_of
from tests.fuzz.repository import Commit
from tests.fuzz.texts import device, saved, settings, spec

# How often a command is given a model of another kind; the others seldom.
_SOURCES = {"import": 0.9, "weights": 0.9}
# Names that a file may have, and what prints them must bear.
_NAMES = ("spec.yaml", "spec.yaml", "spec.yaml", "a b.yaml", "é.yaml", "a@b.yaml", "-x.yaml", "x\ny.yaml", "a\x1b[31mb.yaml",
          "::error::x.yaml", "$(id).yaml", "'\".yaml", "\u202ex.yaml", "\udcff.yaml", "spec.json", "config.json", "in/spec.yml",
          "##[group]/x.yaml", "-/-.yaml", "%s{0}.yaml",
          "HEAD:x.yaml", "=1+1.yaml", "[x](http:evil).yaml", "@someone.yaml", " .yaml", "long" * 60 + ".yaml", "\x1b]8;;evil\x07.yaml")  # fmt: skip
_TARGETS = ("spec.yaml", "..", "/etc/passwd", "/dev/zero", "loop.yaml", "/proc/self/environ", "none")


class _Quick(Choices):
    """Choices of which those that are made often, whether an option is given, need no generator."""

    def chance(self, name: str, probability: float) -> bool:
        """True so often; a hash is drawn as well as a number is, and takes a tenth of the time."""
        drawn = blake2b(f"{self.seed}{self.path}/{name}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < probability * 2**64


@dataclass
class Case:
    """What runs.

    Attributes:
        files: of a folder by path, as text whose odd bytes are surrogates.
        words: of the command.
        typed: what stands in the standard input.
        links: of the folder: where each leads.
        commit: what the folder's repository holds; None where it is none.
    """

    files: dict[str, str]
    words: list[str]
    why: str = ""
    typed: str = ""
    links: dict[str, str] = field(default_factory=dict)
    commit: Commit | None = None

    def write(self, folder: Path) -> None:
        """Put the files into `folder`."""
        if self.commit is not None:
            repository.write(self.commit, folder / ".git")
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data(text))
        for name, target in self.links.items():
            if not os.path.lexists(folder / name):
                (folder / name).symlink_to(target)

    def json(self) -> str:
        """As it is kept: what is empty is left out."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, indent=1) + "\n"


def data(text: str) -> bytes:
    """The bytes of a text of a case."""
    return text.encode("utf-8", "surrogateescape")


def read(text: str) -> Case:
    """The case of a file in the regressions."""
    stored = json.loads(text)
    commit = stored.pop("commit", None)
    return Case(**{"files": {}, **stored}, commit=Commit(**commit) if commit else None)


def drawn(seed: int) -> Case:
    """The case of a seed: most specs are as they were meant, the others are spoilt."""
    choices = _Quick(seed)
    names = [choices.random(f"name {index}").choice(_NAMES) for index in range(2)]
    command = command_of(choices / "words")
    given = [_as_argument(name) for name in names]
    models: dict[str, str] = {}
    options: list[str] = []
    for index in range(len(names)):
        if choices.chance(f"source {index}", _SOURCES.get(command, 0.12)):
            one = sources.drawn(choices / f"source {index}", command == "weights")
            names[index], given[index], models[one.name] = one.name, one.argument, one.text
            options += one.options
    words = arguments(choices / "words", command, given)
    if command == "import" and "--input" not in words:
        words += options
    small, generates = words[0] in TORCH, command == "serve" or "--generate" in words
    typed = spec(choices / "typed", seed, small, generates) if "-" in words else ""
    files = {
        name: models.get(name) or spec(choices / index, seed, small, generates)
        for index, name in enumerate(names)
        if given[index] in words or f"{given[index]}@large" in words
    }
    if "hf:org/x" in words or "config.json" in words or "net.py:Net" in words:  # as options name them
        for one in (sources.drawn(choices / f"option {index}", False) for index in range(3)):
            files.setdefault(one.name, one.text)
    for index, (name, base) in enumerate(zip(names, names[::-1])):
        if f"{_as_argument(name)}@large" in words or f"HEAD:{name}" in words or "." in words:
            files.setdefault(name, files.get(base) or spec(choices / index, seed))
    if command == "explain" and len(words) > 2 and words[2] == LAYER:
        words[2] = _layer(choices / "layer", "".join(files.values()))
    if choices.chance("settings", 0.1):
        name, text = settings(choices / "settings")
        files[name] = text
    if "saved.json" in words:
        files["saved.json"] = saved(choices / "saved", seed)
    if "./device.json" in words:
        files["device.json"] = device(choices / "device")
    if "grid.jsonl" in words:
        files["grid.jsonl"] = _grid(choices / "grid", [_as_argument(name) for name in files])
    links = {}
    if choices.chance("links", 0.03):
        links = {"loop.yaml": choices.pick("target", _TARGETS), "up": choices.pick("up", ("..", ".", "/"))}
    asks_git = any(word.startswith("HEAD") for word in words)
    commit = repository.drawn(choices / "commit", files) if asks_git or choices.chance("commit", 0.02) else None
    return Case(files, words, "", typed, links, commit)


def _layer(choices: Choices, text: str) -> str:
    """A name or a line that a spec holds."""
    found = re.findall(r"name[=:] ?(\w+)|^ *- (\w[^\n]*)", text, re.MULTILINE)
    draw = choices.random()
    name, line = draw.choice(found) if found else ("n1", "")
    return name or (line if draw.random() < 0.3 else line.partition(" ")[0])


def _as_argument(name: str) -> str:
    """A file as it is named on the command line."""
    return f"./{name}" if name.startswith("-") else name


def _grid(choices: Choices, specs: list[str]) -> str:
    draw = choices.random()
    lines = []
    for _ in range(draw.randint(0, 6)):
        point: dict[str, object] = {"batch": draw.choice((1, 2, 0, "x", 2**50)) if draw.random() < 0.2 else 1}
        if draw.random() < 0.7:
            point["spec"] = draw.choice((*specs, "-", "/proc/self/environ", "spec.yaml@large", 3))
        if draw.random() < 0.7:
            point["set"] = {
                draw.choice(("width", "depth", "h1")): draw.choice((1, 8, "x", 0.5, True, None, [1], 10**400))
            }
        lines.append(json.dumps(point) if draw.random() < 0.9 else draw.choice(("", "{", "[]", "\x00", "[" * 5000)))
    return "\n".join(lines)
