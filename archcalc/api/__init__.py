"""The Python interface: `archcalc.load("specs/alexnet.yaml", batch=32)`."""

from archcalc.api.layer import Layer
from archcalc.api.network import Network, load, loads, of

__all__ = ["Layer", "Network", "load", "loads", "of"]
