"""The module that a name stands for, built on the meta device, so that it takes no memory for weights."""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError

# What PyTorch says where code asks a tensor without numbers for them.
_NUMBERS = r"Cannot copy out of meta|cannot be called on meta|_local_scalar_dense|nonzero|data-dependent|torch\.unique|masked_select"
# What a user's code may raise that is not ours: everything but an interrupt.
_RAISED = (Exception, SystemExit)


class Found:
    """A module and what is known of it.

    Attributes:
        name: for the spec; module: on the meta device; inputs: shapes with the batch, where they are known.
        real: builds it once more, with numbers.
    """

    def __init__(
        self, name: str, module: nn.Module, real: Callable[[], nn.Module], inputs: list[tuple[int, ...]] | None = None
    ) -> None:
        self.name = name
        self.module = module
        self.real = real
        self.inputs = inputs


def find(name: str, arguments: Mapping[str, str]) -> Found:
    """The module of a name. Raises `RequestError` if there is none, or if it cannot be built."""
    where, _, what = name.partition(":")
    given = {key: _value(text) for key, text in arguments.items()}
    if where == "timm":
        return _timm(what, given)
    if where == "torchvision":
        return _torchvision(what, given)
    return _named(name, where, what, given)


def _timm(what: str, given: dict[str, Any]) -> Found:
    timm = _package("timm", f"timm:{what}")
    if not timm.is_model(what):
        raise _unknown("timm", what, timm.list_models())
    module = _built(f"timm:{what}", timm.create_model, {"model_name": what, **given})
    size = getattr(module, "pretrained_cfg", {}).get("input_size") or (3, 224, 224)
    size = (getattr(module, "pretrained_cfg", {}).get("fixed_input_size") and size) or size
    return Found(
        what, module, lambda: _real(f"timm:{what}", timm.create_model, {"model_name": what, **given}), [(1, *size)]
    )


# What torchvision's models take, by the folder that they are in: channels first without the batch.
_TORCHVISION = {"segmentation": (3, 520, 520), "video": (3, 16, 224, 224), "optical_flow": (3, 360, 520)}


def _torchvision(what: str, given: dict[str, Any]) -> Found:
    models = _package("torchvision.models", f"torchvision:{what}")
    what, _, part = what.partition(".")
    if what not in models.list_models():
        raise _unknown("torchvision", what, models.list_models())
    builder = models.get_model_builder(what)
    names = inspect.signature(builder).parameters
    given = {**({"weights_backbone": None} if "weights_backbone" in names else {}), **given}
    module = _built(f"torchvision:{what}", builder, given)
    if part:
        return _part(f"torchvision:{what}", module, part, lambda: _real(what, builder, given).get_submodule(part))
    if ".detection." in builder.__module__:
        raise RequestError(
            f"what {what} detects depends on the numbers of an image: name a part, e.g. torchvision:{what}.backbone"
        )
    size: tuple[int, ...] = (3, 224, 224)
    for folder, usual in _TORCHVISION.items():
        if f".{folder}." in builder.__module__:
            size = usual
    size = _crop(models, what, size)
    count = 2 if "optical_flow" in builder.__module__ else 1
    return Found(what, module, lambda: _real(f"torchvision:{what}", builder, given), [(1, *size)] * count)


def _part(name: str, module: nn.Module, part: str, real: Callable[[], nn.Module]) -> Found:
    """A module inside a model, as the trunk of a detector."""
    parts = dict(module.named_modules())
    if part not in parts:
        near = suggest(part, [one for one in parts if one])
        raise RequestError(f"{name} has no part {part!r}" + (f": did you mean {near!r}?" if near else ""))
    return Found(part.replace(".", "_"), parts[part], real, [(1, 3, 800, 800)] if part == "backbone" else None)


def _crop(models: ModuleType, what: str, size: tuple[int, ...]) -> tuple[int, ...]:
    """The size that its published weights were trained for."""
    try:
        transform = next(iter(models.get_model_weights(what))).transforms()
        crop = getattr(transform, "crop_size", None)
    except _RAISED:
        return size
    if not crop or len(size) != 3 or size[1:] != (224, 224):
        return size
    high, wide = (crop[0], crop[-1]) if isinstance(crop, (list, tuple)) else (crop, crop)
    return (3, int(high), int(wide))


def _unknown(where: str, what: str, names: list[str]) -> RequestError:
    advice = suggest(what, names)
    return RequestError(f"{where} has no model {what!r}" + (f": did you mean {advice!r}?" if advice else ""))


def _named(name: str, where: str, what: str, given: dict[str, Any]) -> Found:
    home = _file(where) if where.endswith(".py") else _module(where, name)
    found: Any = home
    for part in what.split("."):
        if not hasattr(found, part):
            names = [other for other, one in vars(found).items() if callable(one) and not other.startswith("_")]
            advice = suggest(part, names)
            raise RequestError(f"{where} has no {part!r}" + (f": did you mean {advice!r}?" if advice else ""))
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        return Found(_plain(what), without_numbers(found), lambda: copy.deepcopy(found))
    if not callable(found):
        raise RequestError(f"{name!r} is a {type(found).__name__}: name a class or function that gives an nn.Module")
    return Found(_plain(what), _built(name, found, given), lambda: _real(name, found, given))


