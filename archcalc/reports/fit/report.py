"""What `archcalc fit` found, for every form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcalc.sweep.fit import Fit


@dataclass(frozen=True)
class At:
    """The answer at one combination of run settings.

    Attributes:
        settings: the combination: names and values; empty for the only one.
        fit: the answer; None if nothing can be computed there, for this reason.
    """

    settings: tuple[tuple[str, str], ...]
    fit: Fit | None
    reason: str = ""

    @property
    def label(self) -> str:
        """The combination in a sentence: `precision=bf16 lora=8`."""
        return " ".join(f"{name}={value}" for name, value in self.settings)


@dataclass(frozen=True)
class Report:
    """The largest value of a name at every combination of run settings.

    Attributes:
        spec, name: what was asked about, and the name that is varied.
        axes: the run settings that have several values; empty if there is a single answer.
    """

    spec: str
    name: str
    axes: Sequence[str]
    answers: Sequence[At]

    @property
    def found(self) -> list[Fit]:
        """The answers that could be computed."""
        return [one.fit for one in self.answers if one.fit is not None]

    @property
    def model(self) -> str:
        """The name of the network."""
        return self.found[0].model if self.found else self.spec

    @property
    def limits(self) -> list[str]:
        """The measures with a limit, in order."""
        return list(self.found[0].limits) if self.found else []
