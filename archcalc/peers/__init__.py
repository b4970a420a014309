"""What other tools count for the module that `archcalc build` writes, and why it is not what we count.

One file for each tool. It says what the tool adds to our count, or leaves out, for each layer type, as
a function of shapes; nothing is run. The tests run the tools and ask for equal numbers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archcalc.peers.base import Peer

NAMES = ("torchinfo", "fvcore", "ptflops", "thop", "deepspeed", "flopcounter")


def peer(name: str) -> Peer:
    """The tool of that name, one of `NAMES`."""
    found: Peer = import_module(f"archcalc.peers.{name}").PEER
    return found
