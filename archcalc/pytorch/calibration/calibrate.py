"""A calibration from start to end: layers are drawn and measured until the time is up, then the fit is made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import torch

from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph
from archcalc.prediction.operations import operations
from archcalc.pytorch.calibration import machine, preflight
from archcalc.pytorch.calibration.device_file import Conditions, Measured, Rates, device_of
from archcalc.pytorch.calibration.draw import draw, is_measurable
from archcalc.pytorch.calibration.measure import Stopwatch, measure
from archcalc.pytorch.calibration.sample import Sample
from archcalc.pytorch.calibration.steps import step_coefficients
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.setup import Setup, applied, find_device
from archcalc.running import Running

# At least this many layers are measured if the time allows: fewer leave coefficients unstable.
ENOUGH = 160
# With fewer than this there is no fit at all.
LEAST = 40
# One run of a layer may take this share of the layer's time, so that there are several runs.
_SHARE = 1 / 12
# When less than the first share of the planned time is left for each layer, the rest get less, but at least the second.
_LATE, _LEAST_SHARE = 3 / 4, 1 / 8
# Bytes of the largest layer: GPUs fill memory in no time, and a language model's layer takes a few hundred megabytes.
_LARGEST_BYTES = {"cpu": 1e8, "cuda": 1e9}
# What PyTorch says where it has no kernel for the layer's type on this device, and where it has no memory.
_NOT_WRITTEN = "not implemented"
_NO_MEMORY = ("out of memory", "can't allocate")
# The share of the time that goes to optimizers.
_STEPS_SHARE = 0.03


@dataclass(frozen=True)
class Request:
    """What to calibrate.

    Attributes:
        seconds: how long to measure; the fit comes after.
        name: what to call the device.
        most: how many layers to measure at most.
        avoid: layers not to measure.
    """

    device: str = "cpu"
    dtype: str = "fp32"
    threads: int = 1
    seconds: float = 60.0
    seed: int = 0
    name: str = "cpu"
    most: int = 600
    avoid: Collection[Sample] = field(default=())


@dataclass(frozen=True)
class Calibration:
    """A device with its calibration, and what happened on the way."""

    device: Device
    measured: Sequence[Measured]
    seconds: float
    interrupted: bool

    def remarks(self) -> list[str]:
        """Notes on how it went."""
        found = len(self.measured)
        if self.interrupted:
            return [f"interrupted: fitted to the {found} layers measured so far"]
        if found < ENOUGH:
            return [
                f"{found} layers were measured: below {ENOUGH} coefficients are unstable; raise --time and --layers"
            ]
        return []


def calibrate(
    request: Request, graphs: Sequence[Graph] = (), progress: Callable[[float, str], None] = lambda share, what: None
) -> Calibration:
    """Measure layers of `graphs` and variations of them, and fit the device's coefficients.

    Args:
        request: what to measure on, and for how long.
        graphs: networks to draw layers from; if empty, layers of common networks.
        progress: called with the share of the time used and the name of what is being measured.

    Raises:
        RequestError: the device does not exist, or too few layers were measured, or would be.
    """
    device = find_device(request.device)
    if request.most < LEAST:
        raise RequestError(f"--layers {request.most} is too few: a fit needs {LEAST}")
    setup = Setup(Running(precision=request.dtype, threads=request.threads), request.device, request.seed)
    start = time.perf_counter()
    found: list[Measured] = []
    interrupted = False
    with applied(setup, device):
        preflight.keep_freed_memory()
        torch.set_flush_denormal(True)
        torch.manual_seed(request.seed)
        watch = Stopwatch(device, request.threads)
        progress(0.0, "matrix products and copies")
        with _enough_memory():
            peak, bandwidth = machine.peak_flops(device, request.dtype, watch), machine.bandwidth(device, watch)
            if time.perf_counter() - start >= request.seconds:
                raise _too_few(0)
            progress(0.0, "steps of optimizers")
            steps = step_coefficients(device, request.dtype, watch, _STEPS_SHARE * request.seconds)
        rates = Rates(peak, bandwidth, steps)
        try:
            for one in _measurements(request, time.perf_counter() - start, graphs, device, watch, rates):
                found.append(one)
                progress((time.perf_counter() - start) / request.seconds, one.label)
                if len(found) >= request.most or time.perf_counter() - start >= request.seconds:
                    break
        except KeyboardInterrupt:
            interrupted = True
        finally:
            torch.set_flush_denormal(False)
    if len(found) < LEAST:
        raise _too_few(len(found), interrupted)
    conditions = Conditions.now(device, request.dtype, request.threads, request.name)
    return Calibration(device_of(conditions, rates, found), found, time.perf_counter() - start, interrupted)


@contextlib.contextmanager
def _enough_memory() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_of_memory(error):
            raise
        raise RequestError("not enough memory to calibrate: end other programs, or use fewer --threads") from None


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


def _too_few(found: int, interrupted: bool = False) -> RequestError:
    return RequestError(
        f"{found} {'layer was' if found == 1 else 'layers were'} measured, and a fit needs {LEAST}: "
        + ("it was interrupted too early" if interrupted else "raise --time")
    )


def _measurements(
    request: Request, used: float, graphs: Sequence[Graph], device: torch.device, watch: Stopwatch, rates: Rates
) -> Iterator[Measured]:
    whole = request.seconds / ENOUGH
    end = time.perf_counter() + request.seconds - used
    cache = machine.cache_bytes(device)
    stored = "fp32" if request.dtype == "tf32" else request.dtype  # tf32 is a way of computing with fp32
    found = 0
    for sample in draw(graphs, Random(request.seed), *_largest(whole, device, rates), request.avoid):
        # On a busy machine layers take longer than they should: the others get less, and large ones are left out.
        left = (end - time.perf_counter()) / max(1, ENOUGH - found)
        each = whole if left > _LATE * whole else max(left, _LEAST_SHARE * whole)
        if each < whole and not is_measurable(sample, *_largest(each, device, rates)):
            if time.perf_counter() > end:
                return
            continue
        try:
            taken = measure(sample, device, request.dtype, cache, each, watch)
            found += 1
        except BuildError:
            continue  # a layer that is not written yet
        except (RuntimeError, MemoryError) as error:
            if _NOT_WRITTEN in str(error) or _is_of_memory(error):
                continue
            raise
        yield Measured.of(sample.op, operations(taken.graph, stored), taken.seconds)


def _largest(each: float, device: torch.device, rates: Rates) -> tuple[float, float]:
    """FLOPs and bytes of the largest layer that can be measured in `each` seconds."""
    return rates.flops * each * _SHARE, min(_LARGEST_BYTES[device.type], max(1e5, rates.bandwidth * each * _SHARE))