def _plain(what: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", what.rpartition(".")[2]).lower()


def _built(name: str, builder: Callable[..., Any], given: dict[str, Any]) -> nn.Module:
    """The module, on the meta device; where it asks its own numbers while it is built, those alone are real."""
    _check_arguments(name, builder, given)
    first: BaseException | None = None
    for place in (torch.device("meta"), _Skeleton()):
        try:
            with quiet(), place:
                module = builder(**given)
            break
        except _RAISED as error:
            if isinstance(error, (RequestError,)):
                raise
            first = first or error
    else:
        assert first is not None
        raise RequestError(f"{name!r} cannot be built: {told(first)}")
    if not isinstance(module, nn.Module):
        raise RequestError(f"{name!r} gives a {type(module).__name__}, not an nn.Module")
    return module


def _real(name: str, builder: Callable[..., Any], given: dict[str, Any]) -> nn.Module:
    """The same module with numbers."""
    try:
        with quiet():
            module: nn.Module = builder(**given)
    except _RAISED as error:
        raise RequestError(f"{name!r} cannot be built on the CPU: {told(error)}") from None
    return module


def without_numbers(module: nn.Module) -> nn.Module:
    """A copy on the meta device, made without copying what the weights hold."""
    memo: dict[int, Any] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(module, memo).to("meta")


class _Skeleton(torch.overrides.TorchFunctionMode):
    """Large tensors on the meta device; small ones that are made of numbers are as they are, so that they can be read."""

    _LEARNED = frozenset(("empty", "zeros", "ones", "rand", "randn", "full"))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in self._LEARNED and kwargs.get("device") is None:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)


def _check_arguments(name: str, builder: Callable[..., Any], given: dict[str, Any]) -> None:
    """Raises `RequestError` that names the arguments which are missing, and those that there are not."""
    try:
        parameters = inspect.signature(builder).parameters
    except (TypeError, ValueError):
        return
    kinds = inspect.Parameter
    any_name = any(one.kind is kinds.VAR_KEYWORD for one in parameters.values())
    names = [key for key, one in parameters.items() if one.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    for key in given:
        if key not in names and not any_name:
            advice = suggest(key, names)
            raise RequestError(f"{name!r} takes no {key!r}" + (f": did you mean {advice!r}?" if advice else ""))
    missing = [key for key in names if parameters[key].default is kinds.empty and key not in given]
    if missing:
        each = " ".join(f"--arg {key}=..." for key in missing)
        raise RequestError(f"{name!r} needs {', '.join(missing)}: {each}")


def _value(text: str) -> Any:
    """The value of `--arg`: a number, true, false, none, a list with commas, else a text."""
    words: dict[str, Any] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if text.startswith(("[", "(")) and text.endswith(("]", ")")):
        return [_value(one.strip()) for one in text[1:-1].split(",") if one.strip()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _module(where: str, name: str) -> ModuleType:
    """A module by its dotted name, also from the working directory, as `python -m` finds it."""
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    return _package(where, name)


def _file(path: str) -> ModuleType:
    """A file as a module; what lies beside it can be imported."""
    if not os.path.isfile(path):
        raise RequestError(f"cannot read {path!r}: there is no such file")
    folder, base = os.path.split(os.path.abspath(path))
    sys.path.insert(0, folder)
    found = importlib.util.spec_from_file_location(base[:-3].replace("-", "_"), path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    try:
        with quiet():
            found.loader.exec_module(module)
    except _RAISED as error:
        raise RequestError(f"{path!r} cannot be imported: {told(error)}") from None
    return module


def _package(where: str, name: str) -> ModuleType:
    """A package, imported. Raises `RequestError` with what to install."""
    declared: list[Any] = []
    while True:
        try:
            with quiet():
                return importlib.import_module(where)
        except ModuleNotFoundError as error:
            top = where.partition(".")[0]
            if error.name is not None and (where == error.name or where.startswith(f"{error.name}.")):
                if top in ("timm", "torchvision"):
                    raise RequestError(f"{name} needs the package {top}: pip install {top}") from None
                raise RequestError(f"{name}: there is no module {where!r} here, and none is installed") from None
            raise RequestError(f"{name!r} cannot be imported: {told(error)}") from None
        except RuntimeError as error:
            # torchvision of another build: its kernels are missing, which run nowhere on the meta device
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
        except _RAISED as error:
            raise RequestError(f"{name!r} cannot be imported: {told(error)}") from None


# Declarations hold for as long as they live.
_DECLARED: list[Any] = []


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Sends what foreign code prints to standard error, and drops its warnings."""
    import logging

    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def told(error: BaseException) -> str:
    """What an error of somebody's code says, with its place there."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if not path.startswith((os.path.dirname(torch.__file__), os.path.dirname(__file__), "<")):
            place = f" ({os.path.relpath(path) if path.startswith(os.getcwd()) else path}:{trace.tb_lineno})"
        trace = trace.tb_next
    text = " ".join(str(error).split())[:300]
    if isinstance(error, SystemExit):
        return f"it exits{place}"
    if re.search(_NUMBERS, text):
        return f"what it does depends on the numbers of a tensor, and only shapes are known{place}"
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"
