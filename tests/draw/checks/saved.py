"""What is kept for backward is what PyTorch's hooks see, byte for byte."""

from __future__ import annotations

from archcalc.pytorch.names import BuildError
from tests.draw.case import Case
from tests.draw.checks import Skipped, Wrong
from tests.memory.test_saved import difference


def wrong(case: Case) -> Wrong | None:
    try:
        more = difference(case.graph())
    except BuildError as error:
        raise Skipped(str(error)) from None
    return Wrong("too many bytes" if more > 0 else "too few bytes", f"{more:+,} bytes") if more else None
