"""The meaning of names and values while a body runs on shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from archcalc.advice import meant, written
from archcalc.diagnostics import Advice, Findings, Fix, Note, Span, SpecError
from archcalc.language.expressions import Expression, describe
from archcalc.language.sizes import TensorSize
from archcalc.language.values import NONE, SizeExpression, Value, evaluate
from archcalc.layers.arguments import Argument
from archcalc.layers.base import Layer
from archcalc.layers.layout import LAYOUTS, UNDECIDED, DisagreementError, Layout, axis_of
from archcalc.layers.problem import ValueProblem
from archcalc.layers.tensor import Tensor
from archcalc.network.axes import NoSizeError, axis, needs_layout, undecided
from archcalc.network.graph import Node, gather
from archcalc.network.layouts import conflict
from archcalc.network.steps import Each, Ref
from archcalc.quantity import varies, varying
from archcalc.source import Scalar

# The output of a failed step; layers that read it stay silent.
UNKNOWN = Tensor(())


class StepFailedError(Exception):
    """A step whose output is unknown, after its error was reported."""


class Scope:
    """What names mean while a body runs: layers so far, values, and the body's input."""

    __slots__ = ("input", "layers", "parent", "values")

    def __init__(self, values: Mapping[str, Any], input: Tensor | None, parent: Scope | None = None) -> None:
        self.values = values
        self.input = input
        self.parent = parent
        self.layers: dict[str, tuple[Tensor, Node | None]] = {}

    def lacks(self, ref: Ref) -> bool:
        """Whether a reference is to an argument that is none."""
        return self.values.get(ref.name) is NONE and self.find(ref.name) is None

    def find(self, name: str) -> tuple[Tensor, Node | None] | None:
        """The layer of this name, here or around: its output and its node."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.layers:
                return scope.layers[name]
            scope = scope.parent
        return None


class Evaluator:
    """Looks up references and evaluates expressions; errors are reported with the calls around them."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.calls: list[Note] = []

    def output(self, ref: Ref, scope: Scope, x: Tensor) -> Tensor:
        """The tensor an `output:` names; `UNKNOWN` after an error."""
        try:
            return self.lookup(ref, scope, x)[0]
        except StepFailedError:
            return UNKNOWN

    def lookup(self, ref: Ref, scope: Scope, x: Tensor | None) -> tuple[Tensor, Node | None]:
        """The tensor a reference names, and the node that made it."""
        node: Node | None = None
        if ref.name == "prev":
            if x is None:
                self.fail("SPC008", "there is no layer before this one", ref.place, "name an input or an earlier layer")
            tensor = x
        elif ref.name == "input" and (found := self._input_of(scope)) is not None:
            tensor = found
        else:
            entry = scope.find(ref.name)
            if entry is None:
                value = scope.values.get(ref.name, UNKNOWN)
                if not isinstance(value, Tensor):
                    self.fail(
                        "SPC008",
                        f"`{ref.name}` is {describe(value)} here, not a layer",
                        ref.place,
                        "pass the name of a layer",
                    )
                entry = (value, None)
            tensor, node = entry
        if tensor is UNKNOWN or tensor is None:
            raise StepFailedError
        named = getattr(node.layer, "own_output", None) if node is not None else None  # `o.main` of an opaque layer
        if ref.output is not None and ref.output != named:
            outputs: Mapping[str, Tensor] = tensor.outputs or {}
            if node is not None and node.further:
                outputs = {**outputs, **node.further}
            if ref.output not in outputs:
                there = f"its further outputs are {', '.join(outputs)}" if outputs else "it has one output"
                help = meant(ref.place, ref.output, list(outputs), there, lambda near: f"{ref.name}.{near}")
                self.fail("SPC008", f"`{ref.name}` has no output `{ref.output}`", ref.place, help)
            tensor = outputs[ref.output]
        return tensor, node

    def all_copies(self, ref: Each, scope: Scope) -> list[Tensor]:
        """The outputs of all copies of a repeat, in order."""
        tensor, node = scope.find(ref.name) or (UNKNOWN, None)
        if tensor is UNKNOWN:
            raise StepFailedError
        found = [] if node is None else gather(node, ref.inner, ref.output)
        for one in found:
            if one is None or one.parts:
                what = f"have several outputs: `{ref.place.text}` needs one of each"
                help = f"choose one, e.g. {ref.place.text.removesuffix('.*')}.0.*"
                if one is None:
                    what = f"have no output `{ref.output}`"
                    help = "an output is named in the repeat, by name= on a layer, and stands in every copy"
                self.fail("SPC008", f"the copies of `{'.'.join((ref.name, *ref.inner))}` {what}", ref.place, help)
        return [one for one in found if one is not None]

    def _input_of(self, scope: Scope | None) -> Tensor | None:
        while scope is not None and scope.input is None:
            scope = scope.parent
        return scope.input if scope else None

    def fail(
        self,
        code: str,
        message: str,
        place: Span,
        help: str | Advice | None = None,
        notes: tuple[Note, ...] = (),
    ) -> NoReturn:
        """Report an error with the calls around it, and give up the step."""
        self.findings.error(code, message, place, help, [*notes, *self.calls[::-1]])
        raise StepFailedError

    def evaluate(
        self,
        value: Value,
        scope: Scope,
        x: Tensor | None,
        place: Scalar,
        argument: Argument | None,
        cls: type[Layer] | None = None,
    ) -> Any:
        """A value with its names filled in, as `argument` takes it."""
        names = scope.values
        if isinstance(value, (Expression, SizeExpression)):
            if "cin" in value.names:
                names = {**names, "cin": self._cin(x, place, cls)}
            if value.sizes:
                names = {**names, **{key: self._size(size, scope, x, cls) for key, size in value.sizes.items()}}
        try:
            result = evaluate(value, names, place)
            if isinstance(result, Tensor) and argument is not None:
                raise ValueProblem(f"must be {argument.kind}, not the layer `{place.text}`")
            if result is NONE and argument is not None and not argument.required:
                return argument.default
            if argument is not None:
                result = argument.coerce(result)
        except SpecError as error:
            for diagnostic in error.diagnostics:
                self.fail(diagnostic.code, diagnostic.message, diagnostic.place, diagnostic.help)
        except ValueProblem as problem:
            assert argument is not None
            self.fail("SPC005", f"`{argument.name}` {problem}", place, problem.advice(place) or argument.about)
        if isinstance(value, SizeExpression) and len(value.parts) == _count(result):  # in the form of axes
            return _each_told(iter(value.parts), result, names, place)
        return _told(value, result, names, place) if isinstance(value, (Expression, SizeExpression)) else result

    def _cin(self, x: Tensor | None, place: Scalar, cls: type[Layer] | None) -> int:
        """The incoming channels or features, as the layer that uses them would read them."""
        if x is None:
            self.fail("SPC008", "`cin` needs a layer before this one", place, "name one with from=")
        if x is UNKNOWN:
            raise StepFailedError
        if x.rank == 1:
            return x.shape[0]
        layout = self._layout(x, place, cls)
        if layout is None:
            self.fail(
                "SHP111",
                f"`cin` cannot tell channels from features in {x}",
                place,
                Advice(
                    f"write the number: {x.shape[0]} for the channels of axis 0, {x.shape[-1]} for the features of the last",
                    choices=_numbers(place, x) if not self.calls else (),
                ),
                notes=(Note(UNDECIDED),),
            )
        return x.shape[axis_of(layout, x.rank)]

    def _size(self, size: TensorSize, scope: Scope, x: Tensor | None, cls: type[Layer] | None) -> int:
        """The size `size` asks for; for the tensor before the layer, as the layer would read it."""
        name, _, output = size.name.text.partition(".")
        tensor = self._single(Ref(size.name, name, output or None), scope, x)
        try:
            layout = None
            if needs_layout(size, tensor):
                layout = self._layout(tensor, size.place, cls if tensor is x else None)
                if layout is None:
                    raise undecided(size, tensor)
            return tensor.shape[axis(size, tensor, layout)]
        except NoSizeError as problem:
            self.fail("SPC008", str(problem), size.place, problem.help)

    def _layout(self, x: Tensor, place: Span, cls: type[Layer] | None) -> Layout:
        """The layout of `x`, decided by the layer that reads it or elsewhere."""
        try:
            return x.layout or (cls.layout if cls and cls.layout in LAYOUTS else None) or self.ask(x, place)
        except DisagreementError as error:
            asks = place.source.line(place.line)[place.column - 1 : place.end_column - 1]
            wrong = conflict(asks, x, error)
            notes = tuple(Note(text, where) for text, where in wrong.notes)
            self.fail(wrong.code, str(wrong), place, wrong.help, notes)

    def _single(self, ref: Ref, scope: Scope, x: Tensor | None) -> Tensor:
        """The tensor that `ref` names, which must be a single one."""
        tensor = self.lookup(ref, scope, x)[0]
        if tensor.parts:
            self.fail("SPC008", f"`{ref.name}` has several outputs", ref.place, f"choose one, e.g. {ref.name}.0")
        return tensor

    def ask(self, x: Tensor, place: Span) -> Layout:
        """The layout of `x`, for the item at `place` that needs it; None if nothing decides it."""
        raise NotImplementedError


