"""One run of a module on the meta device: its calls, the modules around them, the tensors between them.

Calls are those of PyTorch's functions, such as `torch.conv2d` with its weight; what a function calls inside is not
seen. A module that PyTorch runs as one kernel, such as an LSTM, is one call. A tensor is known by its identity, and has
a new value after a call that changes it in place.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch._ops import OpOverload
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.weak import WeakIdKeyDictionary

from archcalc.pytorch.capture.bound import CALLS
from archcalc.pytorch.capture.building import Endless, unchecked_distributions, untouched
from archcalc.pytorch.capture.constants import Constants, check_channels, check_rows, kind_of, number_of, tensors
from archcalc.pytorch.capture.dropping import apart, idles, path_of
from archcalc.pytorch.capture.examples import gathered
from archcalc.pytorch.capture.functions import asks_cpu, asks_gradients, name_of
from archcalc.pytorch.capture.packing import Packing
from archcalc.pytorch.capture.shapes import RECURRENT, lengthened, normed, shortened, steps_of
from archcalc.pytorch.capture.writes import source_of, through
from archcalc.tracing.calls import (
    CONSTANT,
    DRAWING,
    INPUT,
    MADE,
    PARAMETER,
    Call,
    Number,
    Run,
    Scope,
    Value,
)

# Modules that are recorded as one call.
_ONE_CALL = (nn.MultiheadAttention, nn.LSTM, nn.GRU, nn.RNN)
# Calls that use a tensor only for its shape or type.
_FRESH = frozenset(
    ("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_empty",
     "new_full", "new_tensor", "zero")
)  # fmt: skip
# Calls that also write into their arguments, and calls that ask a tensor for its numbers.
_OWN = frozenset(("batch_norm", "instance_norm"))
_ASKING = frozenset(("bool", "int", "float", "index", "item", "tolist", "nonzero"))
_HERE = (__file__.rpartition("/")[0], torch.__path__[0])


def _value(source: str, tensor: torch.Tensor, name: str = "", call: Call | None = None) -> Value:
    return Value(source, tensor.shape, kind_of(tensor), name, call)


class Recorder(TorchFunctionMode):
    """Notes every call of PyTorch's functions while it is entered.

    Attributes:
        fixed: the tensors on the CPU that depend on no data, such as constants and computed weights.
        views: the tensors that these are views of.
        twins: stand-ins on the meta device for tensors on the CPU that something was written into.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.run = Run()
        self.names = {id(module): name for name, module in model.named_modules()}
        self.known: MutableMapping[torch.Tensor, Value] = WeakIdKeyDictionary()
        self.fixed: dict[Value, torch.Tensor] = {}
        self.views: MutableMapping[torch.Tensor, torch.Tensor] = WeakIdKeyDictionary()
        self.twins: MutableMapping[torch.Tensor, torch.Tensor] = WeakIdKeyDictionary()
        self.constants = Constants()
        self.scopes: list[Scope] = []
        self.inside = 0
        self.counter = FlopCounterMode(display=False)
        self.counted = self.further = 0
        self.counts = True
        self.packing = Packing(self._turned)
        for name, parameter in model.named_parameters():
            self._remember(parameter, _value(PARAMETER, parameter, name))
        for name, buffer in model.named_buffers():
            fixed = _value(CONSTANT, buffer, name)
            fixed.table = None if buffer.is_meta else buffer.tolist
            self._remember(buffer, fixed)

    def input(self, tensor: torch.Tensor, name: str) -> None:
        """Notes an input of the model."""
        value = _value(INPUT, tensor, name)
        self._remember(tensor, value)
        self.run.inputs.append(value)

    def value(self, tensor: torch.Tensor) -> Value:
        """The value of a tensor; one not seen before is a constant."""
        value = self.known.get(self.twins.get(tensor, tensor))
        if value is None:
            value = _value(CONSTANT, tensor)
            if tensor.device.type == "cpu":
                value.look, value.table = partial(number_of, tensor), tensor.tolist
            self._remember(tensor, value)
        return value

    def _remember(self, tensor: torch.Tensor, value: Value) -> None:
        self.known[tensor] = value
        if tensor.device.type == "cpu" and not value.of_data:
            self.fixed[value] = tensor

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if asks_gradients(func) or asks_cpu(func, args, kwargs):
            return args[0]  # nothing is trained here, and PyTorch's counter would track gradients
        if self.inside:
            steps = steps_of(args) if getattr(func, "__name__", "") in RECURRENT else 0
            return self._recurrent(func, args, steps) if steps > 2 else func(*args, **kwargs)
        asked = read = list(tensors((args, kwargs)))
        if _is_mixed(read) or any(one in self.twins for one in read):
            args, kwargs = self._on_meta(args), self._on_meta(kwargs)
            read = list(tensors((args, kwargs)))
        if isinstance(func, OpOverload) and not any(
            value.of_data or value.of_parameters for value in map(self.value, read)
        ):
            return func(*args, **kwargs)  # such as the calls of PyTorch's counter while torch.vmap makes a mask
        versions, before = [one._version for one in read], {id(one): self.known.get(one) for one in read}
        name = name_of(func)
        packed = self.packing.called(name, args)
        if packed is not None:
            return packed
        self.inside += 1
        try:
            if name == "embedding" and len(args) > 1 and self.value(args[0]).source == CONSTANT:
                check_rows(self.constants.filled(args[0]), args[1])
            if name.startswith("conv_transpose"):
                check_channels(*read[:2])
            if name in _ASKING and read and read[0].is_meta and self.value(read[0]).source == CONSTANT:
                args = self.constants.filled(args)
            out = normed(name, read, args, kwargs)
            if out is None:
                out = func(*args, **kwargs)
            idle = idles(name, args, kwargs, out)
            if idle and not kwargs.get("inplace"):
                out = apart(out)
        finally:
            self.inside -= 1
        changed = [one for one, version in zip(read, versions) if one._version != version and name not in _OWN]
        if idle and kwargs.get("inplace"):
            changed = [out]
        for one in changed:
            self.twins.update((old, one) for old, new in zip(asked, read) if new is one is not old)
        given = list(tensors(out))
        same = {id(one) for one in read}
        if not changed and not idle and all(id(one) in same for one in given):
            return out  # nothing, or the tensor unchanged
        outs = changed[:1] if not given or name in ("setitem", "copy") else given
        if name in ("getitem", "setitem") and type(args[1]) is list:  # the places along one axis
            args = (args[0], (args[1],), *args[2:])
        self._note(name, args, kwargs, outs)
        if changed:
            self._write_through(changed[0], before[id(changed[0])])
        else:
            self.views.update((one, source) for one in outs if (source := source_of(one, read)) is not None)
        if len(outs) == 1 and outs[0].is_meta and (made := self.value(outs[0])).source == CONSTANT:
            if DRAWING & set(name.split("_")) or "empty" in name:
                return out
            if not changed or changed[0] is outs[0] is read[0]:
                self.constants.note(func, args, kwargs, outs[0], bool(changed))
            version = outs[0]._version  # its numbers may be asked for later, after further writes
            made.table = partial(self._table, outs[0], version)
            made.look = partial(self._same, outs[0], version)
        return out

    def _write_through(self, view: torch.Tensor, before: Value | None) -> None:
        while (base := self.views.get(view)) is not None and (call := through(self.known, base, view, before)):
            view, before = base, self.known[base]
            self._note(*call, {}, [base])

    def _recurrent(self, func: Any, args: Any, steps: int) -> Any:
        """What a recurrent layer gives, and its count, over so many steps: all steps cost the same."""
        before = self.counter.get_total_flops()
        first = func(*shortened(args, 1))
        one = self.counter.get_total_flops() - before
        if self.counts:
            func(*shortened(args, 2))
            two = self.counter.get_total_flops() - before - one
            self.further += (steps - 1) * (two - one) - two
        return lengthened(first, args, steps)

    def total(self) -> int:
        """Multiply-accumulates so far."""
        return (self.counter.get_total_flops() + self.further) // 2

    def _table(self, tensor: torch.Tensor, version: int) -> Any:
        """The numbers of a constant on the meta device; None if unknown."""
        filled = self.constants.at(tensor, version)
        return None if filled is None else filled.tolist()

    def _same(self, tensor: torch.Tensor, version: int) -> Number | None:
        """The number that all elements of a constant on the meta device have."""
        filled = self.constants.at(tensor, version)
        return None if filled is None else number_of(filled)

    def _on_meta(self, item: Any) -> Any:
        if isinstance(item, torch.Tensor) and item in self.twins:
            return self.twins[item]
        if isinstance(item, torch.Tensor) and item.device.type == "cpu" and item.dim():
            known = self.value(item)
            self.inside += 1
            try:
                moved = item.to("meta")
            finally:
                self.inside -= 1
            self._remember(moved, known)
            if not known.of_data:
                self.constants.know(moved, item)
            return moved
        if isinstance(item, (tuple, list)) and type(item) in (tuple, list):
            return type(item)(self._on_meta(one) for one in item)
        if isinstance(item, dict):
            return {key: self._on_meta(one) for key, one in item.items()}
        return item

    def _note(
        self, name: str, args: Any, kwargs: Any, given: list[torch.Tensor], module: nn.Module | None = None
    ) -> None:
        if len(self.run.calls) == CALLS:
            raise Endless(f"it calls PyTorch more than {CALLS:,} times")
        call = Call(name, self._valued(args), self._valued(kwargs), self.scopes[-1], _place())
        call.module = module
        if self.counts:
            total = self.total()
            call.macs, self.counted = total - self.counted, total
        read = [] if name in _FRESH else list(call.values())
        learned = module is not None and any(True for _ in module.parameters())
        for index, tensor in enumerate(given):
            value = _value(MADE, tensor, call=call)
            value.index = index
            value.of_data = any(one.of_data for one in read)
            value.of_parameters = learned or any(one.of_parameters for one in read)
            if not value.of_data and not value.of_parameters:
                value.source = CONSTANT
                if tensor.device.type == "cpu":
                    value.look, value.table = partial(number_of, tensor), tensor.tolist
            self._remember(tensor, value)
            call.outs.append(value)
        self.run.calls.append(call)

    def _valued(self, item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            return self.value(item)
        if isinstance(item, (tuple, list)):
            return [self._valued(one) for one in item]
        if isinstance(item, dict):
            return {key: self._valued(one) for key, one in item.items()}
        return item

    @contextmanager
    def modules(self) -> Iterator[None]:
        """Follows which module runs."""
        before = hooks.register_module_forward_pre_hook(self._enter)
        after = hooks.register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
        try:
            yield
        finally:
            before.remove()
            after.remove()
            # PyTorch 2.13 leaves this entry behind, and `torch.compile` warns of global hooks while there is one.
            hooks._global_forward_hooks_with_kwargs.pop(after.id, None)

    def _enter(self, module: nn.Module, args: Any) -> Any:
        parent = self.scopes[-1] if self.scopes else None
        self.scopes.append(Scope(parent, self.names.get(id(module), ""), type(module).__name__))
        if not isinstance(module, _ONE_CALL):
            return None
        args = self.packing.unpacked(module, args) or args
        args = self._on_meta(args) if _is_mixed(list(tensors(args))) else args
        self.inside += 1
        return args

    def _turned(self, tensor: torch.Tensor) -> torch.Tensor:
        self.inside += 1
        turned = tensor.transpose(0, 1)
        self.inside -= 1
        self._note("transpose", (tensor, 0, 1), {}, [turned])
        return turned

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
        self.scopes.pop()
        if isinstance(module, _ONE_CALL):
            self.inside -= 1
            if not self.inside:
                scope = self.scopes
                self.scopes = [
                    *scope,
                    Scope(scope[-1] if scope else None, self.names.get(id(module), ""), type(module).__name__),
                ]
                self._note(type(module).__name__, args, kwargs, list(tensors(out)), module)
                self.scopes = scope
            return self.packing.repacked(module, out)
        if not self.inside and self.scopes:
            unseen = [one for one in tensors(out) if one not in self.known]
            if unseen:  # made by code that does not dispatch, such as a scripted function
                self._note(type(module).__name__, args, kwargs, unseen, module)
            elif chance := path_of(module, args, out):
                self.inside += 1
                kept = apart(out)
                self.inside -= 1
                self._note("drop_path", (out, chance), {}, [kept])
                self.views[kept] = out
                return kept
        return None


def _is_mixed(read: list[torch.Tensor]) -> bool:
    """Whether real and meta tensors are mixed: real ones are made where the module's code names no device."""
    return any(one.device.type == "meta" for one in read) and any(
        one.device.type == "cpu" and one.dim() for one in read
    )


def _place() -> tuple[str, int]:
    """File and line of the nearest caller that is neither PyTorch nor this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


# An input: its name, what it holds, and whether it is passed by name.
Given = tuple[str, torch.Tensor, bool]


class Recorded:
    """A run, and the real tensors that it held.

    Attributes:
        run: its calls.
        out: the module's output.
        fixed: tensors that depend on no data, by their value.
    """

    def __init__(self, run: Run, out: Any, fixed: Mapping[Value, torch.Tensor]) -> None:
        self.run = run
        self.out = out
        self.fixed = fixed


def record(model: nn.Module, inputs: list[Given], count: bool = True) -> Recorded:
    """Runs a model once and notes what it does.

    With `count`, PyTorch's counter runs too, which takes most of the time.
    """
    recorder = Recorder(model)
    recorder.counts = count
    for name, tensor, _ in inputs:
        recorder.input(tensor, name.replace(".", "_"))
    with untouched(model):
        out = _called(recorder, model, inputs)
    return Recorded(recorder.run, out, recorder.fixed)


def _called(recorder: Recorder, model: nn.Module, inputs: list[Given]) -> Any:
    plain = [tensor for _, tensor, keyword in inputs if not keyword]
    named = gathered({name: tensor for name, tensor, keyword in inputs if keyword})
    math = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    counter = recorder.counter if recorder.counts else nullcontext()
    with torch.no_grad(), math, unchecked_distributions(), recorder.modules(), counter, recorder:
        out = model(*plain, **named)
    recorder.run.macs, recorder.run.packed = recorder.total(), recorder.packing.is_used
    recorder.run.outputs = [(name, recorder.value(one)) for name, one in by_name(out)]
    return out


def by_name(item: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of an output with names for them, in order."""
    if isinstance(item, torch.Tensor):
        yield name, item
    elif isinstance(item, (tuple, list)):
        for index, one in enumerate(item):
            yield from by_name(one, f"{name}{index}" if not name else f"{name}_{index}")
    elif isinstance(item, dict):
        for key, one in item.items():
            yield from by_name(one, f"{name}_{key}" if name else str(key))
    elif hasattr(item, "__dict__") and not isinstance(item, type):
        for key, one in vars(item).items():
            yield from by_name(one, f"{name}_{key}" if name else str(key))
