"""Building a module on the meta device, by whatever code makes it; and that code's errors when it cannot."""

from __future__ import annotations

import contextlib
import copy
import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.opening import LIBRARIES
from archcalc.pytorch.capture.arguments import filled
from archcalc.pytorch.capture.examples import Example

# What PyTorch says when code asks a meta tensor for its numbers.
_NUMBERS = r"Cannot copy out of meta|cannot be called on meta|_local_scalar_dense|nonzero|data-dependent|torch\.unique|_unique2|bincount|masked_select"
# What PyTorch says about a function without a kernel for the meta device.
_NO_META = r"aten::([\w.]+): attempted to run this operator with Meta|Could not run '([\w:.]+)' .* '?Meta'? backend"
# Larger tables are weights by another name.
_MOST = 2**20
# What a user's code may raise: everything but an interrupt.
RAISED = (Exception, SystemExit)


class Endless(BaseException):
    """Raised inside code that does not end; no `except Exception` there catches it."""


class Found:
    """A module and what is known of it.

    Attributes:
        name: its name in the spec.
        module: the module on the meta device.
        inputs: what it is called with, if that is known.
        real: builds the module again, with numbers.
    """

    def __init__(
        self, name: str, module: nn.Module, real: Callable[[], nn.Module], inputs: list[Example] | None = None
    ) -> None:
        self.name = name
        self.module = module
        self.real = real
        self.inputs = inputs


def built(name: str, builder: Callable[..., Any], given: dict[str, Any]) -> nn.Module:
    """The module on the meta device, except for computed tables such as frequencies: these keep their numbers."""
    first: BaseException | None = None
    for place in (_Skeleton(), torch.device("meta")):
        try:
            with quiet(), place:
                module = builder(**filled(name, builder, given))
            break
        except RAISED as error:
            if isinstance(error, (RequestError,)):
                raise
            first = first or error
    else:
        assert first is not None
        raise RequestError(f"{name!r} cannot be built: {told(first)}")
    if not isinstance(module, nn.Module):
        raise RequestError(f"{name!r} gives a {type(module).__name__}, not an nn.Module")
    _without_weights(module)
    return module


def real(name: str, builder: Callable[..., Any], given: dict[str, Any]) -> nn.Module:
    """The same module with numbers."""
    try:
        with quiet():
            module: nn.Module = builder(**filled(name, builder, given))
    except RAISED as error:
        raise RequestError(f"{name!r} cannot be built on the CPU: {told(error)}") from None
    return module


def without_numbers(module: nn.Module) -> nn.Module:
    """A copy on the meta device, made without copying what the weights hold; small tables of its own keep their numbers."""
    memo: dict[int, Any] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
    for one in module.modules():
        for held in vars(one).values():  # PyTorch cannot copy these, for example the weight left by weight_norm's hook
            if isinstance(held, torch.Tensor) and not held.is_leaf:
                memo[id(held)] = torch.empty_like(held, device="meta")
    made = copy.deepcopy(module, memo).to("meta")
    for one, its in zip(module.modules(), made.modules()):
        if not type(one).__module__.startswith("torch.nn"):
            for name, buffer in one.named_buffers(recurse=False):
                if buffer.device.type == "cpu" and buffer.numel() <= _MOST:
                    its._buffers[name] = buffer.detach().clone()
    return made


class _Skeleton(torch.overrides.TorchFunctionMode):
    """Puts large tensors on the meta device; small computed ones stay as they are, so that they can be read."""

    _DRAWN = frozenset(("empty", "rand", "randn"))
    _FILLED = frozenset(("zeros", "ones", "full"))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in self._DRAWN | self._FILLED and kwargs.get("device") is None:
            made = func(*args, **{**kwargs, "device": "meta"})
            if name in self._DRAWN or made.numel() > _MOST:
                return made
        if name == "copy_" and _is_filled(*args):  # an empty buffer, filled later, such as a blur filter
            torch.utils.swap_tensors(args[0], args[1].expand_as(args[0]).to(args[0].dtype).clone())  # type: ignore[no-untyped-call]
            return args[0]
        return func(*args, **kwargs)


def _is_filled(tensor: Any, numbers: Any = None, *_: Any) -> bool:
    """Whether a small meta tensor that is not learned is about to be filled with `numbers`."""
    known = isinstance(numbers, torch.Tensor) and not numbers.is_meta
    return known and tensor.is_meta and not isinstance(tensor, nn.Parameter) and tensor.numel() <= _MOST


