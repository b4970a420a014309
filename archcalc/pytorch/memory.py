"""Memory: what a run took at its peak, what is there, and what it needs at least."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator

import torch

from archcalc.cost import Cost, Costs
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph
from archcalc.pytorch.setup import Setup, device_name
from archcalc.reports.numbers import size

# Bytes of optimizer state for each byte of parameters.
_STATE = {"sgd": 0, "adam": 2, "adamw": 2}


def peak_bytes(run: Callable[[], object], device: torch.device, held: int) -> int | None:
    """The most bytes that tensors took at once during `run`.

    CUDA: the allocator's peak. CPU: `held`, the bytes of the tensors that were there before, and
    the running total of allocations that PyTorch's profiler records. None where the device keeps
    no such count.
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
    """The bytes that tensors took more than before, 0 first, after each allocation and release during `run`."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
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
    """Memory that is free on the device; None where that cannot be told."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def predicted_bytes(cost: Cost, setup: Setup) -> int:
    """A lower bound of the memory that a run takes: weights, and what is kept while it runs.

    Forward: weights and the largest tensors that live together are at least a hundredth of all
    activations. Training: weights, gradients, optimizer state and all activations.
    """
    width = setup.width
    activations = cost.activation_bytes * width // 4
    if not setup.train:
        return cost.params * width + activations // 100
    return cost.params * width * (2 + _STATE[setup.optimizer]) + activations


@contextlib.contextmanager
def out_of_memory(graph: Graph, setup: Setup, device: torch.device) -> Iterator[None]:
    """Say before trying that a network cannot fit; turn running out of memory into one sentence."""
    costs = Costs(graph)
    needed, there = predicted_bytes(costs.totals, setup), available_bytes(device)
    if there is not None and needed > there:
        raise RequestError(_too_large(graph, costs, setup, needed, there, device))
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        text = str(error)
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "allocate" in text or "out of memory" in text:
            raise RequestError(_too_large(graph, costs, setup, needed, there, device)) from None
        raise


def _too_large(graph: Graph, costs: Costs, setup: Setup, needed: int, there: int | None, device: torch.device) -> str:
    fixed = predicted_bytes(Cost(params=costs.totals.params), setup)
    each = max(1, (needed - fixed) // graph.batch)
    fits = max(0, ((there or 0) - fixed) // each)
    advice = (
        f"by prediction a batch of {fits} fits" if fits else "no batch fits: choose a smaller network or another dtype"
    )
    has = f"has {size(there)} free" if there is not None else "has too little"
    return (
        f"{graph.model} with batch {graph.batch} needs at least {size(needed)}, {device_name(device)} {has}; {advice}"
    )
