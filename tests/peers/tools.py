"""Runs each tool on the module of a graph, as people call it; skips where it is not installed."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from archcalc.network.load import Graph
from archcalc.pytorch.instance import example_inputs, instantiate

# What the tool prints as its count, and the parameters if it gives them.
Said = tuple[float, "int | None"]


def imported(name: str) -> Any:
    """A tool's module; importing one may warn about its own age."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def torchinfo(graph: Graph) -> Said:
    tool = imported("torchinfo")
    said = tool.summary(instantiate(graph), input_data=example_inputs(graph), device="cpu", verbose=0)
    return said.total_mult_adds, said.total_params


def fvcore(graph: Graph) -> Said:
    tool, module = imported("fvcore.nn"), instantiate(graph).eval()
    count = tool.FlopCountAnalysis(module, tuple(example_inputs(graph))).total()
    return count, tool.parameter_count(module)[""]


def ptflops(graph: Graph) -> Said:
    tool, module, inputs = imported("ptflops"), instantiate(graph), example_inputs(graph)
    names = list(inspect.signature(module.forward).parameters)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        macs, params = tool.get_model_complexity_info(
            module, (1,), input_constructor=lambda _: dict(zip(names, inputs)), as_strings=False,
            print_per_layer_stat=False,
        )  # fmt: skip
    assert macs is not None, printed.getvalue()
    return macs, params


def thop(graph: Graph) -> Said:
    macs, params = imported("thop").profile(instantiate(graph), tuple(example_inputs(graph)), verbose=False)
    return macs, params


def deepspeed(graph: Graph) -> Said:
    tool = imported("deepspeed.profiling.flops_profiler")
    _, macs, params = tool.get_model_profile(
        instantiate(graph), args=example_inputs(graph), print_profile=False, as_string=False, warm_up=0
    )
    return macs, params


def flopcounter(graph: Graph) -> Said:
    from torch.utils.flop_counter import FlopCounterMode

    module = instantiate(graph).eval()
    with FlopCounterMode(display=False) as counter:
        module(*example_inputs(graph))
    return counter.get_total_flops(), None


TOOLS: dict[str, Callable[[Graph], Said]] = {
    run.__name__: run for run in (torchinfo, fvcore, ptflops, thop, deepspeed, flopcounter)
}


def run(name: str, graph: Graph) -> Said:
    """What the tool says; what it warns of is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TOOLS[name](graph)
