"""Every suggestion that is printed about a spec, applied to the text that caused it.

What is offered is data: a fix, or several of which one was meant. Each must make its error go away
and give what its sentence says. What a help line says to write, to add or to delete must be offered,
what it gives as an example must be read, and a command that it names must run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from click.testing import CliRunner

from archcalc.cli import group
from archcalc.diagnostics import Diagnostic, Fix, RequestError, Source, SpecError
from archcalc.layers import REGISTRY
from archcalc.network.graph import walk
from archcalc.network.load import Graph, build_graph
from archcalc.network.misread import misread
from archcalc.rules.fixes import Moved, line_starts, offset_of, splice
from archcalc.source import decode

# A clause that says to do something; what is in backticks and no example is then offered.
_TOLD = r"(?:^|[;:] )((?:write|add|delete|did you mean)\b[^;]*)"
_QUOTED = r"(?<!\bas )(?<!\be\.g\. )`([^`]+)`"
_EXAMPLE = r"(?:(?<!far )\bas|\be\.g\.) `([^`]+)`"
_COMMAND = r"`(archcalc [^`]+)`"
_GIVES = r"giving (\[[\d, ]+\])"
# What errors an example may have that is read as it is: it is about another network.
_OF_SHAPES = "SHP"


def read(text: str) -> tuple[Graph | None, list[Diagnostic]]:
    """The network of a spec and what is said about it."""
    try:
        graph = build_graph(decode("t.yaml", text.encode()))
    except SpecError as error:
        return None, error.diagnostics
    except RequestError:
        return None, []
    return graph, list(misread(graph))


def wrong(text: str) -> Iterator[str]:
    """What is not true of the suggestions about a spec, a sentence each."""
    for said in read(text)[1]:
        offered = [said.fix] if said.fix else list(said.choices)
        if said.severity == "error" and not said.help and not offered:
            yield f"{said.message}: there is no help"
        for fix in offered:
            for sentence in _applied(said, fix):
                yield f"{said.message}: {fix.message}: {sentence}"
        yield from _words(said, offered)


def _applied(said: Diagnostic, fix: Fix) -> Iterator[str]:
    """What does not come true when a fix is applied."""
    source = said.place.source
    edits = sorted(fix.edits, key=lambda edit: (edit.place.line, edit.place.column))
    text = splice(source, edits)
    graph, left = read(text)
    place = Moved(source, edits).offset(said.place)
    starts = line_starts(Source(source.path, text))
    for other in left:
        if other.message == said.message and offset_of(starts, other.place.line, other.place.column) == place:
            yield f"the error is still there in\n{text}"
    gives = re.search(_GIVES, fix.message)
    if graph is not None and gives:
        lines = range(said.place.line, said.place.line + 1 + sum(edit.text.count("\n") for edit in edits))
        shapes = {str(node.output) for node, _, _ in walk(graph.nodes) if node.place.line in lines}
        if gives.group(1) not in shapes:
            yield f"there is {', '.join(sorted(shapes))}, not {gives.group(1)} in\n{text}"


def _words(said: Diagnostic, offered: list[Fix]) -> Iterator[str]:
    """What a help line says and does not offer, and what of it cannot be read or run."""
    help = said.help or ""
    made = " ".join(f"{fix.message} {' '.join(edit.text for edit in fix.edits)}" for fix in offered)
    if not help.endswith(("would do", "would do for this call")):
        for words in [words for clause in re.findall(_TOLD, help) for words in re.findall(_QUOTED, clause)]:
            if words not in made:
                yield f"{said.message}: the help says `{words}` and does not offer it: {help}"
    for words in re.findall(_EXAMPLE, help):
        if not is_read(words):
            yield f"{said.message}: `{words}` is not read: {help}"
    for command in re.findall(_COMMAND, help):
        if status := _status(command):
            yield f"{said.message}: `{command}` ends with {status}"


@cache
def _status(command: str) -> int:
    """With what a command of a help line ends; many name the same."""
    return CliRunner().invoke(group, command.split()[1:]).exit_code


@cache
def is_read(words: str) -> bool:
    """Whether an example is an entry of `layers:`, a key of a layer or at the top, an input or a block."""
    head, entry = "model: m\n", "layers:\n  - identity name=a\n  - identity name=NAME\n  - "
    layers = [f"{head}input: [4]\n{entry}{words}\n"]
    layers += [f"{head}input: [4]\n{entry}{op} {words}\n" for op in REGISTRY if "=" in words]
    layers += [f"{head}input: [4]\nlayers:\n  - split 2 name=NAME\n  - {words}\n"] * ("NAME." in words)
    tops = [f"{head}{words}\n{'' if words.startswith('input:') else 'input: [4]'}\nlayers: [relu]\n"]
    tops += [f"{head}input: {{{words}}}\nlayers: [relu]\n", f"{head}input: {words}\nlayers: [relu]\n"]
    body = (
        ", ".join(f"relu name={name.strip()}" for name in words.partition("->")[2].split(",") if name.strip()) or "relu"
    )
    tops += [f"{head}input: [4]\nblocks: {{'{words}': [{body}]}}\nlayers: [relu]\n"]
    for text in (*layers, *tops):
        graph, said = read(text)
        if graph is not None or all(one.code.startswith(_OF_SHAPES) for one in said):
            return True
    return False
