"""Calculator and linter for neural-network architectures, without PyTorch.

>>> import archcalc
>>> net = archcalc.load("specs/alexnet.yaml", batch=32)
>>> net.params
61100840
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["Diagnostic", "Layer", "Network", "RequestError", "SpecError", "load", "loads", "of"]

if TYPE_CHECKING:
    from archcalc.api import Layer, Network, load, loads, of
    from archcalc.diagnostics import Diagnostic, RequestError, SpecError

_HOMES = dict.fromkeys(("Layer", "Network", "load", "loads", "of"), "archcalc.api")
_HOMES |= dict.fromkeys(("Diagnostic", "RequestError", "SpecError"), "archcalc.diagnostics")


def __getattr__(name: str) -> Any:
    # The command line imports this package first, so nothing is imported that it does not need.
    if name not in _HOMES:
        raise AttributeError(f"module 'archcalc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
