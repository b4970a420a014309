"""What the output stream can encode."""

from __future__ import annotations


def can_print(text: str, encoding: str) -> bool:
    """Whether a stream of this encoding can print `text`."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
