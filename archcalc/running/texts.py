"""Values of fields as one text each, as axes of a grid write them: `none` for nothing, `+` between several names."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from archcalc.running.declaration import Running, field_of

NONE, JOIN = "none", "+"


@lru_cache(maxsize=1024)
def of_texts(given: tuple[tuple[str, str], ...]) -> Running:
    """The run with these values. A field that is `none` stays empty, whatever the spec says.

    Raises:
        RequestError: an unknown field, or an invalid value.
    """
    said = {name: text.split(JOIN) if field_of(name).kind.several else text for name, text in given if text != NONE}
    return Running(**said).without(name for name, text in given if text == NONE)


def of_values(name: str, values: Iterable[str]) -> str:
    """The text of a field that is given value by value. Raises `RequestError` if they need one each."""
    field = field_of(name)
    return JOIN.join(field.kind.write(field.kind.read(list(values))))
