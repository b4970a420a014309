"""All configurations that are compared, from the files of their kinds."""

from __future__ import annotations

from . import (  # noqa: F401
    cases_decoders,
    cases_encoders,
    cases_pictures,
    cases_sound,
    cases_states,
    cases_translating,
    cases_vision,
)
from .cases import CASES, SEQ

__all__ = ["CASES", "SEQ"]