def _without_weights(module: nn.Module) -> None:
    """Moves learned tensors, and the buffers of PyTorch's own modules, to the meta device."""
    for one in module.modules():
        own = one.buffers(recurse=False) if type(one).__module__.startswith("torch.nn") else ()
        for tensor in (*one.parameters(recurse=False), *own):
            if not tensor.is_meta:
                empty = torch.empty_like(tensor, device="meta")
                learned = isinstance(tensor, nn.Parameter)
                new = nn.Parameter(empty, tensor.requires_grad) if learned else empty
                torch.utils.swap_tensors(tensor, new)  # type: ignore[no-untyped-call]


def library(where: str, name: str, has: str) -> ModuleType:
    """A library, imported; an attribute identifies it. Raises `RequestError` for a local file of the same name."""
    found = package(where, name)
    if not hasattr(found, has):
        place = getattr(found, "__file__", None) or where
        raise RequestError(f"{name} needs the package {where}, and {place!r} is another one of that name: rename it")
    return found


def package(where: str, name: str) -> ModuleType:
    """A package, imported. Raises `RequestError` with what to install."""
    declared: list[Any] = []
    while True:
        try:
            with quiet():
                return importlib.import_module(where)
        except ModuleNotFoundError as error:
            top = where.partition(".")[0]
            if error.name is not None and (where == error.name or where.startswith(f"{error.name}.")):
                if top in LIBRARIES:
                    raise RequestError(f"{name} needs the package {top}: pip install {top}") from None
                raise RequestError(f"{name}: there is no module {where!r} here, and none is installed") from None
            raise RequestError(f"{name!r} cannot be imported: {told(error)}") from None
        except RuntimeError as error:
            # torchvision of another build lacks its kernels, but nothing runs them on the meta device
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None or len(declared) > 40:
                raise RequestError(f"{name!r} cannot be imported: {told(error)}") from None
            library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            library.define(f"{missing[1]}(Tensor x) -> Tensor")  # type: ignore[no-untyped-call]
            declared.append(library)
            _DECLARED.append(library)
            for key in [
                key for key in sys.modules if key.partition(".")[0] in ("torchvision", where.partition(".")[0])
            ]:
                del sys.modules[key]
        except RAISED as error:
            raise RequestError(f"{name!r} cannot be imported: {told(error)}") from None


# Declarations last only as long as their object.
_DECLARED: list[Any] = []


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Redirects what foreign code prints to standard error, and drops its warnings."""
    import logging

    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def unchecked_distributions() -> Iterator[None]:
    """Distributions made inside do not check the numbers of their arguments."""
    base: Any = torch.distributions.Distribution
    before = base._validate_args
    base.set_default_validate_args(False)
    try:
        yield
    finally:
        base.set_default_validate_args(before)


@contextlib.contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Undo what a run leaves in its modules, such as tables that are computed once; nothing is trained."""
    kept = [
        (module, {key: copy.copy(one) if isinstance(one, (dict, list)) else one for key, one in vars(module).items()})
        for module in model.modules()
    ]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, attributes in kept:
            vars(module).clear()
            vars(module).update(attributes)
        for parameter in trained:
            parameter.requires_grad_(True)


def asks_numbers(error: BaseException) -> bool:
    """Whether an error says that code asked a meta tensor for its numbers."""
    try:
        return re.search(_NUMBERS, str(error)) is not None
    except Exception:  # text is made by code of its own
        return False


def told(error: BaseException) -> str:
    """An error of foreign code in words, with its place in that code."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if not path.startswith((os.path.dirname(torch.__file__), os.path.dirname(__file__), "<")):
            place = f" ({os.path.relpath(path) if path.startswith(os.getcwd()) else path}:{trace.tb_lineno})"
        trace = trace.tb_next
    try:
        text = " ".join(str(error).split())[:300]
    except Exception:  # text is made by code of its own
        text = ""
    if isinstance(error, SystemExit):
        return f"it exits{place}"
    if isinstance(error, Endless):
        return f"{text}{place}"
    if asks_numbers(error):
        return f"what it does depends on the numbers of a tensor, and only shapes are known{place}"
    if isinstance(error, NotImplementedError) and (missing := re.search(_NO_META, text)):
        return (
            f"PyTorch cannot tell the sizes of {missing[1] or missing[2]} without numbers{place}: import a module that does "
            "not call it, such as the network without its loss"
        )
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def unknown(where: str, what: str, names: list[str]) -> RequestError:
    """The error for a model that a library does not have."""
    advice = suggest(what, names)
    return RequestError(f"{where} has no model {what!r}" + (f": did you mean {advice!r}?" if advice else ""))
