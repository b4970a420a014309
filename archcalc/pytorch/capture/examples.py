"""The inputs of a module: sizes that the user gives, or sizes that its first layer takes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from archcalc.advice import suggest
from archcalc.diagnostics import OptionNeededError, RequestError

_TYPES = {"float": torch.float32, "int": torch.long, "bool": torch.bool}
# What the first layer takes, with common sizes for the rest, the most common first.
_SPACE: dict[type[nn.Module], list[tuple[int, ...]]] = {
    nn.Conv1d: [(1024,), (16_000,), (128,)],
    nn.Conv2d: [(size, size) for size in (224, 32, 28, 64, 84, 128, 256, 96, 299, 384, 512)],
    nn.Conv3d: [(16, 112, 112), (16, 224, 224), (32, 32, 32), (64, 64, 64)],
}
_STEPS = (128, 64, 32, 16, 8, 256)
_MOST = 2**20


class Example:
    """One input: its name, its sizes without the batch, its type, and which axis of the tensor is the batch.

    A name with dots is that of an entry: `batch.image` of the dictionary `batch`, `pair.0` of the list `pair`.
    """

    def __init__(
        self,
        name: str,
        sizes: tuple[int, ...],
        dtype: torch.dtype = torch.float32,
        keyword: bool = False,
        batch_axis: int = 0,
    ) -> None:
        self.name = name
        self.sizes = sizes
        self.dtype = dtype
        self.keyword = keyword
        self.batch_axis = batch_axis

    def tensor(self, batch: int, device: str = "meta") -> torch.Tensor:
        """The tensor of a batch with this many samples."""
        sizes = (*self.sizes[: self.batch_axis], batch, *self.sizes[self.batch_axis :])
        if device == "meta":
            return torch.empty(sizes, dtype=self.dtype, device=device)
        if self.dtype is torch.float32:
            return torch.randn(sizes)
        return torch.zeros(sizes, dtype=self.dtype)


def gathered(named: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Tensors by the names of arguments; those with dots in their names are entries of dictionaries and lists."""
    found: dict[str, Any] = {}
    for name, tensor in named.items():
        *path, last = name.split(".")
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = tensor
    return {name: _listed(one) for name, one in found.items()}


def _listed(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    entries = {name: _listed(one) for name, one in item.items()}
    return list(entries.values()) if list(entries) == list(map(str, range(len(entries)))) else entries


def examples(
    module: nn.Module,
    given: Sequence[str],
    known: list[Example] | None,
    runs: Callable[[list[Example]], bool],
) -> tuple[list[Example], bool]:
    """The inputs of a module, and whether they are a guess. `known` are those of a library's model. Raises `RequestError`.

    A guess is the first of the common sizes with which the module runs, else the most common ones.
    """
    needed = _needed(module)
    if given:
        found = [_parsed(text, index) for index, text in enumerate(given)]
        names = list(inspect.signature(module.forward).parameters)
        for one in found:
            argument = one.name.partition(".")[0]
            if one.keyword and argument not in names:
                near = suggest(argument, names)
                raise RequestError(f"forward takes no {argument!r}" + (f": did you mean {near!r}?" if near else ""))
        whole = {one.name for one in found}
        for one in found:
            if "." in one.name and (over := whole & set(_above(one.name))):
                raise RequestError(
                    f"--input {over.pop()} is one tensor, and {one.name} an entry of it: give one of the two"
                )
        missing = needed[len([one for one in found if not one.keyword]) :]
        missing = [name for name in missing if name not in {one.name.partition(".")[0] for one in found}]
        if missing:
            raise RequestError(f"forward also needs {', '.join(missing)}: give each an --input {missing[0]}=SIZE")
        return found, False
    if known is not None:
        return known, False
    for name in needed:
        if (what := _several(module, name)) is not None:
            entry = "NAME" if what in ("dict", "mapping") else "0"
            raise OptionNeededError(f"{name} of forward is a {what}: --input {name}.{entry}=SIZE for each entry")
    if len(needed) > 1:
        each = " ".join(f"--input {name}=SIZE" for name in needed)
        raise OptionNeededError(
            f"forward needs {len(needed)} inputs: {each}, e.g. --input {needed[0]}=3x224x224, 128:int, or :int for one number"
        )
    return next((one for one in _guesses(module) if runs(one)), next(_guesses(module))), True


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _several(module: nn.Module, name: str) -> str | None:
    """What its annotation calls an argument that is not a tensor."""
    known = inspect.signature(module.forward).parameters
    told = str(known[name].annotation).lower() if name in known else ""
    kind = re.match(r"(?:<class ')?(?:typing\.)?(dict|mapping|list|sequence|tuple)\b", told)
    return None if kind is None else kind.group(1)


def _needed(module: nn.Module) -> list[str]:
    """The arguments that forward requires."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return ["input"]
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one.name for one in parameters if one.kind in plain and one.default is inspect.Parameter.empty]


def _parsed(text: str, index: int) -> Example:
    match = re.fullmatch(
        r"(?:([A-Za-z_]\w*(?:\.\w+)*)=)?((?:\d+|batch)(?:x(?:\d+|batch))*)?(?::(\w+))?", text, re.ASCII
    )
    if match is None or not text:
        raise RequestError(
            "--input takes sizes without the batch, e.g. 3x224x224 or tokens=128:int, or with `batch` in its place "
            f"where that isn't first, e.g. 35xbatch:int, not {text!r}"
        )
    name, sizes, kind = match.groups()
    axes = sizes.split("x") if sizes else []
    if axes.count("batch") > 1:
        raise RequestError(f"--input {text}: an input has one batch")
    if kind is not None and kind not in _TYPES:
        raise RequestError(f"--input has the types {', '.join(_TYPES)}, not {kind!r}")
    numbers = tuple(int(one) for one in axes if one != "batch")
    if any(not 1 <= one <= _MOST for one in numbers):
        raise RequestError(f"--input {text}: sizes are from 1 to {_MOST:,}")
    default = f"input{index}" if index else "input"
    batch = axes.index("batch") if "batch" in axes else 0
    return Example(name or default, numbers, _TYPES[kind or "float"], name is not None, batch)


def _guesses(module: nn.Module) -> Iterator[list[Example]]:
    """Inputs that the first layer takes, the most common sizes first."""
    dtype = torch.float32
    found: list[tuple[int, ...]] = [(3, *space) for space in _SPACE[nn.Conv2d]]
    for one in module.modules():
        if isinstance(one, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            found = [
                (one.in_channels, *space)
                for kind, spaces in _SPACE.items()
                if isinstance(one, kind)
                for space in spaces
            ]
        elif isinstance(one, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
            axes = len(one.kernel_size)
            found = [(one.in_channels, *(size,) * axes) for size in (1, 4, 7, 8, 16, 32)]
        elif isinstance(one, nn.Embedding):
            dtype, found = torch.long, [(steps,) for steps in _STEPS]
        elif isinstance(one, (nn.LSTM, nn.GRU, nn.RNN)):
            found = [(_STEPS[0], one.input_size)]
        elif isinstance(one, nn.MultiheadAttention):
            found = [(steps, one.embed_dim) for steps in _STEPS]
        elif isinstance(one, nn.Linear):
            images = [(3, *space) for space in _SPACE[nn.Conv2d]]  # some of these cut patches themselves
            found = [(one.in_features,), *((steps, one.in_features) for steps in _STEPS), *images]
        else:
            continue
        break
    for sizes in found:
        yield [Example("input", sizes, dtype)]
