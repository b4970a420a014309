"""What GPUs reach of their peak rates, fitted to published times of whole networks, and how far off that is. Run by hand:

    .venv/bin/python tests/benchmarks/gpu_time.py gpu_cnn.csv gpu_llm_train.csv gpu_other.csv [--write]

The tables are not part of this repository. They have columns device, model, batch, step_ms and source; spec and sets, the spec
of specs/ and the settings that stand for the network; how and mode. Those of language models (`sharding`) are of
MPT models under FSDP: the spec is gpt2, and each of `gpus` cards does its part of the optimizer's step. Networks that were
measured before PyTorch had kernels of attention compute it step by step.

Every share of a peak rate is the exponential of a parameter; the fit makes the squared logarithms of predicted ÷ measured
small, and the parameters close to their first guess. Errors are printed in the fit and with each family of networks left
out of it in turn, or each card, which then has what it would inherit; beside those of the roofline: every operation at the
peak rates. With --write the shares go into
archcalc/prediction/efficiency.json, with ranges that eight of ten networks left out lie in.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from archcalc.cost import Costs
from archcalc.devices import LOCAL, Device, find
from archcalc.devices import names as devices
from archcalc.memory.how import how
from archcalc.network.load import Graph, load_graph
from archcalc.prediction.backward import gradients
from archcalc.prediction.estimate import IDLE
from archcalc.prediction.host import started
from archcalc.prediction.kernels import FILE, SHORTEST, Kernel, inherited, kernel, profiled
from archcalc.prediction.model import FEATURES, roofline
from archcalc.prediction.predict import executed, loss_work, step_work
from archcalc.prediction.work import Work
from archcalc.running import Running

# What is reached where no measurement says otherwise, and how strongly the fit is held to it.
GUESS = {"computing": 0.75, "moving": 0.85}
# Of what the best card reaches, and of what is reached forward, or with images channels last.
OTHERS = 0.9
HELD = 0.1
# Profiles of a card's operations say more than a guess.
PROFILED = 1.0
# At batches below, cards wait for the program that starts the kernels.
SMALL = 64
# The part of networks left out that lies in the ranges; cards with so many rows have ranges of their own.
COVERED, ENOUGH = 0.8, 10
# Sources whose attention is computed step by step.
_STEP_BY_STEP = "github.com/NVIDIA/DeepLearningExamples"
# All small batches were measured on one kind of host; others are taken to be faster or slower by this factor at most.
HOSTS = 2.0


def streaming() -> float:
    """What cards reach of their bandwidth where products read weights from end to end: by profiles of their operations."""
    found = []
    for device in map(find, devices()):
        if device.name not in LOCAL and profiled(device) is not None and device.calibration is not None:
            linear = device.calibration["coefficients"]["forward"]["linear"]
            found.append(1 / (linear[FEATURES.index("weight bytes")] * device.bandwidth))
    return statistics.fmean(found)


STREAMING = round(streaming(), 3)


@dataclass(frozen=True)
class Row:
    """A published time: of what, and all its kernels; those of the optimizer's step take part with a weight."""

    family: str
    name: str
    group: str
    device: Device
    batch: int
    seconds: float
    running: Running
    kernels: tuple[tuple[Kernel, float], ...]
    started: int
    roofline: float
    source: str

    @property
    def is_small(self) -> bool:
        """Whether it says how fast kernels are started rather than how fast they are."""
        return self.batch < SMALL and "convolutions" in {one.spread for one, _ in self.kernels if one.computing}

    @property
    def spread(self) -> str:
        """Which range it belongs to: that of what it computes longest."""
        seconds: dict[str, float] = defaultdict(float)
        for one, weight in self.kernels:
            seconds[one.spread] += weight * one.computing
        return max(seconds, key=lambda name: seconds[name])


def family(model: str) -> str:
    """Networks that are alike: a fit has seen none of them, or all; language models by size."""
    if model.startswith("mpt"):
        return model
    found = re.match(r"(wide_)?(res|dense|convnext|efficient|mobile|vgg|swin|vit|bert|[a-z]+)", model)
    assert found is not None, model
    return found[2]


