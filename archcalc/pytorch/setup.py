"""What a measurement runs on and how: device, type, threads, optimizer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from archcalc.diagnostics import RequestError
from archcalc.pytorch.timing import Budget

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Setup:
    """What to run, and how."""

    device: str = "cpu"
    dtype: str = "fp32"
    train: bool = False
    optimizer: str = "sgd"
    compiled: bool = False
    channels_last: bool = False
    threads: int | None = None
    seed: int = 0
    budget: Budget = field(default_factory=Budget)

    @property
    def width(self) -> int:
        """Bytes of one element."""
        return torch.empty((), dtype=DTYPES[self.dtype]).element_size()


def find_device(name: str) -> torch.device:
    """The device called `name`. Raises `RequestError` with what to do when it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
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


@contextlib.contextmanager
def applied(setup: Setup, device: torch.device) -> Iterator[None]:
    """Threads, matrix precision and the current GPU for the run, as they were before after it."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    cudnn = torch.backends.cudnn.allow_tf32
    try:
        if setup.threads is not None:
            torch.set_num_threads(setup.threads)
        torch.set_float32_matmul_precision("high" if setup.dtype == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = setup.dtype == "tf32"
        with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = cudnn
