"""An earlier version of a spec, for `archcalc lint --base`."""

from __future__ import annotations

from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import Graph, Networks, split_variant
from archcalc.opening import read


class Before:
    """The path of an earlier version of a spec, which may end in `@variant`.

    Attributes:
        name: what the user calls it.
        problem: why it cannot be read; empty if it can.
        opened: the last file read in this run, kept because the variants of a file are checked one after another.
    """

    def __init__(self, path: str, name: str, problem: str = "", opened: dict[str, Networks] | None = None) -> None:
        self.path = path
        self.name = name
        self.problem = problem
        self.opened = {} if opened is None else opened

    def graph(self, batch: int) -> Graph | None:
        """The earlier network; None for a variant that did not exist. Raises `UnknownBaseError`."""
        if self.problem:
            raise UnknownBaseError(f"`{self.name}` cannot be read: {self.problem}")
        path, variant = split_variant(self.path)
        try:
            if path not in self.opened:
                self.opened.clear()
                self.opened[path] = Networks(read(path))
            networks = self.opened[path]
            return networks.graph(variant, batch) if networks.may_have(variant) else None
        except SpecError as error:
            first = error.diagnostics[0]
            own = first.place.source.path == path
            where = f", at {first.place.line}:{first.place.column}" if own else ""
            raise UnknownBaseError(f"`{self.name}` is not valid{where}: {first.message}") from None
        except RequestError as error:
            raise UnknownBaseError(f"`{self.name}`: {error}") from None


class UnknownBaseError(Exception):
    """The earlier version of a spec is unknown; the message says why."""
