"""Which rules run, and how severe what they find is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import cached_property
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING

import archcalc.rules
from archcalc.diagnostics import RequestError
from archcalc.rules.base import RULES, Rule
from archcalc.rules.codes import LANGUAGE, language_name, nearest

# Words that stand for many rules: every one, or those that run when nothing is selected.
WORDS = ("ALL", "DEFAULT")
_loaded: list[str] = []

if TYPE_CHECKING:
    from archcalc.devices import Device
    from archcalc.running import Running


def load_rules() -> dict[str, Rule]:
    """All rules, by code; reading their files registers them."""
    if not _loaded:
        home = archcalc.rules.__path__[0]
        for group in sorted(os.listdir(home)):
            folder = os.path.join(home, group)
            if os.path.isfile(os.path.join(folder, "__init__.py")):
                for file in sorted(os.listdir(folder)):
                    if file.endswith(".py") and file != "__init__.py":
                        _load(f"archcalc.rules.{group}.{file[:-3]}", os.path.join(folder, file))
                _loaded.append(group)
    return dict(sorted(RULES.items()))


def _load(name: str, path: str) -> None:
    """Import the module `name`; that its place is known saves most of the time of an import."""
    if name not in sys.modules:  # another rule may have imported it
        module = sys.modules[name] = ModuleType(name)
        module.__file__, module.__loader__ = path, SourceFileLoader(name, path)
        module.__loader__.exec_module(module)


class Selection:
    """Which rules run.

    Attributes:
        select: codes, prefixes of codes, names, `ALL` or `DEFAULT`; empty: those on by default.
        ignore: the same. Where both mean a rule the longer word wins, and of equal ones `ignore`.
        severity: pairs of a code or prefix and the severity its findings get; the longest counts.
        device: the hardware that rules resting on measurements are asked about; without it they are off.
        said: how networks are run, as far as somebody said it.
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
        """Raise `RequestError` for a word that means no rule."""
        check_words((*self.select, *self.ignore, *(word for word, _ in self.severity)))

    def rules(self) -> list[Rule]:
        """The chosen rules. Raises `RequestError` for a word that means none."""
        return self._rules

    @cached_property
    def _rules(self) -> list[Rule]:
        self.check()
        return [rule for rule in load_rules().values() if self._takes(rule.code, rule.name, self._is_default(rule))]

    def keeps(self, code: str) -> bool:
        """Whether a warning of the language (SPC009) is reported; its errors always are."""
        rule = RULES.get(code)
        return self._takes(code, rule.name if rule else language_name(code), True)

    def severity_of(self, code: str, name: str, default: str) -> str:
        """The severity that findings of this code have here."""
        best = max(
            ((_length(word, code, name), severity) for word, severity in self.severity),
            key=lambda pair: pair[0],
            default=(-1, default),
        )
        return best[1] if best[0] >= 0 else default

    def _is_default(self, rule: Rule) -> bool:
        return rule.on and (rule.evidence != "measured" or self.device is not None)

    def _takes(self, code: str, name: str, default: bool) -> bool:
        def longest(words: Iterable[str]) -> int:
            lengths = (-1 if word == "DEFAULT" and not default else _length(word, code, name) for word in words)
            return max(lengths, default=-1)

        wanted = longest(self.select or ("DEFAULT",))
        return wanted >= 0 and wanted > longest(self.ignore)


def check_words(words: Iterable[str], where: str = "") -> None:
    """Raise `RequestError` for the first word that means no rule; `where` says who gave it."""
    words = list(words)
    if not words:
        return
    known = {**{code: name for code, (name, _) in LANGUAGE.items()}, **{r.code: r.name for r in load_rules().values()}}
    for word in words:
        if not any(_length(word, code, name) >= 0 for code, name in known.items()):
            near = nearest(word, [*known, *known.values(), *sorted({code[:3] for code in known}), *WORDS])
            hint = f"did you mean `{near}`?" if near else "`archcalc rule` lists them"
            raise RequestError(f"{where}no rule has the code, prefix or name `{word}`: {hint}")


def means(word: str, code: str, name: str) -> bool:
    """Whether a word of `--select` or `--ignore` means the rule with this code and name."""
    return _length(word, code, name) >= 0


def _length(word: str, code: str, name: str) -> int:
    """How closely a word means a rule: the letters of its code that it gives; -1 when it does not."""
    if word in WORDS:
        return 0
    if word and code.startswith(word.upper()):
        return len(word)
    return len(code) if word == name else -1
