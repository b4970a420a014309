"""The data from which all forms of a comparison are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cached_property

from archcalc.difference.compare import Difference
from archcalc.records import NamedTuple
from archcalc.reports.difference.headline import name


class Needs(NamedTuple):
    """What a form shows of each network, so that nothing else need be computed.

    Attributes:
        measures: the costs; budget: which bounds are exceeded; whole: totals even for equal files.
    """

    measures: tuple[str, ...]
    budget: bool = True
    whole: bool = False


class Report:
    """A run of `archcalc diff`.

    Attributes:
        differences: one for each pair of networks.
        folders: whether these are from two folders.
        same: how many files have identical text, and no difference here.
        peaks: which peaks of memory to show; they take time to compute.
    """

    def __init__(
        self,
        differences: Sequence[Difference],
        folders: bool = False,
        same: int = 0,
        peaks: Collection[str] = (),
    ) -> None:
        self.differences = differences
        self.folders = folders
        self.same = same
        self.peaks = peaks

    def title(self, found: Difference) -> str:
        """The model's name, with its file if that was renamed or another file has a model of this name."""
        title = name(found)
        if "→" in found.file or len(self._files[title]) > 1:
            return f"{title} ({found.file})"
        return title

    @property
    def respelled(self) -> bool:
        """Whether it compares two specs with different texts although nothing changed."""
        one = self.differences[0] if self.differences and not self.folders else None
        return one is not None and not self.changed and not one.base.saved

    @cached_property
    def _files(self) -> defaultdict[str, set[str]]:
        """The files of what changed, by the name of the model."""
        files: defaultdict[str, set[str]] = defaultdict(set)
        for found in self.changed:
            files[name(found)].add(found.file)
        return files

    @cached_property
    def changed(self) -> list[Difference]:
        """The differences in which something changed."""
        return [found for found in self.differences if not found.is_empty]
