"""Advice on a layer that cannot be computed: each plausible change is tried, then described and offered as an edit."""

from __future__ import annotations

import re
from collections.abc import Mapping as Mapping_
from copy import copy

from archcalc.diagnostics import Advice, Edit, Fix, Span
from archcalc.language.edits import end_of, entry, shown_values, with_layer_before, with_values
from archcalc.language.expressions import Expression
from archcalc.language.items import COMMON
from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.change import Change
from archcalc.layers.operands import Body
from archcalc.layers.tensor import Tensor
from archcalc.network.scope import UNKNOWN
from archcalc.network.steps import Step
from archcalc.source import Mapping, Scalar, Sequence

# A value that uses no name of the spec may be anything a layer takes.
_ANY = r"\S+"


def advice(
    error: ShapeError,
    step: Step,
    layer: Layer,
    inputs: tuple[Tensor, ...],
    samples: int,
    called: bool,
    hparams: Mapping_[str, object],
) -> Advice | str | None:
    """What to do about a layer's error: the changes that remove it, and the output they give.

    `called`: the layer is in a block, where a number may fit one call and not another; `hparams`: what `--set` may set.
    """
    trial = _Trial(error, step, layer, inputs, samples)
    tried = [(change, y) for change in error.changes if (y := trial.outcome(change)) is not None]
    if not tried:
        return error.help or _about(error.argument, layer)
    several = len({str(y) for _, y in tried}) > 1 or (
        len(tried) == 1 and inputs[:1] != () and tried[0][1].shape != inputs[0].shape
    )
    verb, told, fixes = "", [], []
    for change, y in tried:
        remedy = _Remedy(change, step, layer, hparams)
        gives = f" {change.gives}" if change.gives else f", giving {y}" if several and y is not UNKNOWN else ""
        words = f"`{remedy.shown}`{remedy.where}{gives}"
        told.append(words if remedy.verb == verb else f"{remedy.verb}{words}")
        verb = remedy.verb
        if remedy.edits and not (called and re.search(r"\d", remedy.shown)):
            fixes.append(Fix(f"{verb}{words}", remedy.edits))
    text = _joined(told)
    if len(fixes) < len(tried):  # a word of the line has other values elsewhere
        text, fixes = f"{text.partition(' ')[2]} would do{' for this call' * called}", []
    text = error.help or "" if error.told else f"{text}; {error.help}" if error.help else text
    return Advice(text, fixes[0] if len(fixes) == 1 else None, tuple(fixes) if len(fixes) > 1 else ())


def _about(argument: str | None, layer: Layer) -> str:
    """What a key takes, or where the layer is described."""
    known = type(layer).arguments.get(argument or "")
    return known.about if known is not None else f"`archcalc layer {layer.op}` describes it"


def _joined(told: list[str]) -> str:
    if len(told) > 2 or any(" " in one.rpartition("`")[2] for one in told):
        return ", or ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else told[0]
    return " or ".join(told)


def _hparam(change: Change, step: Step, hparams: Mapping_[str, object]) -> str | None:
    """The hparam that alone is the one value that changes."""
    values = {name: value for name, _, value in step.deferred if isinstance(value, Expression)}
    names = [values[key].name for key in change.keys if key in values]
    whole = all(isinstance(value, int) for value in change.keys.values())
    return names[0] if len(names) == len(change.keys) == 1 and whole and names[0] in hparams else None


class _Trial:
    """Recomputes a failed layer with something changed."""

    def __init__(self, error: ShapeError, step: Step, layer: Layer, inputs: tuple[Tensor, ...], samples: int) -> None:
        self.error, self.step, self.layer, self.inputs, self.samples = error, step, layer, inputs, samples

    def outcome(self, change: Change) -> Tensor | None:
        """The output; `UNKNOWN` if something else is wrong too, None if the error remains."""
        if change.line is not None:
            return change.reads or UNKNOWN
        other = copy(self.layer)
        for name, value in change.keys.items():
            other.__dict__[name] = type(other).defaults.get(name) if value is None else value
        if any(isinstance(type(other).arguments[name], Body) for name in change.keys):
            return UNKNOWN  # lists of layers run only in the network
        read = list(self.inputs)
        if change.reads is not None and read:
            read[change.operand or 0] = change.reads
        try:
            if other.takes_input:
                other.accept(read[0])
            # the layers inside were not reached, or would read something else
            if self.step.bodies and (len(read) < 2 or change.reads is not None):
                return UNKNOWN
            y = other.infer(*(read or [UNKNOWN]))
            if read:
                other.admit(read[0].samples(self.samples), read[0])
        except ShapeError as error:
            return None if error.code == self.error.code else UNKNOWN
        return y


class _Remedy:
    """A change, in words and as edits."""

    def __init__(self, change: Change, step: Step, layer: Layer, hparams: Mapping_[str, object]) -> None:
        self.verb, self.where = "write ", ""
        self.edits: tuple[Edit, ...] | None = None
        if change.before is not None:
            self.verb, self.shown, self.where = "add ", change.before, " before it"
            self.edits = with_layer_before(step.op, change.before)
        elif change.line is not None:
            self.shown = change.line
            self._line(change.line, step)
        elif change.behind is not None and change.operand is not None:
            self._operand(change.behind, step, change.operand)
        elif (name := _hparam(change, step, hparams)) is not None:
            (value,) = change.keys.values()
            self.verb, self.shown = "use ", f"--set {name}={value}"
        else:
            words = {
                name: None if value is None else type(layer).arguments[name].show(value)
                for name, value in change.keys.items()
            }
            first = type(layer).first
            self.shown = shown_values(step.op, first, words)
            if not self.shown:
                self.verb, self.shown = "delete ", " and ".join(words)
            named = {name for name, _, value in step.deferred if getattr(value, "names", None)}
            if not named & set(words):
                self.edits = with_values(step.op, first, words, _ANY) or None

    def _line(self, line: str, step: Step) -> None:
        """Another line in place of the layer's own."""
        found = entry(step.op)
        written = found[0].items[found[1]] if found else None
        if isinstance(written, Mapping) and len(written.pairs) == 1:
            op, values = written.pairs[0]
            if values.line == op.line == values.end_line:
                place = Span(op.source, op.line, op.column, values.end_line, values.end_column)
                self.edits = (Edit(place, line),)
        if not isinstance(written, Scalar):
            return
        name = f" name={step.name.text}" if step.name is not None else ""
        if not any(f" {key}=" in written.text.replace(name, "") for key in COMMON):
            self.edits = (Edit(written, f"{line[:-1]}{name}]" if line.endswith("]") else f"{line}{name}"),)

    def _operand(self, line: str, step: Step, number: int) -> None:
        """A layer after an operand: a name becomes a list that starts from it."""
        place: Span | None = step.operands[number][1] if step.operands and number < len(step.operands) else None
        self.shown = f"[{line} from=NAME]"
        if isinstance(place, Scalar):
            self.shown = f"[{line}]" if place.text == "prev" else f"[{line} from={place.text}]"
            self.edits = (Edit(place, self.shown),)
        elif isinstance(place, Sequence) and place.items:
            self.verb, self.shown, self.where = "add ", line, " after it"
            last = place.items[-1]
            if place.flow:
                self.edits = (Edit(end_of(last), f", {line}"),)
            elif isinstance(last, Scalar):
                indent = last.source.line(last.line)[: last.column - 1]
                if indent.strip() == "-":
                    self.edits = (Edit(end_of(last), f"\n{indent}{line}"),)
