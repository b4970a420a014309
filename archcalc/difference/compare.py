"""Two networks laid side by side: which layers came, went and changed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from archcalc.difference.side import MEASURES, LayerRecord, Side


@dataclass
class Difference:
    """What changed, layer by layer.

    Attributes:
        changed: pairs of what a layer was and is; moved: layers as before whose costs differ
            because their input does.
    """

    base: Side
    head: Side
    added: list[LayerRecord] = field(default_factory=list)
    removed: list[LayerRecord] = field(default_factory=list)
    changed: list[tuple[LayerRecord, LayerRecord]] = field(default_factory=list)
    moved: list[tuple[LayerRecord, LayerRecord]] = field(default_factory=list)
    unchanged: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both networks have the same layers at the same costs."""
        same = all(self.base.totals[name] == self.head.totals[name] for name in self.measures)
        return same and not (self.added or self.removed or self.changed or self.moved)

    @property
    def measures(self) -> list[str]:
        """The measures that are known of both."""
        return [name for name in MEASURES if name in self.base.totals and name in self.head.totals]

    def growth(self, measure: str) -> float:
        """How much `measure` grew, relative to before; infinite from nothing."""
        before, after = self.base.totals[measure], self.head.totals[measure]
        return (after - before) / before if before else (float("inf") if after else 0.0)


def difference(base: Side, head: Side) -> Difference:
    """Match the layers of both, by what they are and in their order, so that an insertion shifts nothing."""
    result = Difference(base, head)
    matcher = difflib.SequenceMatcher(
        None, [one.what for one in base.layers], [one.what for one in head.layers], autojunk=False
    )
    for tag, i, j, k, m in matcher.get_opcodes():
        before, after = base.layers[i:j], head.layers[k:m]
        if tag == "equal":
            for old, new in zip(before, after):
                if old.count != new.count:
                    result.changed.append((old, new))
                elif (old.params, old.macs, old.output) == (new.params, new.macs, new.output):
                    result.unchanged += 1
                else:
                    result.moved.append((old, new))
        else:
            _pair(before, after, result)
    return result


def _pair(before: list[LayerRecord], after: list[LayerRecord], result: Difference) -> None:
    """Layers of one kind in one stretch are one layer changed; the rest came or went."""
    rest = list(after)
    for old in before:
        new = next((one for one in rest if one.op == old.op), None)
        if new is None:
            result.removed.append(old)
        else:
            rest.remove(new)
            result.changed.append((old, new))
    result.added += rest
