"""Two runs with different batches, call by call: which axis is the batch's, and what one sample has.

An axis whose size grows as the batch does is the batch, by itself or with another axis in front of which it was joined:
of [batch·windows, 49, 96] one sample has [windows, 49, 96]. Everything else is constant.
"""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.tracing.calls import CONSTANT, Call, Run, Value

# Batches of the two runs, which have no factor in common.
BATCHES = (2, 3)


def line_up(first: Run, second: Run) -> None:
    """Says for each value of the first run what one sample has. Raises `RequestError` where the runs differ."""
    if len(first.calls) != len(second.calls):
        raise RequestError(
            f"it does not do the same for {BATCHES[0]} and {BATCHES[1]} samples: "
            f"{len(first.calls)} and {len(second.calls)} operations"
        )
    seen: set[int] = set()
    for one, other in zip(first.calls, second.calls):
        if one.name != other.name:
            raise RequestError(
                f"it does not do the same for {BATCHES[0]} and {BATCHES[1]} samples: "
                f"`{one.name}` and `{other.name}` at {told(one)}"
            )
        for mine, its in zip([*one.values(), *one.outs], [*other.values(), *other.outs]):
            if id(mine) not in seen:
                seen.add(id(mine))
                _compare(mine, its, one)
        if any(out.batch is not None for out in one.outs):
            one.macs //= BATCHES[0]
    for mine, its in zip(first.inputs, second.inputs):
        if id(mine) not in seen:
            _compare(mine, its, None)


def told(call: Call) -> str:
    """Where a call stands, for messages."""
    file, line = call.place
    scope = f"{call.scope.kind} `{call.scope.name}`, " if call.scope.name else ""
    return f"{scope}{file}:{line}"


def _compare(mine: Value, its: Value, call: Call | None) -> None:
    if len(mine.shape) != len(its.shape):
        raise RequestError(f"the rank of a tensor depends on the batch: `{call.name if call else 'input'}`")
    sizes: list[int] = []
    axes: list[int | None] = []
    few, many = BATCHES
    for axis, (size, other) in enumerate(zip(mine.shape, its.shape)):
        if size == other:
            axes.append(len(sizes))
            sizes.append(size)
            continue
        if size * many != other * few or mine.batch is not None:
            where = f" at {told(call)}" if call else ""
            name = f"`{call.name}`" if call else "an input"
            raise RequestError(
                f"{name} has {list(mine.shape)} for {few} samples and {list(its.shape)} for {many}: "
                f"that is not as many times one sample{where}"
            )
        mine.batch = axis
        if size == few:
            axes.append(None)
        else:
            axes.append(len(sizes))
            sizes.append(size // few)
    mine.sizes, mine.axes = tuple(sizes), axes
    if mine.source == CONSTANT and mine.batch is not None:
        mine.table = None  # one number everywhere is that of each sample
