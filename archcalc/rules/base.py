"""What a rule is, what it finds, and how a finding is fixed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from archcalc.diagnostics import Diagnostic, Fix, Note, Span
from archcalc.layers.base import Layer
from archcalc.layers.facts import LayerFacts
from archcalc.registry import Registry
from archcalc.rules.index import FACTS
from archcalc.rules.model import Model, Placed

SEVERITIES = ("error", "warning", "info")
# The basis of a rule: a proof from the graph, a measurement on hardware, or a heuristic from the literature.
EVIDENCE = ("proof", "measured", "heuristic")


class Finding(Diagnostic):
    """A diagnostic that a rule reports.

    Attributes:
        name: the name of the rule.
        evidence: what the rule rests on, one of `EVIDENCE`.
        layer: the id of the layer concerned; empty for a finding about a line of the spec alone.
        data: the numbers in its message, by name.
    """

    def __init__(
        self,
        diagnostic: Diagnostic,
        name: str = "",
        evidence: str = "proof",
        layer: str = "",
        data: dict[str, Any] | None = None,
    ) -> None:
        self.__dict__.update(diagnostic.__dict__)
        self.name = name
        self.evidence = evidence
        self.layer = layer
        self.data = data or {}


class Rule:
    """A rule. Its docstring says why it exists, with an example that has a finding and one that has none.

    The docstring's sections are marked by lines `Example:`, `Use instead:` and `Reference:`; the
    examples are whole specs, indented.
    """

    code: ClassVar[str] = ""
    name: ClassVar[str] = ""
    severity: ClassVar[str] = "warning"
    evidence: ClassVar[str] = "proof"
    on: ClassVar[bool] = True
    fixable: ClassVar[str] = ""  # "safe", "unsafe" or ""
    # There are findings only in networks with one of these layers, or with a layer that defines this fact; empty: in any.
    about: ClassVar[tuple[type[Layer], ...] | str] = ()
    # And only in specs with this key; empty: in any.
    key: ClassVar[str] = ""

    @classmethod
    def is_about(cls, layer: type[Layer]) -> bool:
        """Whether a network with such a layer can have findings."""
        if isinstance(cls.about, str):
            return getattr(layer, cls.about) is not getattr(LayerFacts, cls.about)
        return issubclass(layer, cls.about)

    def check(self, model: Model) -> Iterator[Finding]:
        """Everything the rule finds in a network."""
        raise NotImplementedError

    def finding(
        self,
        where: Placed | Span,
        message: str,
        help: str | None = None,
        notes: tuple[Note, ...] = (),
        fix: Fix | None = None,
        also: Iterable[Placed] = (),
        **data: Any,
    ) -> Finding:
        """A finding of this rule at a layer or a place in the spec; `also` are other calls of the same layer."""
        place = where if isinstance(where, Span) else where.node.place
        layer = "" if isinstance(where, Span) else where.node.id
        calls = () if isinstance(where, Span) else joined(where.calls, *(other.calls for other in also))
        said = Diagnostic(self.code, message, place, help, (*notes, *calls), self.severity, fix)
        return Finding(said, self.name, self.evidence, layer, data)

    @classmethod
    def section(cls, title: str) -> str:
        """A section of the docstring without its indentation; empty if missing."""
        text = inspect.getdoc(cls) or ""
        match = re.search(rf"^{title}:\n((?:[ ]+.*\n|\n)*(?:[ ]+.*)?)", text, re.MULTILINE)
        return inspect.cleandoc(match.group(1)) + "\n" if match else ""


def joined(notes: tuple[Note, ...], *others: Iterable[Note]) -> tuple[Note, ...]:
    """`notes`, then those of `others` at places that no earlier note has."""
    found, places = list(notes), {_where(note) for note in notes}
    for more in others:
        new = [note for note in more if _where(note) not in places]
        places.update(map(_where, new))
        found += new
    return tuple(found)


def _where(note: Note) -> tuple[str, int, int] | None:
    return (note.place.source.path, note.place.line, note.place.column) if note.place else None


RULES: Registry[Rule] = Registry("archcalc.rules", {file: code for code, (file, *_) in FACTS.items()})
_NAMES: set[str] = set()
_R = TypeVar("_R", bound=type[Rule])


def rule(code: str, name: str) -> Callable[[_R], _R]:
    """Register a rule under its code and its name."""

    def register(cls: _R) -> _R:
        if RULES.registered(code) or name in _NAMES:
            raise ValueError(f"two rules are called {code} or {name}")
        cls.code, cls.name = code, name
        _NAMES.add(name)
        RULES[code] = cls()
        return cls

    return register
