"""What a measurement runs on, and how: device, type, threads, optimizer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from archcalc.devices import Device, is_file, names
from archcalc.diagnostics import RequestError
from archcalc.layers.normalization import GroupNorm
from archcalc.memory.how import how
from archcalc.network.gradients import backward
from archcalc.network.load import Graph
from archcalc.pytorch.needs import mappable_bytes
from archcalc.pytorch.timing import Budget
from archcalc.running import Running
from archcalc.running.declaration import (
    CHANNELS_LAST,
    COMPILED,
    EFFICIENT,
    FLASH,
    INFERENCE,
    MATH,
    TRAIN,
)
from archcalc.running.precisions import Precision
from archcalc.running.refusals import measurable

DTYPES = {
    "fp64": torch.float64, "fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16
}  # fmt: skip
_KERNELS = {FLASH: SDPBackend.FLASH_ATTENTION, EFFICIENT: SDPBackend.EFFICIENT_ATTENTION, MATH: SDPBackend.MATH}
# What a process takes before its first tensor: the driver's context and libraries.
_CONTEXT_BYTES = 500 * 2**20
# No machine gains by more threads than this, or than its processors; each takes a stack, and room for what it allocates.
_MOST_THREADS, _THREAD_BYTES = 1024, 72 * 2**20


@dataclass(frozen=True)
class Setup:
    """What to run, how, and how long to measure.

    Attributes:
        said: how to run it, as far as it was specified; by default at inference.
        device: its name in PyTorch.
    """

    said: Running = field(default_factory=Running)
    device: str = "cpu"
    seed: int = 0
    budget: Budget = field(default_factory=Budget)

    def how(self, graph: Graph) -> Running:
        """How a network is run, with this machine's defaults. Raises `RequestError` for what cannot be measured."""
        device = torch.device(self.device)
        said = self.said.also(device=None)
        if device.type == "cpu" and not said.threads:
            said = said.also(threads=torch.get_num_threads())
        found = how(graph, said, self.mode, _chip(device) if device.type == "cuda" else None)
        measurable(found)
        if found.memory_format == CHANNELS_LAST and self.train:
            _check_norms(graph)
        return found

    @property
    def mode(self) -> str:
        """The mode that is run."""
        return self.said.mode or INFERENCE

    @property
    def train(self) -> bool:
        """Whether it is a training step."""
        return self.mode == TRAIN

    @property
    def types(self) -> Precision:
        """The types that are used."""
        return self.said.types

    @property
    def compiled(self) -> bool:
        """Whether torch.compile is used."""
        return self.said.execution == COMPILED

    @property
    def channels_last(self) -> bool:
        """Memory format of images."""
        return self.said.memory_format == CHANNELS_LAST

    @property
    def width(self) -> int:
        """Bytes of one element of a parameter."""
        return self.types.width

    def computing(self) -> contextlib.AbstractContextManager[object]:
        """The context around forward and loss: autocast, if asked for, and the attention kernel."""
        stack = contextlib.ExitStack()
        if self.types.autocast:
            stack.enter_context(torch.autocast(torch.device(self.device).type, DTYPES[self.types.computes]))
        if self.said.attention in _KERNELS:
            stack.enter_context(sdpa_kernel(_KERNELS[self.said.attention]))
        return stack


def _chip(device: torch.device) -> Device:
    """What is known about the GPU at hand, as far as memory and defaults depend on it."""
    found = torch.cuda.get_device_properties(device)
    types = ("bf16", "fp16", "tf32", "fp32") if found.major >= 8 else ("fp16", "fp32")
    return Device(
        "cuda", found.name, "gpu", found.total_memory, _CONTEXT_BYTES, 1.0, dict.fromkeys(types, 1.0),
        found.multi_processor_count, "PyTorch",
    )  # fmt: skip


def _check_norms(graph: Graph) -> None:
    """Raise `RequestError` for a group norm on which PyTorch 2.13 ends the process by a segmentation fault.

    Its backward pass for channels last writes the input's gradient even where none is needed.
    """
    for one in backward(graph):
        layer, inputs = one.node.layer, one.node.inputs
        if isinstance(layer, GroupNorm) and one.node.learns_itself and not one.needs[0] and inputs[0].rank == 3:
            raise RequestError(
                f"{one.node.id}: PyTorch crashes in the backward pass of a `groupnorm` with channels last whose input "
                "needs no gradient: leave out --memory-format"
            )


def find_device(name: str) -> torch.device:
    """The device called `name`. Raises `RequestError` with what to do if it is not available."""
    try:
        device = torch.device(name)
    except RuntimeError:
        if is_file(name) or name in names():
            raise RequestError(
                f"{name} is not a device of this machine, where this is measured: use cpu, cuda, cuda:1 or mps; what "
                "`archcalc calibrate` has measured here is predicted beside it"
            ) from None
        raise RequestError(f"no device is named {name!r}: use cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda":
        if torch.version.cuda is None:
            raise RequestError("this PyTorch is built for the CPU only: install a CUDA build, or use --device cpu")
        if not torch.cuda.is_available():
            raise RequestError("PyTorch finds no CUDA device: check the driver, or use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise RequestError(
                f"there is no {name}: this machine has {torch.cuda.device_count()} CUDA devices, from cuda:0"
            )
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise RequestError("this machine has no MPS device: use --device cpu")
    elif device.type not in ("cpu", "mps"):
        raise RequestError(f"{device.type} is not supported: use cpu, cuda, cuda:1 or mps")
    return device


def device_name(device: torch.device) -> str:
    """What people call the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


def _check_threads(count: int) -> None:
    """Raise `RequestError` for more threads than the machine starts: the library that does ends the whole program."""
    most = max(_MOST_THREADS, os.cpu_count() or 1)
    if count > most:
        raise RequestError(f"--threads {count}: this machine has {os.cpu_count()} processors; use {most} at most")
    mappable = mappable_bytes()
    if mappable is not None and count * _THREAD_BYTES > mappable:
        raise RequestError(
            f"--threads {count}: the limit of this process's memory leaves room for {mappable // _THREAD_BYTES}"
        )


@contextlib.contextmanager
def applied(setup: Setup, device: torch.device) -> Iterator[None]:
    """Sets threads, matrix precision and the current GPU for the run, and restores them after it."""
    _check_threads(setup.said.threads or 1)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    cudnn = torch.backends.cudnn.allow_tf32
    try:
        if setup.said.threads:
            torch.set_num_threads(setup.said.threads)
        torch.set_float32_matmul_precision("high" if setup.types.computes == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = setup.types.computes == "tf32"
        with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = cudnn
