"""`include:`, files with shared blocks.

A spec may be untrusted, so includes are restricted: only files of its project, each once, within the size limit of a
spec. For a file without blocks, errors give its location and quote nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from archcalc import project
from archcalc.diagnostics import LINE_BREAK, Findings, RequestError, Source, Span, SpecError, fail
from archcalc.source import MAX_BYTES, Mapping, Node, Scalar, Sequence, decode, parse

MAX_INCLUDES = 100


class Includes:
    """Reads the files that a spec includes; `lacks` says whether some could not be read."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self.source = source
        self.findings = findings
        self.left = MAX_BYTES  # total of all files
        self.places: dict[str, Span] = {}  # where each file is first named
        self.lacks = False

    def read(self, node: Node) -> Iterator[Mapping]:
        """The files listed in `node`, each a mapping with `blocks:`; errors go to the findings."""
        if not isinstance(node, Sequence):
            self.findings.error("SPC013", "`include:` must be a list of files", node, "e.g. [blocks/resnet.yaml]")
            return
        for number, entry in enumerate(node.items):
            try:
                if number == MAX_INCLUDES:
                    help = "put several blocks in one file"
                    raise fail("SPC014", f"a spec can include at most {MAX_INCLUDES} files", entry, help)
                if not isinstance(entry, Scalar) or not entry.text:
                    raise fail("SPC013", "an include must be a file path", entry, "e.g. blocks/resnet.yaml")
                yield self._file(_plain(os.path.join(os.path.dirname(self.source.path), entry.text)), entry)
            except SpecError as error:
                self.findings.take(error)
                self.lacks = True
            if number == MAX_INCLUDES or self.left < 0:
                return

    def _file(self, path: str, entry: Scalar) -> Mapping:
        if "\0" in path or not project.contains(os.path.dirname(self.source.path), path):
            what = f"`{entry.text}` is outside the project"
            raise fail(
                "SPC013",
                what,
                entry,
                "includes must be in the spec's repository or, without one, in its folder or the working directory",
            )
        real = os.path.realpath(path)
        first = self.places.setdefault(real, entry)
        if first is not entry or real == os.path.realpath(self.source.path):
            where = "by itself" if first is entry else f"already, at {first.line}:{first.column}"
            raise fail("SPC013", f"`{entry.text}` is included {where}", entry, "delete it here")
        try:
            data = project.read_file(path, MAX_BYTES, entry.text)
        except RequestError as error:
            raise fail("SPC013", str(error), entry, "paths are relative to the file that includes them") from None
        self.left -= len(data)
        if self.left < 0:
            most = f"the files that a spec includes can have at most {MAX_BYTES // 2**20} MiB in total"
            raise fail("SPC014", most, entry, "include less")
        return _blocks(path, data)


def _plain(path: str) -> str:
    """The path without `..`, where that is the same file: behind a link to a folder it is not."""
    short = path if "\0" in path else os.path.normpath(path)
    return short if ".." in path and os.path.realpath(short) == os.path.realpath(path) else path


def _blocks(path: str, data: bytes) -> Mapping:
    """The root of a file that has `blocks:`. Raises `SpecError`."""
    try:
        root = parse(decode(path, data))
    except SpecError as error:
        place = error.diagnostics[0].place
        help = "`archcalc shapes` of that file says why"
        raise fail("SPC013", "an included file has a syntax error here", _unquoted(place), help) from None
    if isinstance(root, Mapping) and any(key.text == "blocks" for key, _ in root.pairs):
        return root
    help = "put what is shared under `blocks:`; layers and hparams stay in the file that includes it"
    raise fail("SPC013", "an included file must hold `blocks:`; this one has none", _unquoted(root), help)


def _unquoted(place: Span) -> Span:
    """The same location, in a file whose text must not be shown."""
    source = place.source
    blank = Source(source.path, re.sub(rf"(?!{LINE_BREAK})[\s\S]", " ", source.text))
    return Span(blank, place.line, place.column, place.end_line, place.end_column)
