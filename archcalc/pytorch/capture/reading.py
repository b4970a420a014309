"""From a name or a module to the text of a spec."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import nn

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.bound import EndlessError, bounded
from archcalc.pytorch.capture.building import asks_numbers, quiet, told
from archcalc.pytorch.capture.examples import Example, examples
from archcalc.pytorch.capture.finding import find
from archcalc.pytorch.capture.lengths import open_lengths
from archcalc.pytorch.capture.record import record
from archcalc.tracing.calls import Run
from archcalc.tracing.lineup import BATCHES, line_up
from archcalc.tracing.telling import Telling, tell


class Reading(Telling):
    """A module that has been read.

    Attributes:
        module, inputs: what was run.
        run: the calls of the run.
        guessed: whether the inputs are a guess.
        real: builds the module with numbers.
    """

    def __init__(self, telling: Telling, module: nn.Module, inputs: list[Example], run: Run) -> None:
        super().__init__(telling.spec, telling.text, telling.comparison, telling.graph, telling.is_flat, telling.order)
        self.module = module
        self.inputs = inputs
        self.run = run
        self.guessed = False
        self.real: Callable[[], nn.Module] | None = None


def read(
    name: str, inputs: Sequence[str] = (), arguments: Mapping[str, str] | None = None, train: bool = False
) -> Reading:
    """The spec of what a name stands for. Raises `RequestError` that says what to do."""
    found = find(name, arguments or {})
    with bounded(name, "cannot be run"):
        given, guessed = examples(found.module, inputs, found.inputs, partial(_is_run, found.module))
    try:
        reading = read_module(found.module, given, found.name, train, f"From {name}, as archcalc import reads it.")
    except EndlessError:
        raise
    except RequestError as error:
        with bounded(name, "cannot be run"):
            entries = _as_list(found.module, given)
        if entries is not None:
            raise RequestError(f"{error}; it runs with a list of tensors: {entries} for each") from None
        if not guessed:
            raise
        guess = "x".join(map(str, given[0].sizes)) + (":int" if given[0].dtype is torch.long else "")
        raise RequestError(
            f"{error}; the input is a guess, --input {guess}: `archcalc import {name}` takes another --input"
        ) from None
    reading.guessed, reading.real = guessed, found.real
    return reading


def _as_list(module: nn.Module, given: list[Example]) -> str | None:
    """The option for an entry, if a module that takes one argument does not run with a tensor but with a list of one."""
    names = list(inspect.signature(module.forward).parameters)
    if len(given) != 1 or "." in given[0].name or not names or _is_run(module, given):
        return None
    (one,) = given
    name = one.name if one.keyword else names[0]
    entry = Example(f"{name}.0", one.sizes, one.dtype, True, one.batch_axis)
    size = "x".join(map(str, one.sizes)) + (":int" if one.dtype is torch.long else "")
    return f"--input {entry.name}={size}" if _is_run(module, [entry]) else None


# What to do if the samples of a batch do not go the same way, and the module takes no steps.
_APART = (
    "what it takes has the batch first. A module that takes a list of tensors gets --input NAME.0=SIZE --input "
    "NAME.1=SIZE, with the name that forward gives it"
)


def _is_run(module: nn.Module, inputs: list[Example]) -> bool:
    try:
        with quiet():
            record(module.eval(), [(one.name, one.tensor(BATCHES[0]), one.keyword) for one in inputs], count=False)
    except (Exception, SystemExit):
        return False
    return True


def read_module(module: nn.Module, inputs: list[Example], name: str, train: bool, *comments: str) -> Reading:
    """The spec of a module that is on the meta device."""
    reading = _at(module, inputs, name, train, comments)
    if not reading.run.packed:
        open_lengths(reading, inputs, lambda other: _at(module, other, name, train, comments))
    return reading


def _at(module: nn.Module, inputs: list[Example], name: str, train: bool, comments: Sequence[str]) -> Reading:
    """Its spec with the sizes of its inputs as numbers."""
    first, second = runs(module, inputs, name, train)
    turned = _turned(first, second, inputs)
    try:
        line_up(first, second)
    except RequestError as error:
        raise RequestError(f"{error}; {turned or _APART}") from None
    numbers = {one: parameter.numel() for one, parameter in module.named_parameters()}
    reading = Reading(tell(name, first, numbers, comments, "PyTorch"), module, inputs, first)
    if turned is not None:
        reading.comparison.notes.append(f"{turned[0].upper()}{turned[1:]}.")
    return reading


def _turned(first: Run, second: Run, inputs: list[Example]) -> str | None:
    """What to do if a module that takes steps first gets the batch first; None if none does."""
    for one, other in zip(first.calls, second.calls):
        x = next(one.values(), None)
        if getattr(one.module, "batch_first", True) or x is None or len(x.shape) != 3:
            continue
        its = next(other.values(), None)
        if its is None or (x.shape[0], its.shape[0]) != BATCHES or x.shape[1:] != its.shape[1:]:
            continue
        long = next((given for given in inputs if given.sizes and not given.batch_axis), None)
        if long is None:
            return None
        steps, *rest = map(str, long.sizes)
        size = "x".join((steps, "batch", *rest)) + (":int" if long.dtype is torch.long else "")
        asked = f"--input {f'{long.name}=' if long.keyword else ''}{size}"
        return (
            f"the steps of `{one.scope.name or one.scope.kind}` are samples of the batch: {asked} says where the batch is, "
            "or the module lacks batch_first=True"
        )
    return None


def _advice(module: nn.Module, error: BaseException) -> str:
    """What to do if a module's control flow depends on the numbers of a tensor."""
    if not asks_numbers(error):
        return ""
    for name, part in module.named_modules():
        if isinstance(part, nn.ModuleList) and len(part) > 1 and "expert" in name.rpartition(".")[2].lower():
            return (
                f"; `{name}` is a mixture of experts, each for the tokens that are sent to it: import one of them, "
                f"and say the mixture as `moe: {{experts: {len(part)}, top_k: ..., layers: [...]}}`"
            )
    return "; torch.where in place of a branch, and a mask in place of picking, leave shapes as they are"


def runs(module: nn.Module, inputs: list[Example], name: str, train: bool) -> tuple[Run, Run]:
    """A module run at two batch sizes. Raises `RequestError` with the module's own error."""
    before = module.training
    modes = {one: one.training for one in module.modules()}
    module.train(train)
    done: list[Run] = []
    try:
        with bounded(name, "cannot be run"):
            for batch in BATCHES:
                try:
                    with quiet():
                        given = [(one.name, one.tensor(batch), one.keyword) for one in inputs]
                        done.append(record(module, given, not done).run)
                except (Exception, SystemExit) as error:
                    raise RequestError(f"{name!r} cannot be run: {told(error)}{_advice(module, error)}") from None
    finally:
        module.train(before)
        for one, mode in modes.items():
            one.training = mode
    return done[0], done[1]
