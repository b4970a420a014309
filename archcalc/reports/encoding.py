"""What the stream that is printed to can take."""

from __future__ import annotations


def can_print(text: str, encoding: str) -> bool:
    """Whether a stream of this encoding takes `text`."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
