"""What is checked of a drawn network, a file a check.

A file says what is wrong with a case, or nothing; it may also say which cases to make of a drawn
one. It raises `Skipped` for what it has nothing to say about:

    def wrong(case: Case) -> Wrong | None: ...
    def cases(case: Case) -> Iterator[Case]: ...
"""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Callable, Iterable
from typing import NamedTuple

from archcalc.diagnostics import RequestError, SpecError
from tests.draw.case import Case


class Wrong(NamedTuple):
    """What is wrong with a case: `kind` is the same for all cases of one fault, `detail` has its numbers."""

    kind: str
    detail: str


class Skipped(Exception):
    """A check has nothing to say about a case."""


class Check(NamedTuple):
    """A check with its name, as it is given on the command line."""

    name: str
    wrong: Callable[[Case], Wrong | None]
    cases: Callable[[Case], Iterable[Case]]

    def __call__(self, case: Case) -> Wrong | None:
        """What is wrong with a case, be it that the check itself fails. Raises `Skipped`; for an invalid spec too."""
        try:
            case.graph()
        except (SpecError, RequestError) as error:
            raise Skipped(f"not a valid spec: {error}") from None
        try:
            return self.wrong(case)
        except Skipped:
            raise
        except Exception as error:
            if isinstance(error, ValueError) and "Expected more than 1" in str(error):
                raise Skipped("batchnorm trains on no single value") from None
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} in {where.name}"
            return Wrong(kind, f"{kind}: {error}")


CHECKS: dict[str, Check] = {}
for _file in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_file.name}")
    _name = _file.name.replace("_", "-")
    CHECKS[_name] = Check(_name, _module.wrong, getattr(_module, "cases", lambda case: [case]))