def running(row: dict[str, str]) -> dict[str, Any]:
    """How a row's network is run, in the words of the options."""
    mode, said = row.get("mode", "train"), row.get("how", "")
    given: dict[str, Any] = {
        "mode": {"infer": "inference"}.get(mode, mode), "device": row["device"], "batch": int(row["batch"])
    }  # fmt: skip
    if "sharding" in row:  # weights, residuals and norms in bf16: FSDP's and MPT's `low_precision_layernorm`
        return given | {"precision": "mixed-bf16", "optimizer": "adamw"}
    if "pt1." in said or row["source"].startswith(_STEP_BY_STEP):  # before PyTorch had kernels of attention
        given["attention"] = "math"
    if mode == "train":
        given["optimizer"] = {"adam": "adam"}.get(row.get("optimizer", ""), "momentum")
    if "amp" in said:
        given["precision"] = "autocast-fp16"
    else:
        given["precision"] = row.get("how") or row.get("dtype")
    if "nhwc" in said or "compiled" in said:  # compiled code moves images to channels last by itself
        given["memory_format"] = "channels-last"
    if "compiled" in said:
        given["execution"] = "compiled"
    return given


def read(path: str) -> Iterator[Row]:
    """The rows of a table; those of generating are left to the profiles of single operations."""
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row.get("mode") == "generate":
                continue
            given = running(row)
            settings = dict(one.split("=") for one in row["sets"].split(";") if one)
            path, at, variant = row.get("spec", "gpt2.yaml").partition("@")
            graph = load_graph(f"specs/{path}{at}{variant}", settings, given["batch"])
            words = [row.get("how", row.get("precision", "")), str(given["mode"])]
            yield made(graph, row, given, " ".join(words))


def made(graph: Graph, row: dict[str, str], given: dict[str, Any], group: str) -> Row:
    """A row with the kernels of its network."""
    run = how(graph, Running(**given), given["mode"], None)
    device, dtype = find(row["device"]), run.types.computes
    is_mpt = "sharding" in row
    idle = ("dropout",) if is_mpt else () if run.trains else IDLE  # gpt2 has some, MPT none
    ahead = [one for one in executed(graph, run) if one.kind not in idle]
    works: list[tuple[Work, bool, float]] = [(one, False, 1.0) for one in ahead]
    count = sum(started(ahead).values())
    if run.trains:
        backward = [one for gradient in gradients(graph, ahead) for one in gradient.kernels]
        works += [(one, True, 1.0) for one in backward]
        loss = loss_work(graph, run.types.stores)
        if is_mpt:  # one kernel reads logits of 16 bits, another writes their gradient in their place
            size = loss.out_bytes // 2
            works += [(loss.but(in_bytes=size, out_bytes=written), False, 1.0) for written in (0, size)]
        else:
            works.append((loss, False, 2.0))
        steps = 1 / (int(row["gpus"]) * int(row["grad_accum"])) if is_mpt else 1.0
        works.append((step_work(Costs(graph), run), False, steps))
        count += sum(started(backward).values())
    kernels = tuple(
        (kernel(one, device, dtype, run.memory_format, back), weight)
        for one, back, weight in works
        if one.in_bytes or one.weight_bytes or one.out_bytes
    )
    peak = sum(weight * roofline(one, device, dtype) for one, _, weight in works)
    seconds = float(row["step_ms"]) / 1000
    name = f"{row['model']} {row['seq']}" if "seq" in row else row["model"]
    return Row(
        family(row["model"]), name, group, device, int(row["batch"]), seconds, run, kernels, count, peak, row["source"]
    )


