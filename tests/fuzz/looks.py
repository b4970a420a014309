"""What is wrong with how the program met a case: what it said, printed and wrote, in a line that is equal for equal faults."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
from collections.abc import Container
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from archcalc.api.network import Network
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import Graph, load_graph
from archcalc.project import SETTINGS
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from tests.fuzz.case import Case, data
from tests.outcome import NOT_BUILT

CRASH = 99
_CONTROL = {chr(code) for code in (*range(32), 127) if chr(code) not in "\n\t"} - {"\r"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\\\")
# What GitHub takes for a command at the start of a line, and Azure anywhere.
_COMMAND = r"(?m)^[^\S\n]*::|##[a-z]*\["
_OUTPUTS = ("-o", "--output", "--save-device")
_FIXES = {"--fix", "--unsafe-fixes"}
# What stands on the standard output beside a report, or in its place.
_MENDED = {*_FIXES, "--diff"}
_READERS = {
    "json": json.loads, "sarif": json.loads, "gitlab": json.loads, "rdjson": json.loads, "chrome-trace": json.loads, "source": ast.parse,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "junit": ElementTree.fromstring, "csv": lambda text: list(csv.reader(io.StringIO(text), strict=True)),
}  # fmt: skip
# What a model of another kind is called like.
_MODELS = (".json", ".keras", ".py", ".onnx")
_ELEMENTS = {
    "style",
    "div",
    "table",
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "label",
    "input",
    "b",
    "br",
}
# What a module's source may call and name beside what it defines.
_KNOWN = {"torch", "nn", "F", "math", "super", "range", "zip", "len", "tuple", "list", "int", "float", "max", "min", "sum",
          "isinstance", "getattr", "setattr", "delattr", "enumerate", "reversed", "hasattr", "dict", "None", "True", "False",
          "NotImplementedError"}  # fmt: skip


def fault(case: Case, status: int, printed: str, said: str) -> str | None:
    """What is wrong with the exit status and the two streams; None where nothing is."""
    if status == CRASH or "Traceback (most recent call last)" in said:
        lines = [line for line in said.splitlines() if line.strip()]
        place = next((line.strip() for line in reversed(lines) if line.lstrip().startswith('File "')), "")
        return f"{lines[-1].partition(':')[0]} at {place.rpartition('/')[2]}"
    if status not in (0, 1, 2):
        return f"status {status}"
    if status == 2 and not said:
        return "status 2 without a word"
    shown = printed + said
    if "always" in case.words or any("always" in case.files.get(name, "") for name in SETTINGS):  # asked to be coloured
        shown = _COLOUR.sub("", shown)
    if controls := _CONTROL & set(shown):
        return f"prints U+{ord(min(controls)):04X}"
    asked = _form(case)
    form = "" if _MENDED & set(case.words) else asked
    if asked != "github" and (command := re.search(_COMMAND, shown)):
        return f"prints a command of a CI system, {command[0].strip()}"
    if status != 2 and printed and form in _READERS and not {"--help", "--definitions"} & set(case.words):
        try:
            _READERS[form](printed)
        except (SyntaxError, ValueError, csv.Error, ElementTree.ParseError) as error:
            return f"{type(error).__name__} in what {case.words[0]} prints as {form}"
    return None


def _form(case: Case) -> str:
    words = case.words
    if "--format" in words[:-1]:
        return words[words.index("--format") + 1]
    if any("format" in case.files.get(name, "") for name in SETTINGS):
        return ""
    return "source" if words[0] == "build" and not {"-o", "--output"} & set(words) else ""


def written(case: Case, folder: Path) -> str | None:
    """A file that should not be there, or holds something else, after the run."""
    named = [after for word, after in zip(case.words, case.words[1:]) if word in _OUTPUTS]
    asked = {os.path.normpath(path) for name in named for path in (name, name.partition("=")[2])}
    for root, folders, names in os.walk(folder):
        if ".git" in folders and case.commit is not None:
            folders.remove(".git")
        if Path(root) == folder and "blocks" in folders and "blocks" not in case.files:
            folders.remove("blocks")  # what specs include
        for name in names:
            path = os.path.relpath(os.path.join(root, name), folder)
            if path in asked or path in case.links:
                continue
            if path not in case.files:
                return f"{case.words[0]} leaves a file behind"
            if not _FIXES & set(case.words) and Path(root, name).read_bytes() != data(case.files[path]):
                return f"{case.words[0]} changes a file"
    return None


def judged(case: Case, built: Container[int]) -> tuple[str | None, int, int, list[int]]:
    """What is wrong with the source of a spec that is accepted; how many specs were named, and how many are accepted.

    Args:
        built: hashes of texts that were built before; those of this case are in the end of what is returned.
    """
    read, good = 0, 0
    right: list[int] = []
    for path in case.files:
        spec = path.endswith((".yaml", ".yml"))
        named = _named(path) & set(case.words)
        if not named or not (spec or path.endswith(_MODELS)):
            continue
        read += spec
        if hash(case.files[path]) in built:
            good += spec
            continue
        try:
            graph = load_graph(f"./{path}" if "@" in path else path if path in named else min(named))
        except (SpecError, RequestError):
            continue
        good += spec
        try:
            source = module_source(graph)
            page = notebook(graph)
        except BuildError as error:
            if not any(reason in str(error) for reason in NOT_BUILT):
                return f"an accepted spec is not built: {error}", read, good, right
            continue
        if wrong := _more_than_a_module(source, case.files[path]) or page:
            return wrong, read, good, right
        right.append(hash(case.files[path]))
    return None, read, good, right


def _named(path: str) -> set[str]:
    """How a file may be named on the command line."""
    return {path, f"./{path}"} | ({f"{path}:Net"} if path.endswith(".py") else set())


def notebook(graph: Graph) -> str | None:
    """What is wrong with the page that a notebook shows: what is no element of its table, or what runs."""
    page = Page()
    page.feed(Network(graph)._repr_html_())
    page.close()
    return f"a notebook shows <{page.odd}>" if page.odd else None


class Page(HTMLParser):
    """Looks for an element or attribute that no table has."""

    odd = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the first."""
        if tag not in _ELEMENTS or any(
            name not in ("class", "style", "colspan", "type", "checked") for name, _ in attrs
        ):
            self.odd = self.odd or tag

    def handle_comment(self, data: str) -> None:
        """There is none."""
        self.odd = self.odd or "!--"


