"""All configurations that are compared, from the files of their kinds."""

from __future__ import annotations

from . import cases_states, cases_translating, cases_vision
from .cases import CASES, SEQ

__all__ = ["CASES", "SEQ", "cases_states", "cases_translating", "cases_vision"]
