"""A network as a module of PyTorch."""

COMMAND = "archcalc build"
_SOURCE = "the module is Python source, and state-dict lists its parameters"
WITHOUT = {
    "text": _SOURCE,
    "json": f"{_SOURCE}; `archcalc shapes --format json` has its numbers",
    "csv": f"{_SOURCE}; `archcalc shapes --format csv` has its numbers",
    "markdown": _SOURCE,
}
