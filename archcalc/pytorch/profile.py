"""`archcalc profile`: what a network really costs on this machine.

The total is timed on the unmodified module; the times of single layers come from a second pass over the same weights,
alternating with the first so that both see the machine in the same state. What a layer computes and moves is static.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.network.load import Graph
from archcalc.pytorch.expected import expected
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.layer_times import Layers
from archcalc.pytorch.memory import peak_bytes, possible, predicted, tensor_bytes
from archcalc.pytorch.regimes import Update, prepare
from archcalc.pytorch.setup import DTYPES, Setup, applied, device_name, find_device
from archcalc.pytorch.timing import Clock, repeat, settle
from archcalc.reports.profile.report import Comparison, LayerTime, Profile, Times

PHASES = ("zero_grad", "forward", "loss", "backward", "step")


def profile(
    graph: Graph, setup: Setup, progress: Callable[[str], None] = lambda what: None, known: Device | None = None
) -> Profile:
    """Measure one network, and predict the same.

    Args:
        known: the device file to predict the time from; by default that of this machine.

    Raises:
        RequestError: the device does not exist, has too little memory, or cannot run it.
        BuildError: the network cannot be written as a module.
        KeyboardInterrupt: interrupted before anything was measured.
    """
    device = find_device(setup.device)
    with applied(setup, device), possible(graph, setup, device):
        session = Session(graph, setup, device)
        progress("warming up")
        warmup = settle(session.timed, setup.budget)
        layers = session.layers()
        session.forget()
        interrupted = repeat([session.timed, layers], setup.budget, lambda: progress("measuring"))
        if not session.total.seconds:
            raise KeyboardInterrupt
        layers.module.zero_grad(set_to_none=True)
        # Recording allocations slows down whatever runs later, so it comes last.
        peak = peak_bytes(session.run, device, session.held())
        return Profile(
            graph, session.running, device_name(device), torch.get_num_threads() if device.type == "cpu" else None, session.total,
            session.phases, layers.result(session.costs, session.running.types.stores), peak, predicted(graph, setup).peak, warmup,
            session.costs, torch.__version__, interrupted, session.worked, session.worked_in, expected(graph, setup, known),
        )  # fmt: skip


def compare(
    graphs: tuple[Graph, Graph], setup: Setup, progress: Callable[[str], None] = lambda what: None
) -> Comparison:
    """Profile two networks in turn, A B A B ... Raises what `profile` raises."""
    device = find_device(setup.device)
    with applied(setup, device), possible(graphs[0], setup, device), possible(graphs[1], setup, device):
        sessions = [Session(graph, setup, device) for graph in graphs]
        for session in sessions:
            progress("warming up")
            settle(session.timed, setup.budget)
            session.forget()
        interrupted = repeat([session.timed for session in sessions], setup.budget, lambda: progress("measuring"))
    found = Comparison(
        graphs, sessions[0].running, device_name(device), [session.total for session in sessions], interrupted
    )
    if not found.ratios:
        raise KeyboardInterrupt
    return found


class Session:
    """A module on its device with input, and one run of it."""

    def __init__(self, graph: Graph, setup: Setup, device: torch.device) -> None:
        torch.manual_seed(setup.seed)
        self.graph, self.setup, self.device = graph, setup, device
        self.running = setup.how(graph)
        self.costs = Costs(graph)
        self.clock = Clock(device)
        self.total, self.worked = Times(), Times()
        self.phases: dict[str, Times] = {name: Times() for name in PHASES} if setup.train else {}
        self.worked_in: dict[str, Times] = {name: Times() for name in self.phases}
        self.module = self._prepare(instantiate(graph, str(device)))
        self.called: Any = torch.compile(self.module) if setup.compiled else self.module
        self.inputs = [self._cast(x) for x in example_inputs(graph, str(device))]
        trained = [tensor for tensor in self.module.parameters() if tensor.requires_grad]
        self.update = Update(trained, self.running) if setup.train else None
        self.targets = self._targets() if setup.train else []

    def _prepare(self, module: nn.Module) -> nn.Module:
        module = module.to(DTYPES[self.running.types.weights])
        prepare(module, self.graph, self.running)
        if self.setup.channels_last:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module.train(self.setup.train)

    def _cast(self, x: torch.Tensor) -> torch.Tensor:
        if x.is_floating_point():
            x = x.to(DTYPES[self.running.types.weights])
            if self.setup.channels_last and x.dim() == 4:
                x = x.to(memory_format=torch.channels_last)
        return x

    def _targets(self) -> list[torch.Tensor]:
        """Random targets for the spec's loss, one for each output."""
        with torch.no_grad():
            outputs = self.module(*self.inputs)
        kind = self.graph.document.trained_on
        targets = []
        for output in outputs if isinstance(outputs, tuple) else (outputs,):
            if kind in ("crossentropy", "nll"):
                classes = output.shape[-1] if output.dim() < 4 else output.shape[1]
                rows = output.shape[:-1] if output.dim() < 4 else (output.shape[0], *output.shape[2:])
                targets.append(torch.randint(classes, rows, device=output.device))
            else:
                targets.append(torch.rand_like(output))
        return targets

    def run(self) -> None:
        """One forward pass, or one training step: zero_grad, forward, loss, backward, step."""
        mark = self.clock.mark
        if self.update is None:
            with torch.inference_mode(), self.setup.computing():
                self.called(*self.inputs)
            mark()
            return
        self.update.zero_grad()
        mark()
        for last in range(1 - self.running.batches, 1):
            with self.setup.computing():
                outputs = self.called(*self.inputs)
                if not last:
                    mark()
                loss = self.loss(outputs)
            if not last:
                mark()
            loss.backward()  # type: ignore[no-untyped-call]
        mark()
        self.update.step()
        mark()

    def loss(self, outputs: Any) -> torch.Tensor:
        """The spec's loss, over all outputs; mean squares if it names none."""
        kind = self.graph.document.trained_on
        total = torch.zeros((), device=self.device)
        for output, target in zip(outputs if isinstance(outputs, tuple) else (outputs,), self.targets):
            total = total + _LOSSES[kind](output.float(), target if target.dtype == torch.long else target.float())
        return total

    def held(self) -> int:
        """Bytes of the tensors that outlive a run; gradients do not: they are dropped first."""
        self.clock.marks = []
        tensors = [*self.module.parameters(), *self.module.buffers(), *self.inputs, *self.targets]
        if self.update is not None:
            self.update.zero_grad()
            tensors += self.update.tensors()
        return tensor_bytes(tensors)

    def timed(self) -> float:
        """Time one run; the seconds are returned and kept."""
        self.clock.start()
        self.run()
        spans = self.clock.between()
        worked = self.clock.worked()
        for name, seconds in zip(self.phases, spans):
            self.phases[name].seconds.append(seconds)
        for name, seconds in zip(self.phases, worked):
            self.worked_in[name].seconds.append(seconds)
        if worked:
            self.worked.seconds.append(sum(worked))
        self.total.seconds.append(sum(spans))
        return sum(spans)

    def forget(self) -> None:
        """Drop the seconds kept so far: they were the warm-up."""
        self.total, self.worked = Times(), Times()
        self.phases = {name: Times() for name in self.phases}
        self.worked_in = {name: Times() for name in self.phases}

    def layers(self) -> LayerPass:
        """A second pass over the same weights, warmed up, in which every layer is marked."""
        layers = Layers(self.costs, self.clock, self.setup.train)
        probed = self._prepare(instantiate(self.graph, str(self.device), layers.probe))
        probed.load_state_dict(self.module.state_dict(), assign=True)
        layers.attach(probed)
        made = LayerPass(layers, probed, self)
        end = time.perf_counter() + self.setup.budget.seconds / 3
        for index in range(3):
            if not index or time.perf_counter() < end:
                made()
        layers.forget()
        return made


class LayerPass:
    """A pass with timed layers; calling it runs it once."""

    def __init__(self, layers: Layers, module: nn.Module, session: Session) -> None:
        self.layers, self.module, self.session = layers, module, session

    def __call__(self) -> None:
        """One run; in training, forward, loss and backward without the optimizer's step."""
        self.module.zero_grad(set_to_none=True)
        with self.session.setup.computing():
            self.layers.run(lambda: self.module(*self.session.inputs), self.session.loss)

    def result(self, costs: Costs, dtype: str) -> list[LayerTime]:
        """One entry for each node, from the finished rounds; none if no round finished."""
        return self.layers.result(costs, dtype)


_LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "crossentropy": lambda y, t: F.cross_entropy(
        y.flatten(0, -2) if 2 < y.dim() < 4 else y, t.flatten() if 2 < y.dim() < 4 else t
    ),
    "nll": lambda y, t: F.nll_loss(y.flatten(0, -2), t.flatten()),
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "bce": lambda y, t: F.binary_cross_entropy(y.clamp(0, 1), t),
    "bcewithlogits": F.binary_cross_entropy_with_logits,
}
