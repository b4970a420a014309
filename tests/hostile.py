"""Names as nobody would choose them but to break something: what tests of every form draw."""

from __future__ import annotations

from hypothesis import strategies as st

# Whatever ends, opens or moves something in a form or language that archcalc writes.
PIECES = [
    '"', "'", '"""', "'''", "`", "\\", "\\n", "\n", "\r", "\r\n", "\t", "\0", "\x1b[2J", "\x1b[31m", "\x1b]8;;http://evil\a", "\x85", "\u2028",
    "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\udcff", "ﬁ", "а", "ſelf", "日本", "{doc}", "{self}", "{0}", "{{", "%s", "$(id)", "$x$",
    "::error::", "##[error]", "%0A", "](http://evil)", "![x](http://evil)", "[x]: http://evil", "@someone", "#1", "https://evil.example", "www.evil.example",
    "|", "*", "_", "~~", "<b>", "</text>", "<script>", "]]>", "-->", "&amp;", "&", "=cmd|' /C calc'!A0", "+1", "-1", ";", ",", "//", "..",
    ";import os;os.system('x');", "os", "é", " ", "a", "x", "model", "class A:", "#", "[red]", "[/]", "[bold]", ":smile:",
]  # fmt: skip

text = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), min_size=1, max_size=6).map("".join)
# What a YAML value can hold: one line, nothing that YAML does not allow.
line = text.map(
    lambda drawn: "".join(one for one in drawn if one.isprintable() or one in "\u202e\u2066\u200b\ufeff")
).filter(str.strip)
# What the file system takes.
file_name = text.map(lambda drawn: drawn.replace("\0", "").replace("/", "")[:60]).filter(
    lambda drawn: (
        drawn.strip(".") and all("\udc80" <= one <= "\udcff" or not "\ud800" <= one <= "\udfff" for one in drawn)
    )
)
