"""Which rules run, and the severity of their findings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from archcalc.diagnostics import RequestError
from archcalc.rules.base import RULES, Rule
from archcalc.rules.codes import LANGUAGE, language_name, nearest
from archcalc.rules.index import FACTS, MEASURED, ON

# Words that stand for many rules: all of them, or those that run by default.
WORDS = ("ALL", "DEFAULT")

if TYPE_CHECKING:
    from archcalc.devices import Device
    from archcalc.rules.model import Model
    from archcalc.running import Running


def load_rules() -> dict[str, Rule]:
    """All rules, by code; reading their files registers them."""
    return {code: RULES[code] for code in sorted(RULES)}


def names() -> dict[str, str]:
    """The name of every rule, by code, without reading the files of rules."""
    return {code: FACTS[code][1] if code in FACTS else RULES[code].name for code in sorted(RULES)}


class Selection:
    """Which rules run.

    Attributes:
        select: codes, prefixes of codes, names, `ALL` or `DEFAULT`; empty: those on by default.
        ignore: the same. If both match a rule, the longer word wins; of equal words, `ignore`.
        severity: pairs of a code or prefix and the severity of its findings; the longest match counts.
        device: the hardware for rules that rest on measurements; without it they are off.
        said: the given run settings.
    """

    def __init__(
        self,
        select: tuple[str, ...] = (),
        ignore: tuple[str, ...] = (),
        severity: tuple[tuple[str, str], ...] = (),
        device: Device | None = None,
        said: Running | None = None,
    ) -> None:
        self.select = select
        self.ignore = ignore
        self.severity = severity
        self.device = device
        self.said = said

    def check(self) -> None:
        """Raise `RequestError` for a word that matches no rule."""
        check_words((*self.select, *self.ignore, *(word for word, _ in self.severity)))

    def rules(self) -> list[Rule]:
        """The chosen rules. Raises `RequestError` for a word that matches none."""
        return [RULES[code] for code in self.chosen]

    def rules_about(self, model: Model) -> list[Rule]:
        """The chosen rules that may have findings in a network; the files of the others are not read."""
        ops = {placed.node.op for placed in model.layers}
        return [RULES[code] for code in self.chosen if _may_find(code, model, ops)]

    @cached_property
    def chosen(self) -> dict[str, str]:
        """The names of the chosen rules, by code. Raises `RequestError` for a word that matches none."""
        self.check()
        return {code: name for code, name in names().items() if self._takes(code, name, self._is_default(code))}

    def keeps(self, code: str) -> bool:
        """Whether a warning of the language (SPC009) is reported; its errors always are."""
        return self._takes(code, names().get(code) or language_name(code), True)

    def severity_of(self, code: str, name: str, default: str) -> str:
        """The severity of findings with this code."""
        best = max(
            ((_length(word, code, name), severity) for word, severity in self.severity),
            key=lambda pair: pair[0],
            default=(-1, default),
        )
        return best[1] if best[0] >= 0 else default

    def _is_default(self, code: str) -> bool:
        runs = FACTS[code][2] if code in FACTS else ON
        return runs == ON or (runs == MEASURED and self.device is not None)

    def _takes(self, code: str, name: str, default: bool) -> bool:
        def longest(words: Iterable[str]) -> int:
            lengths = (-1 if word == "DEFAULT" and not default else _length(word, code, name) for word in words)
            return max(lengths, default=-1)

        wanted = longest(self.select or ("DEFAULT",))
        return wanted >= 0 and wanted > longest(self.ignore)


def _may_find(code: str, model: Model, ops: set[str]) -> bool:
    """Whether a network with these layers has the key and one of the layers that a rule is about."""
    _, _, _, key, about = FACTS.get(code, ("", "", ON, "", ""))
    if key and not getattr(model.graph.document, key):
        return False
    return not about or not ops.isdisjoint(about.split())


def check_words(words: Iterable[str], where: str = "") -> None:
    """Raise `RequestError` for the first word that matches no rule; `where` says where it comes from."""
    words = list(words)
    if not words:
        return
    known = {code: name for code, (name, _) in LANGUAGE.items()} | names()
    for word in words:
        if not any(_length(word, code, name) >= 0 for code, name in known.items()):
            near = nearest(word, [*known, *known.values(), *sorted({code[:3] for code in known}), *WORDS])
            hint = f"did you mean `{near}`?" if near else "`archcalc rule` lists them"
            raise RequestError(f"{where}no rule has the code, prefix or name `{word}`: {hint}")


def means(word: str, code: str, name: str) -> bool:
    """Whether a word of `--select` or `--ignore` matches the rule with this code and name."""
    return _length(word, code, name) >= 0


def _length(word: str, code: str, name: str) -> int:
    """How closely a word matches a rule: the number of letters of its code; -1 if it does not match."""
    if word in WORDS:
        return 0
    if word and code.startswith(word.upper()):
        return len(word)
    return len(code) if word == name else -1
