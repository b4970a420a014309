"""`archcalc watch SPEC`: the table and the first error of a spec, updated on every save."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import click

from archcalc.commands import options
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.expectations import unmet
from archcalc.network.graph import walk
from archcalc.network.load import load_graph, split_variant
from archcalc.quoting import terminal_text, visible
from archcalc.records import NamedTuple
from archcalc.reports.blocks import DIM, NEWLINE, Block, Group, Laid, Page, Piece, columns_of, rendered
from archcalc.reports.diagnostics import render as told
from archcalc.reports.paragraphs import Parts
from archcalc.reports.shapes.as_text import render as table
from archcalc.reports.shapes.report import Report
from archcalc.shipped import nearest, path_of
from archcalc.terminal import text_width, wants_color

# Clears the screen but keeps the scrollback.
_CLEAR = "\x1b[H\x1b[2J"


@click.command(name="watch")
@click.argument("spec", metavar="SPEC", shell_complete=options.files)
@options.settings
@options.batch
@options.look("--depth", type=options.Whole(1), default=1, show_default=True, help="Levels of blocks to open.")
@options.look("--interval", type=click.FloatRange(0.01, 60), metavar="SECONDS", default=0.3, show_default=True,
              help="Seconds between checks of the file.")  # fmt: skip
@options.color
@options.help
@options.guarded
def command(spec: str, set: tuple[str, ...], batch: int, depth: int, interval: float, color: str) -> int:
    """Show the table of a spec, or its first error, and update it whenever the file is saved.

    While the file has errors, the last valid table stays on the screen. Press Ctrl-C to stop.
    """
    path, variant = split_variant(spec)
    if not os.path.exists(path) and path_of(path) is not None:  # a shipped spec, by name
        path = path_of(path) or path
        spec = path if variant is None else f"{path}@{variant}"
    if path == "-" or not os.path.isfile(path):
        near = nearest(path)
        help = f"; did you mean `{near}`?" if near else ""
        raise RequestError(f"{path!r} is not a file that can be watched{help}")
    watch = Watch(spec, options.parse_settings(set), batch, depth)
    with suppress(KeyboardInterrupt):
        before: tuple[list[Stamp | None], int] | None = None
        away = False
        while True:
            now = stamps(watch.paths), text_width()
            there = now[0][0] is not None
            if now != before and (there or away):  # editors may briefly remove a file when saving
                watch.look()
                _draw(watch.frame(), color)
                before = now  # later saves and new files are seen in the next round
            away = not there
            time.sleep(interval)
    return 0


class Stamp(NamedTuple):
    """What changes when a file is saved."""

    changed: int
    size: int
    inode: int


def stamps(paths: Iterable[str]) -> list[Stamp | None]:
    """The stamp of each file; None if it does not exist."""
    found: list[Stamp | None] = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            found.append(None)
        else:
            found.append(Stamp(status.st_mtime_ns, status.st_size, status.st_ino))
    return found


class Watch:
    """A spec that is re-read on every save.

    Attributes:
        paths: the spec, then the files that it includes.
        good: the last valid network; error: the current error.
    """

    def __init__(self, spec: str, settings: dict[str, str], batch: int, depth: int) -> None:
        self.spec, self.settings, self.batch, self.depth = spec, settings, batch, depth
        self.paths = [split_variant(spec)[0]]
        self.good: Costs | None = None
        self.error: SpecError | RequestError | None = None

    def look(self) -> None:
        """Read the current version."""
        try:
            graph = load_graph(self.spec, self.settings, self.batch)
            self.good, self.error = Costs(graph), None
            read = {node.place.source.path for node, _, _ in walk(graph.nodes)}
        except SpecError as error:
            self.error = error
            read = {diagnostic.place.source.path for diagnostic in error.diagnostics}
        except RequestError as error:
            self.error, read = error, set()
            if not os.path.exists(self.paths[0]):
                self.error = RequestError(f"{self.paths[0]!r} is not there: save it again, or press Ctrl-C to stop")
        self.paths = [*self.paths, *sorted(path for path in read - {*self.paths} if os.path.isfile(path))]

    def frame(self) -> Block:
        """The screen: the first error, then the last valid table."""
        times = [stamp.changed for stamp in stamps(self.paths) if stamp is not None]
        saved = time.strftime("saved %H:%M:%S", time.localtime(max(times) / 1e9)) if times else "not there"
        blocks: list[Block] = [_Status(visible(self.spec), saved), ""]
        if self.error is not None:
            blocks += [Laid(lambda page: f"{self._told(page.width)}\n"), ""]
        if self.good is None:
            return Group(*blocks)
        if self.error is not None:
            blocks += [Parts(["the last valid version"], DIM), ""]
        else:
            wrong = unmet(self.good)
            blocks += [Laid(lambda page: f"{told(wrong, most=1, width=page.width)}\n"), ""] if wrong else []
        return Group(*blocks, table(Report([self.good], depth=self.depth)))

    def _told(self, width: int) -> str:
        if isinstance(self.error, SpecError):
            return told(self.error.diagnostics, most=1, width=width)
        return f"archcalc: {visible(str(self.error))}"


class _Status:
    """A line with the path, truncated at the start if long, and the state of the file."""

    def __init__(self, path: str, saved: str) -> None:
        self.path, self.saved = path, saved

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The line."""
        rest, path = f" · {self.saved} · ctrl-C ends", self.path
        room = max(12, page.width - 2 - columns_of(rest))
        while columns_of(path) > room and os.sep in path.strip(f"…{os.sep}"):
            path = f"…{os.sep}{path.strip(f'…{os.sep}').partition(os.sep)[2]}"
        yield f"  {path}{rest}", DIM
        yield NEWLINE


def fitting(lines: list[str], room: int) -> list[str]:
    """Fits a frame into `room` lines by dropping table rows; the start and the totals at the end stay.

    The totals follow the last line of blanks or dashes.
    """
    if len(lines) <= room:
        return lines
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]
    last = max((index for index, line in enumerate(plain) if not line.strip(" ─")), default=len(lines))
    end = lines[last:][: max(0, room - 6)]
    begin = lines[: min(last, room - len(end) - 1)]
    return [*begin, f"  and {len(lines) - len(begin) - len(end)} more lines", *end]


def _draw(block: Block, color: str) -> None:
    """Redraw the terminal, cut to its height; in a pipe, frames follow one another."""
    colored, terminal = wants_color(color, sys.stdout), sys.stdout.isatty()
    page = Page(text_width(), sys.stdout.encoding or "utf-8", terminal, colored)
    lines = terminal_text(rendered(block, page)).rstrip("\n").split("\n")
    if terminal:
        lines = fitting(lines, max(3, shutil.get_terminal_size().lines - 1))
    text = "\n".join(lines) + ("\n" if terminal else "\n\n")
    click.echo((_CLEAR if terminal else "") + text, nl=False, color=colored or (terminal and None))
    sys.stdout.flush()