def _count(sizes: Any) -> int:
    """How many numbers the sizes have; some may be in groups with names."""
    return sum(map(_count, sizes)) if isinstance(sizes, tuple) else not isinstance(sizes, str)


def _each_told(parts: Iterator[Expression], result: Any, names: Mapping[str, Any], place: Scalar) -> Any:
    """Sizes that each keep the dependence of their own expression, the next of `parts`."""
    if isinstance(result, tuple):
        return tuple(_each_told(parts, one, names, place) for one in result)
    return result if isinstance(result, str) else _told(next(parts), result, names, place)


def _told(value: Expression | SizeExpression, result: Any, names: Mapping[str, Any], place: Scalar) -> Any:
    """The value of an expression, with any dependence on a dim preserved."""
    depends = any(varies(names[name]) for name in (*value.names, *value.sizes))
    return varying(result, place.text) if depends else result


def _numbers(place: Scalar, x: Tensor) -> tuple[Fix, ...]:
    """The channels and the features of `x`, either of which `cin` may mean."""
    at = [match.span() for match in re.finditer(r"\bcin\b", place.text)]
    if place.quoted or len(at) != 1:
        return ()
    fixes = [written(place.part(*at[0]), str(int(size))) for size in (x.shape[0], x.shape[-1])]
    return tuple(fix for fix in fixes if fix)
