"""Text of a spec, a file name or a setting, written so that it stays text wherever it is put.

What goes into another language (Python, Markdown, a workflow command, ...) goes through the
function of that language, which no text can close.
"""

from __future__ import annotations

import re


def python_string(text: str) -> str:
    """`text` as a string of Python source, in double quotes as formatters write it.

    Line breaks, lone surrogates, and what moves the cursor or the direction of reading are escaped.
    """
    return f'"{_python(text, chr(34))}"'


def python_docstring(text: str) -> str:
    """`text` as a docstring of Python source; its line breaks stand as they are."""
    lines = "\n".join(_python(line) for line in text.split("\n"))
    # A quote before another one or at the end is escaped: three never meet.
    return '"""' + re.sub(r'"(?="|\Z)', r"\"", lines) + '"""'


def _python(text: str, quotes: str = "") -> str:
    return "".join(
        f"\\{character}" if character == "\\" or character in quotes
        else character if character.isprintable()
        else repr(character)[1:-1]
        for character in text
    )  # fmt: skip
