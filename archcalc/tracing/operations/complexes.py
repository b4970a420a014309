"""Complex numbers as pairs of real ones: a tensor of the language has one more axis for them, the last."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import COMPLEX, CONSTANT, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads


@reads("view_as_complex", "input")
def view_as_complex(reader: Reader, call: Call, a: Any) -> Given:
    """The pairs themselves."""
    if not a.input.of_data:
        raise Beyond("of a parameter")
    return reader.out(a.input)


@reads("view_as_real", "input")
def view_as_real(reader: Reader, call: Call, a: Any) -> Given:
    """The pairs themselves, unless they come from a call that gives one number."""
    x = reader.out(a.input)
    if x.sizes != call.outs[0].sizes:
        raise Beyond("of numbers that are not known as pairs")
    return x


def product(reader: Reader, call: Call, first: Any, second: Any) -> Out | None:
    """A product of pairs and a constant as four products, such as a rotation by angles; None for anything else."""
    like = call.outs[0]
    for one, other in ((first, second), (second, first)):
        if not isinstance(one, Value) or not isinstance(other, Value) or one.kind != COMPLEX or other.kind != COMPLEX:
            continue
        if other.source == CONSTANT and one.of_data and (x := reader.out(one)).sizes == (*like.sizes, 2):
            axis = len(like.sizes)
            parts = [reader.add("select", [x], like.sizes, {"index": index, "axis": axis}) for index in (0, 1)]
            numbers = [reader.aligned(other, like, _constant(reader, other, index)) for index in (0, 1)]
            made = [
                reader.add(op, [_times(reader, parts[0], numbers[index]), _times(reader, parts[1], numbers[1 - index])], like.sizes)
                for index, op in enumerate(("sub", "add"))
            ]  # fmt: skip
            wide = [reader.add("reshape", [part], (*like.sizes, 1), {"shape": (*like.sizes, 1)}) for part in made]
            return reader.add("concat", wide, x.sizes, {"axis": axis})
    return None


def _times(reader: Reader, x: Out, table: Out) -> Out:
    return reader.add("mul", [x, table], x.sizes)


def _constant(reader: Reader, value: Value, index: int) -> Out:
    """The real or imaginary numbers of a constant."""
    recipe = (reader.recipe(value), index)
    if recipe not in reader.constants:
        held = Value(CONSTANT, value.shape, call=value.call)
        held.sizes, held.axes, held.batch = value.sizes, value.axes, value.batch
        table = value.table
        held.table = None if table is None else lambda: _parts(table(), index)
        out = reader.add("constant", [], value.sizes or (1,), {"shape": value.sizes or (1,)})
        out.node.holds = held
        reader.constants[recipe] = out
    return reader.constants[recipe]


def _parts(item: Any, index: int) -> Any:
    if isinstance(item, list):
        return [_parts(one, index) for one in item]
    return complex(item).imag if index else complex(item).real
