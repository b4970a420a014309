"""Memory: the measured peak of a run, what is free, and the least that a run needs."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator

import torch

from archcalc.diagnostics import RequestError
from archcalc.layers.normalization import BatchNorm
from archcalc.memory.limits import largest_size
from archcalc.memory.needs import RunNeed
from archcalc.memory.run import Run
from archcalc.memory.simulation import simulate
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.pytorch.needs import mappable_bytes
from archcalc.pytorch.setup import Setup, device_name
from archcalc.quantity import product
from archcalc.reports.numbers import size


def peak_bytes(run: Callable[[], object], device: torch.device, held: int) -> int | None:
    """The most bytes that tensors took at once during `run`.

    CUDA: the allocator's peak. CPU: `held`, the bytes of the tensors that existed before, plus the running total of
    allocations that PyTorch's profiler records. None if the device keeps no such count.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device))
    if device.type != "cpu":
        return None
    return held + max(cpu_allocations(run))


def cpu_allocations(run: Callable[[], object]) -> list[int]:
    """Bytes of tensors relative to the start: first 0, then after each allocation and release during `run`."""
    collects = gc.isenabled()
    gc.disable()  # garbage from before would be freed in between, and count as negative
    try:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
            run()
    finally:
        if collects:
            gc.enable()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        profiler.export_chrome_trace(path)
        with open(path, encoding="utf-8", errors="replace") as file:
            events = json.load(file)["traceEvents"]
    changes = sorted(
        (float(event["ts"]), int(event["args"]["Total Allocated"]), int(event["args"]["Bytes"]))
        for event in events
        if event.get("name") == "[memory]" and event["args"].get("Device Type") == 0
    )
    before = changes[0][1] - changes[0][2] if changes else 0
    return [0, *(total - before for _, total, _ in changes)]


def tensor_bytes(tensors: Iterable[torch.Tensor]) -> int:
    """The bytes of the storages behind `tensors`, each once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def available_bytes(device: torch.device) -> int | None:
    """Free memory on the device; None if that cannot be determined."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        there = int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    with contextlib.suppress(OSError, ValueError):  # the container has no limit, or none that is a number
        limit, used = (_number(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
        there = min(there, limit - used)
    mappable = mappable_bytes()
    return max(0, there if mappable is None else min(there, mappable))


def _number(path: str) -> int:
    with open(path, encoding="ascii") as file:
        return int(file.read())


def predicted(graph: Graph, setup: Setup) -> Run:
    """What `archcalc memory` predicts for this run."""
    return simulate(graph, setup.how(graph))


@contextlib.contextmanager
def possible(graph: Graph, setup: Setup, device: torch.device) -> Iterator[None]:
    """Refuse a network that cannot fit before it runs; turn PyTorch's out-of-memory errors into one sentence."""
    if setup.train:
        _check_batch(graph)
    needed, there = predicted(graph, setup).peak, available_bytes(device)
    if there is not None and needed > there:
        raise RequestError(_too_large(graph, setup, needed, there, device))
    try:
        yield
    except (RuntimeError, MemoryError, TypeError, ValueError) as error:
        text = str(error)
        short = any(word in text for word in ("allocate memory", "out of memory", "ALLOC_FAILED"))
        if short or isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            raise RequestError(_too_large(graph, setup, needed, there, device)) from None
        first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
        compiled = ", compiled" if setup.compiled else ""
        raise RequestError(
            f"PyTorch does not run {graph.model} in {setup.how(graph).precision}{compiled} on {device_name(device)}: {first}"
        ) from None


def _check_batch(graph: Graph) -> None:
    """Raise `RequestError` for a batch norm of one value per channel, which PyTorch does not train."""
    for node, _, _ in walk(graph.nodes):
        if (
            isinstance(node.layer, BatchNorm)
            and node.exit.samples(graph.batch) * product(node.inputs[0].shape[1:]) == 1
        ):
            raise RequestError(
                f"{node.place}: `{node.id}` has one value a channel in a batch of 1, which PyTorch does not train: "
                "use --batch 2 or more, or --mode inference"
            )


def _too_large(graph: Graph, setup: Setup, needed: int, there: int | None, device: torch.device) -> str:
    fits = largest_size(graph, "batch", lambda other: RunNeed(predicted(other, setup)), there).value if there else 0
    smaller = "choose a smaller network, or another precision"
    if fits >= graph.batch:
        advice = "the prediction was too low: try a smaller batch"
    else:
        advice = f"by prediction a batch of {fits:,} fits" if fits else f"no batch fits: {smaller}"
    has = f"has {size(there) or '0 B'} free" if there is not None else "has too little"
    return f"{graph.model} with batch {graph.batch} needs {size(needed)} by prediction, {device_name(device)} {has}; {advice}"
