"""GRF705."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Diagnostic, Fix
from archcalc.network.unused import CODE, unused
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule(CODE, "unused-name")
class UnusedName(Rule):
    """A name is declared and never read: an hparam, a dim, a block, a block's argument, a variant's key.

    Changing it has no effect on the network. Often the name was misspelt where it should be read, or a
    number was written in its place. Layer names are not reported: reports and state dicts use them.
    Neither are the blocks of an included file, which other specs may use.

    Example:
        model: example
        hparams: {width: 64, depth: 12}
        input: [20]
        layers:
          - {repeat: 4, layers: [linear width, relu]}

    Use instead:
        model: example
        hparams: {width: 64, depth: 12}
        input: [20]
        layers:
          - {repeat: depth, layers: [linear width, relu]}

    Reference:
        The spec language: hparams define the model.
    """

    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at each name on which no layer and no size depends."""
        for number, found in enumerate(unused(model.graph), 1):
            yield self.finding(found.place, found.message, found.help, found.notes, self._fix(found), number=number)

    def _fix(self, found: Diagnostic) -> Fix | None:
        """Delete the name, unless another unused part still uses it: that goes first."""
        from archcalc.language.edits import said, without_pair  # not needed if nothing was found

        place = found.place
        name = place.source.line(place.line)[place.column - 1 : place.end_column - 1]
        edit = without_pair(place) if said(place.source)[name] == 1 else None
        return Fix("delete it", (edit,), safe=True) if edit else None
