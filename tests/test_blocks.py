"""Blocks of text: as wide as a terminal shows them, broken where it ends, in colour where it is wanted."""

from __future__ import annotations

import textwrap
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from archcalc.quoting import terminal_text
from archcalc.reports.blocks import BLUE, BOLD, NEWLINE, YELLOW, Group, Page, columns_of, on_another, rendered
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Heading, Line, Wrapped

WIDE = st.text(st.one_of(st.sampled_from("aé×█─…−⌊⌋⣿層한́ \u00ad"), st.characters(blacklist_categories=["Cs"])))


@given(WIDE)
@example("\u200b\u202e\U0001f468\u200d\U0001f469")
def test_columns_are_those_of_a_terminal(text):
    """Of what is printed: what nobody would see is escaped there."""
    shown = terminal_text("".join(one for one in text if one not in "\x1b\n\t\xa0:#"))
    assert (
        columns_of("".join(one for one in text if one not in "\x1b\n\t\xa0:#")) == cell_len(shown) or text[:1] in "{["
    )


@given(WIDE, st.integers(1, 60))
@example("a b", 5)
@example(" a", 60)
@example("a\tb", 60)
@example("\x1f", 60)
@example("a \x1f", 60)
@example("  a   b" + " c" * 40, 20)
@example("層 " * 40, 60)
@example("層" * 29 + " a", 60)
def test_a_sentence_is_broken_as_textwrap_does(text, width):
    """But that it counts columns where textwrap counts characters."""
    whole = {"break_long_words": False, "break_on_hyphens": False}
    with mock.patch.object(textwrap, "len", columns_of, create=True):
        wanted = textwrap.wrap(text, max(20, width), initial_indent="  ", subsequent_indent="    ", **whole)
    found = list(Wrapped(text).pieces(Page(width)))
    assert [piece for piece, _ in found[::2]] == [line.replace("\u00a0", " ") for line in wanted]
    assert found[1::2] == [NEWLINE] * len(wanted)


def test_styles_are_written_where_colour_is_wanted():
    block = Group(Heading("net"), "", "plain")
    assert rendered(block, Page(80)) == "net\n\nplain\n"
    assert rendered(block, Page(80, colored=True)) == "\x1b[1mnet\x1b[0m\n\nplain\n"
    assert on_another(BLUE, YELLOW) == (34, 43)
    assert rendered("", Page(80, colored=True)) == "\n"


def test_a_line_ends_at_the_right_of_a_terminal():
    line = Line("net", "batch 1")
    assert rendered(line, Page(20, terminal=True)) == "net" + " " * 10 + "batch 1\n"
    assert rendered(line, Page(20)) == rendered(line, Page(11, terminal=True)) == "net\n  batch 1\n"


def test_a_label_goes_on_between_characters():
    table = Columns([Column("", right=False), Column("")], [(("層" * 12, "1"), BOLD)], rule=False, header=False)
    assert rendered(table, Page(17)).splitlines() == ["  " + "層" * 7, "    " + "層" * 5 + "  1"]
    assert all(
        columns_of(line) <= width for width in range(17, 40) for line in rendered(table, Page(width)).splitlines()
    )
