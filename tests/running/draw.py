"""Drawn declarations of a run: every field may be said, with any value that it can have."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from archcalc.running import FIELDS, Running
from archcalc.running.kinds import Choices, Kind, Names, Whole, Words

_TEXTS = st.text(string.ascii_letters + string.digits + " ,.*\"\\'@/-_é", min_size=1, max_size=12).filter(str.strip)


def values(kind: Kind) -> st.SearchStrategy:
    if isinstance(kind, Words):
        return st.sampled_from(kind.words)
    if isinstance(kind, Whole):
        return st.integers(kind.least, kind.most)
    if isinstance(kind, Choices):
        return st.lists(st.sampled_from(kind.words), max_size=3, unique=True)
    return st.lists(_TEXTS, max_size=3) if isinstance(kind, Names) else _TEXTS


def runs() -> st.SearchStrategy[Running]:
    fields = {name: values(field.kind) for name, field in FIELDS.items()}
    return st.fixed_dictionaries({}, optional=fields).map(lambda said: Running(**said))
