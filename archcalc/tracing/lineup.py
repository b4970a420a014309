"""Two runs with different batch sizes, call by call: which axis is the batch, and what one sample has.

An axis whose size grows with the batch is the batch, by itself or joined in front of another axis: of
[batch·windows, 49, 96] one sample has [windows, 49, 96]. Everything else is constant.

What combines samples of the batch, such as the product of two towers or the mean of a loss, has no meaning for one
sample: it is left out, and its inputs become outputs instead.
"""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.tracing.calls import CONSTANT, FLOAT, MADE, Call, Run, Value

# Batch sizes of the two runs; they have no common factor.
BATCHES = (2, 3)


def line_up(first: Run, second: Run) -> None:
    """Set the sizes of one sample for each value of the first run. Raises `RequestError` if the runs differ."""
    if len(first.calls) != len(second.calls):
        raise RequestError(
            f"it runs differently for {BATCHES[0]} and {BATCHES[1]} samples: "
            f"{len(first.calls)} and {len(second.calls)} operations"
        )
    seen: set[int] = set()
    for one, other in zip(first.calls, second.calls):
        if one.name != other.name:
            raise RequestError(
                f"it runs differently for {BATCHES[0]} and {BATCHES[1]} samples: "
                f"`{one.name}` and `{other.name}` at {told(one)}"
            )
        if any(value.across for value in one.values()):
            _across(one, first)
            continue
        if any(_is_squared(mine, its) for mine, its in zip(one.outs, other.outs)):
            outs, theirs = [], []
            _across(one, first)
        else:
            outs, theirs = one.outs, other.outs
        for mine, its in zip([*one.values(), *outs], [*other.values(), *theirs]):
            if id(mine) not in seen:
                seen.add(id(mine))
                _compare(mine, its, one)
        if any(out.batch is not None for out in one.outs):
            one.macs //= BATCHES[0]
    for mine, its in zip(first.inputs, second.inputs):
        if id(mine) not in seen:
            _compare(mine, its, None)
    _end(first)


def _is_squared(mine: Value, its: Value) -> bool:
    """Whether two axes grow with the batch."""
    few, many = BATCHES
    grown = [size for size, other in zip(mine.shape, its.shape) if size != other and size * many == other * few]
    return mine.of_data and len(grown) > 1


def _across(call: Call, run: Run) -> None:
    for out in call.outs:
        out.across = True
    run.across.append(call)


def _end(run: Run) -> None:
    """What follows once the batch is gone, for example after a mean, is across samples unless samples read it again."""
    ends = {id(value) for _, value in run.outputs}
    read: dict[int, list[Call]] = {}
    for call in run.calls:
        for value in call.values():
            read.setdefault(id(value), []).append(call)
    left = {id(call) for call in run.across}
    for call in reversed(run.calls):
        given = [out for out in call.outs if out.of_data]
        if not given or id(call) in left or any(out.batch is not None for out in given):
            continue
        users = [user for out in call.outs for user in read.get(id(out), ())]
        used = users or any(id(out) in ends for out in call.outs)
        if used and all(id(user) in left for user in users):
            left.add(id(call))
            _across(call, run)
    if run.across:
        run.outputs = _before(run)


def _before(run: Run) -> list[tuple[str, Value]]:
    """The outputs of samples, and what is read by calls that combine samples."""
    found = {id(value): (name, value) for name, value in run.outputs if not value.across}
    for call in run.across:
        for value in call.values():
            if value.of_data and not value.across and value.source == MADE and value.kind == FLOAT:
                found.setdefault(id(value), (value.call.scope.name if value.call else "", value))
    return list(found.values())


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
                f"that does not grow in proportion to the batch{where}"
            )
        mine.batch = axis
        if size == few:
            axes.append(None)
        else:
            axes.append(len(sizes))
            sizes.append(size // few)
    mine.sizes, mine.axes = tuple(sizes), axes
    if mine.source == CONSTANT and mine.batch is not None:
        mine.table = None  # a number that is the same everywhere applies to each sample
