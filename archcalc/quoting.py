"""Escapes text of a spec, a file name or a setting, so that it stays text wherever it is put.

What goes into another language (Python, Markdown, a workflow command, ...) goes through that language's function,
whose quotes no text can close.
"""

from __future__ import annotations

import os
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


def patch_name(path: str) -> str:
    """A path as git and GNU patch read it in a patch: quoted if it would not stay a path on one line."""
    if path.isprintable() and not set('"\\') & set(path):
        return path
    escaped = "".join(
        f"\\{one}"
        if one in '"\\'
        else one
        if one.isprintable()
        else "".join(f"\\{byte:03o}" for byte in os.fsencode(one))
        for one in path
    )
    return f'"{escaped}"'


# -- what is printed ----------------------------------------------------------------------

# Zero-width space: it separates what a Markdown renderer would join, in code as well.
_APART = "\u200b"
_LINKS = (
    r"(?i)(?<=@)(?=[\w-])"  # a mention, an address
    r"|(?<=[\])!])(?=[\[(:])"  # a link, an image
    r"|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=mailto)(?=:)|(?<=xmpp)(?=:)"  # what becomes a link automatically
    r"|(?<!&#)(?<=#)(?=\d)|(?<=\bgh)(?=-\d)"  # an issue
)
# What CI systems take for one of their commands: at the start of a line, or anywhere, once colours are removed.
_PAINT = r"(?:\x1b\[[\d;]*m)*"
_COMMAND = rf"(?m)^(?:[^\S\n]|\x1b\[[\d;]*m)*:(?={_PAINT}:)|#(?={_PAINT}#{_PAINT}[a-z]*{_PAINT}\[)"
# Colours, as this program writes them; all other escape sequences are shown as text.
_UNSEEN = r"\x1b\[[\d;]*m|[^\n\t\x20-\x7e]"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "::", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def visible(text: str) -> str:
    """`text` on one line, with everything invisible escaped: control characters, changes of text direction.

    Bytes of a name that is not UTF-8 appear as `\\udcff`.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def terminal_text(text: str) -> str:
    """Printed text, escaped so that no terminal or CI system obeys anything in it; JSON stays the same JSON."""
    is_json = text[:1] in ("{", "[")
    if not text.replace("\n", "").replace("\t", "").isprintable():
        text = re.sub(_UNSEEN, lambda found: found[0] if found[0][:2] == "\x1b[" else _shown(found[0], is_json), text)
    if "::" in text or "##" in text or "\x1b" in text:
        text = re.sub(_COMMAND, lambda found: _disarmed(found[0], is_json), text)
    return text


def _shown(character: str, is_json: bool) -> str:
    if character.isprintable():
        return character
    if not is_json:
        return visible(character)
    import json  # hardly ever needed, and every command would wait for it

    return json.dumps(character)[1:-1]


def _disarmed(command: str, is_json: bool) -> str:
    if command == "#":
        return "\\u0023" if is_json else "#\\"
    return f"{command[:-1]}\\{command[-1]}"


def markdown(text: str) -> str:
    """`text` as plain words of markdown: no emphasis, code, link, image, mention or HTML."""
    return markdown_message(re.sub(r"([\\*_~`$\[\]])", r"\\\1", visible(text)))


def markdown_message(text: str) -> str:
    """As `markdown`, for one of this program's sentences, which may contain code."""
    text = visible(text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        text = text.replace(character, entity)
    return markdown_links(text)


def markdown_links(text: str) -> str:
    """This program's Markdown, with links, images and mentions broken up in names."""
    return re.sub(_LINKS, _APART, text)


def xml(text: str) -> str:
    """`text` as plain words of XML, SVG and HTML, in an attribute's double quotes as well."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("##", "#&#35;")):
        text = text.replace(character, entity)  # the last one: a CI system may read a log that contains the page
    return visible(text)


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