class Fit:
    """Shares of peak rates, fitted to rows."""

    def __init__(self, rows: list[Row]) -> None:
        self.names: dict[tuple[str, str], int] = {}
        for row in rows:
            for one, _ in row.kernels:
                for side, names in (("computing", one.computing_shares), ("moving", one.moving_shares)):
                    for name in names:
                        self.names.setdefault((side, name), len(self.names))
            for side in GUESS:
                self.names.setdefault((side, f"on {row.device.name}"), len(self.names))
        cards = {f"on {row.device.name}": profiled(row.device) or GUESS for row in rows}
        guessed = [
            cards[name][side] if name in cards else GUESS[side] if is_of_a_peak(name) else OTHERS
            for side, name in self.names
        ]
        guesses = torch.tensor(guessed, dtype=torch.float64).log()
        held = torch.tensor([PROFILED if cards.get(name, GUESS) is not GUESS else HELD for _, name in self.names])
        # A share is 1 ÷ (1 + e^parameter), so that no share, and no product of some, is above 1.
        parameters = (torch.exp(-guesses) - 1).log().requires_grad_()
        seconds = torch.tensor([row.seconds for row in rows], dtype=torch.float64)
        parts = self._tensors(rows)
        optimizer = torch.optim.LBFGS([parameters], max_iter=300, tolerance_change=1e-6, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            shares = -torch.nn.functional.softplus(parameters)
            off = torch.log(self._seconds(shares, parts, len(rows)) / seconds)
            value = (off**2).sum() + HELD * (off**2 + 4e-4).sqrt().sum() + (held * (shares - guesses) ** 2).sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        self.shares = -torch.nn.functional.softplus(parameters.detach())

    def devices(self) -> dict[str, dict[str, float]]:
        """What each card of the fit reaches."""
        names = sorted({name.removeprefix("on ") for _, name in self.names if name.startswith("on ")})
        return {name: {side: self.share(side, f"on {name}") for side in GUESS} for name in names}

    def seconds(self, rows: list[Row]) -> list[float]:
        """What the fit says of rows, which it may not have seen; the card alone, as if the program were never late."""
        known = self.devices()
        for device in {row.device.name: row.device for row in rows if row.device.name not in known}.values():
            for side, share in inherited(device, known).items():
                self.names[side, f"on {device.name}"] = len(self.shares)
                self.shares = torch.cat([self.shares, torch.tensor([math.log(share)], dtype=torch.float64)])
        return self._seconds(self.shares, self._tensors(rows), len(rows)).tolist()  # type: ignore[no-any-return]

    def share(self, side: str, name: str) -> float:
        """The share of a name."""
        return math.exp(float(self.shares[self.names[side, name]]))

    def _tensors(self, rows: list[Row]) -> tuple[torch.Tensor, ...]:
        none = len(self.names)
        choices: dict[tuple[int, ...], int] = {}
        weights: dict[tuple[int, Kernel], float] = defaultdict(float)
        for index, row in enumerate(rows):
            for one, weight in row.kernels:
                weights[index, one] += weight
        table: list[tuple[float, ...]] = []
        for (index, one), weight in weights.items():
            chosen = []
            for side, names in (("computing", one.computing_shares), ("moving", one.moving_shares)):
                found = [self.names.get((side, name), none) for name in (*names, f"on {rows[index].device.name}")]
                chosen.append(choices.setdefault((*found, *[none] * (6 - len(found))), len(choices)))
            known = (one.computing, one.moving, one.streaming / STREAMING, one.runs * SHORTEST)
            table.append((index, *(weight * each for each in known), *chosen))
        columns = list(zip(*table))
        numbers = [torch.tensor(column, dtype=torch.float64) for column in columns[1:5]]
        return torch.tensor(columns[0]), *numbers, torch.tensor([*choices]), *map(torch.tensor, columns[5:])

    @staticmethod
    def _seconds(shares: torch.Tensor, parts: tuple[torch.Tensor, ...], rows: int) -> torch.Tensor:
        index, computing, moving, streaming, launch, choices, of_computing, of_moving = parts
        known = torch.cat([shares, torch.zeros(1, dtype=torch.float64)])
        slower = torch.exp(-known[choices].sum(1))
        computed, moved = computing * slower[of_computing], moving * slower[of_moving] + streaming
        each = (computed**2 + moved**2 + 1e-30).sqrt() + launch
        return torch.zeros(rows, dtype=torch.float64).index_add(0, index, each)


def is_of_a_peak(name: str) -> bool:
    """Whether a share is of the peak rate itself, rather than of another share."""
    return not name.startswith("on ") and not name.endswith(("backward", "images"))


def left_out(rows: list[Row], of: Callable[[Row], str]) -> dict[int, float]:
    """Predicted ÷ measured of each row, by a fit that has seen none of its kind."""
    found: dict[int, float] = {}
    for kind in sorted({of(row) for row in rows}):
        out = [row for row in rows if of(row) == kind]
        fit = Fit([row for row in rows if of(row) != kind])
        found |= {id(row): ours / row.seconds for row, ours in zip(out, fit.seconds(out))}
    return found


def late(rows: list[Row], busy: list[float]) -> dict[str, float]:
    """How long the program takes for a kernel: the median over rows whose card waits for it."""
    found: dict[str, list[float]] = {"plain": [], "autocast": []}
    for row, seconds in zip(rows, busy):
        if seconds < 0.5 * row.seconds:
            found["autocast" if row.running.types.autocast else "plain"].append(row.seconds / row.started)
    return {name: float(f"{statistics.median(each):.3g}") for name, each in found.items()} | {"spread": HOSTS}


def by_kind(rows: list[Row], of: Callable[[list[Row]], float]) -> dict[str, float]:
    """A number for each kind of network that has enough rows: for those of convolutions, and of matrix products."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[row.spread].append(row)
    return {kind: of(found) for kind, found in sorted(kinds.items()) if len(found) >= ENOUGH}


def spreads(rows: list[Row], ratios: dict[int, float]) -> dict[str, float]:
    """For each kind of network the factor by which most of them are off at most."""

    def of(found: list[Row]) -> float:
        off = sorted(abs(math.log(ratios[id(row)])) for row in found)
        return math.ceil(100 * math.exp(off[int(COVERED * len(off))])) / 100

    return by_kind(rows, of)


def errors(rows: list[Row], ratios: dict[int, float]) -> dict[str, float]:
    """For each kind of network the mean error."""
    return by_kind(rows, lambda found: round(statistics.fmean(abs(ratios[id(row)] - 1) for row in found), 3))


def mean(ratios: list[float]) -> str:
    """The mean error."""
    return f"{100 * statistics.fmean(abs(one - 1) for one in ratios):5.1f} %"


def document(
    fit: Fit, host: dict[str, float], large: list[Row], families: dict[int, float], cards: dict[int, float]
) -> dict[str, Any]:
    """What the program reads: shares, those of cards, how far off networks were that the fit had not seen, and sources."""
    shares = {name: round(fit.share(side, name), 3) for side, name in sorted(fit.names) if not name.startswith("on ")}
    devices: dict[str, Any] = {}
    for name in sorted({row.device.name for row in large}):
        own = [row for row in large if row.device.name == name]
        devices[name] = {side: round(share, 3) for side, share in fit.devices()[name].items()}
        devices[name] |= {
            "networks": dict(Counter(row.spread for row in own)),
            "error": errors(own, families),
            "spread": spreads(own, families),
        }
    return {
        "version": 1,
        "date": datetime.date.today().isoformat(),
        "sources": sorted({row.source.split(" ")[0] for row in large}),
        "shares": shares,
        "streaming": STREAMING,
        "devices": devices,
        "error": errors(large, cards),
        "spread": spreads(large, cards),
        "host": host,
    }


def main() -> None:
    """Print every row, and the errors by group and card."""
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the tensors are short: on a busy machine several threads wait for each other
    every = [row for path in options.paths for row in read(path)]
    large = [row for row in every if not row.is_small]
    small = [row for row in every if row.is_small]
    fit = Fit(large)
    host = late(small, fit.seconds(small))
    seen = {id(row): ours / row.seconds for row, ours in zip(large, fit.seconds(large))}
    families, cards = left_out(large, lambda row: row.family), left_out(large, lambda row: row.device.name)
    for row, busy in zip(small, fit.seconds(small)):
        program = host["autocast" if row.running.types.autocast else "plain"] * row.started
        seen[id(row)] = families[id(row)] = cards[id(row)] = max(busy, program) / row.seconds
    print(
        f"{'network':<26}{'batch':>6} {'card':<10}{'how':<36}{'measured':>11}{'in the fit':>11}{'left out':>10}{'roofline':>10}"
    )
    for row in every:
        print(f"{row.name:<26}{row.batch:>6} {row.device.name:<10}{row.group:<36}{row.seconds * 1e3:>8.2f} ms"
              f"{100 * (seen[id(row)] - 1):>+9.0f} %{100 * (families[id(row)] - 1):>+8.0f} %{100 * (row.roofline / row.seconds - 1):>+8.0f} %")  # fmt: skip
    print(f"\n{'card':<12}{'how':<38}{'rows':>5}{'in the fit':>11}{'family out':>11}{'card out':>10}{'roofline':>10}")
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in every:
        groups[row.device.name, row.group + (", small batches" if row.is_small else "")].append(row)
    for (card, group), rows in groups.items():
        columns = [mean([found[id(row)] for row in rows]) for found in (seen, families, cards)]
        naive = mean([row.roofline / row.seconds for row in rows])
        print(f"{card:<12}{group:<38}{len(rows):>5}{columns[0]:>11}{columns[1]:>11}{columns[2]:>10}{naive:>10}")
    made = document(fit, host, large, families, cards)
    print(f"\nranges: {made['spread']}, of the program's start of a kernel {host}")
    for name, card in made["devices"].items():
        print(f"  {name}: {card}")
    for what, ratios in (("family", families), ("card", cards)):
        inside = 0
        for row in large:
            own = made["devices"][row.device.name]["spread"] if what == "family" else {}
            inside += abs(math.log(ratios[id(row)])) <= math.log({**made["spread"], **own}[row.spread])
        print(f"  {what} left out: {inside} of {len(large)} in the ranges")
    if options.write:
        with open(FILE, "w", encoding="utf-8") as file:
            file.write(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