def _more_than_a_module(source: str, spec: str) -> str | None:
    """What stands in a module's source that no network needs: another statement, import, decorator or name.

    Args:
        spec: what it was made from; a class that `opaque` names there is imported.
    """
    try:
        tree = ast.parse(source)
        compile(tree, "module", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return f"what is built does not compile: {type(error).__name__}"
    known, nodes = set(_KNOWN), [*ast.walk(tree)]
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.alias)):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            known.add(node.id)
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            imports = ast.unparse(statement)
            if imports not in (
                "import math",
                "import torch",
                "import torch.nn.functional as F",
                "from torch import nn",
            ) and not _is_of_opaque(statement, spec):
                return f"what is built imports: {imports}"
        elif not isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            return f"what is built has a statement: {type(statement).__name__}"
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in known:
            return f"what is built names {node.id}"
        if isinstance(node, ast.Attribute) and node.attr.startswith("__") and node.attr not in ("__init__", "__name__"):
            return f"what is built reads {node.attr}"
        if isinstance(node, ast.ClassDef) and not (ast.get_docstring(node) or "").isprintable():
            lone = [one for one in ast.get_docstring(node) or "" if "\ud800" <= one <= "\udfff"]
            if lone:
                return "what is built has a docstring that is not UTF-8"
        if isinstance(node, (ast.Global, ast.Try, ast.With, ast.Delete, ast.Await, ast.AsyncFunctionDef)):
            return f"what is built holds {type(node).__name__}"
    return None


def _is_of_opaque(statement: ast.stmt, spec: str) -> bool:
    """Whether an import is that of a class which the spec names as `package.module:Name`."""
    return (
        isinstance(statement, ast.ImportFrom)
        and len(statement.names) == 1
        and statement.names[0].asname is None
        and "opaque" in spec
        and f"{statement.module}:{statement.names[0].name}" in spec
    )
