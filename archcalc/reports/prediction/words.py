"""Sentences that the forms of a prediction share: the total, and where the numbers are from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.network.gradients import backward_macs
from archcalc.prediction.answer import Answer
from archcalc.prediction.estimate import BASES, BOUNDS, CALIBRATED, LAUNCH, NEIGHBOURS, Estimate
from archcalc.prediction.generation import Decoding
from archcalc.prediction.kernels import BENCHMARKS, CONVOLUTIONAL, OTHERS, efficiency, kind_of, profiled, relatives
from archcalc.prediction.predict import Prediction
from archcalc.prediction.whole import Whole
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM
from archcalc.reports.paragraphs import NO_BREAK, Wrapped

# From this fraction of the time on, the gaps between kernels are mentioned.
_MUCH = 0.1


def sentence(note: str) -> Wrapped:
    """A note on as many lines as needed; a number stays with its sign."""
    return Wrapped(note.replace(" %", f"{NO_BREAK}%"), DIM)


def headline(answer: Answer) -> list[list[str]]:
    """The total, in a line or two of facts."""
    if answer.decoding is not None:
        return _generating(answer.decoding)
    one = answer.prediction
    facts = [between(one.total), f"{rate(one.samples_per_second)} samples/s"]
    if answer.tokens_per_second:
        facts.append(f"{rate(answer.tokens_per_second)} tokens/s")
    facts.append(f"{_figures(100 * used(one))} % of the peak FLOP/s")
    if not one.running.trains:
        return [facts]
    phases = {"forward": one.forward, "loss": one.loss, "backward": one.backward, "step": one.step}
    return [facts, [f"{name} {numbers.seconds(each.seconds)}" for name, each in phases.items()]]


def _generating(decoding: Decoding) -> list[list[str]]:
    prefill, step = decoding.prefill, decoding.step
    prompt = decoding.memory.length - decoding.tokens
    read = prefill.graph.batch * prompt / prefill.total.seconds if prefill.total.seconds else 0
    return [
        [
            between(decoding.total),
            f"{decoding.tokens:,} token{'s' * (decoding.tokens > 1)} after a prompt of {prompt:,}",
        ],
        [f"prompt {between(prefill.total)}", f"{rate(read)} tokens/s"],
        [
            f"then {between(step)} a token",
            f"at position {decoding.position:,}",
            f"{rate(decoding.tokens_per_second)} tokens/s",
            f"cache {numbers.size(decoding.memory.cache_bytes) or '0 B'} at the end",
        ],
    ]


def between(time: Estimate) -> str:
    """`13.4 ms (12.3 to 17.7 ms)`."""
    return f"{numbers.seconds(time.seconds)} ({span(time)})"


def span(time: Estimate) -> str:
    """`12.3 to 17.7 ms`."""
    low, high = numbers.seconds(time.low), numbers.seconds(time.high)
    if low.rpartition(" ")[2] == high.rpartition(" ")[2]:
        low = low.rpartition(" ")[0]
    return f"{low} to {high}"


def used(one: Prediction) -> float:
    """The fraction of the peak rate that the network's products reach, over all passes, without recomputation."""
    flops = int(one.costs.totals.flops)
    if one.running.trains:
        flops = one.running.batches * (flops + 2 * backward_macs(one.graph, one.structure.backward))
    peak = one.device.peaks[one.running.types.computes]
    return flops / one.total.seconds / peak if one.total.seconds else 0.0


def _figures(value: float) -> str:
    """Two significant figures, and every digit before the point: `0.43`, `27`, `112`."""
    return f"{value:.2g}" if value < 99.5 else f"{value:,.0f}"


def rate(value: float) -> str:
    """Throughput per second: `609.4 k`, `8.37`."""
    return numbers.short(round(value)) if value >= 100 else f"{value:.3g}"


def notes(answer: Answer) -> Iterator[str]:
    """Where the numbers are from, and what they leave out."""
    one, whole = answer.prediction, answer.total
    calibration: dict[str, Any] = one.device.calibration or {}
    for basis in BASES:
        if whole.share(basis):
            yield f"{_percent(whole.share(basis))} {basis}: {known(basis, one)}"
    if whole.share(CALIBRATED) or whole.share(NEIGHBOURS):
        yield f"measured: {calibration.get('source', one.device.source)}, {', '.join(_conditions(one, calibration))}"
    if declared := one.costs.declared.layers:
        unknown = ", which for some is unknown" * one.costs.declared.unknown
        yield f"{declared:,} opaque layer{'s' * (declared > 1)} timed as one kernel each, with the work declared{unknown}"
    waits = [f"{name} {_percent(whole.bounds[name] / whole.seconds)}" for name in BOUNDS if whole.bounds.get(name)]
    if waits:
        yield "waits for " + ", ".join(waits)
    if one.device.kind == "gpu" and whole.bounds.get(LAUNCH, 0.0) > _MUCH * whole.seconds:
        yield "the GPU waits for kernel launches: use a larger batch or --execution compiled"


# Those of convolutions, and all others: transformers, recurrent networks and so on.
_KINDS = {CONVOLUTIONAL: "convolutional networks", OTHERS: "networks of matrix products"}


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def known(basis: str, one: Prediction) -> str:
    """What the times of a basis are based on, and how accurate they are."""
    if basis == CALIBRATED:
        found: dict[str, Any] = (one.device.calibration or {}).get("error", {})
        errors = [(phase, found[phase]) for phase in one.phases if phase in found]
        if not errors:
            return "measured; accuracy unknown"
        means = [f"{100 * error['mean']:.1f} %" for _, error in errors]
        if len(errors) > 1:
            means = [f"{mean} ({phase})" for mean, (phase, _) in zip(means, errors)]
        what = errors[0][1].get("of", "layers held out of the fit")
        return f"{what} were {' and '.join(means)} off on average"
    if basis == NEIGHBOURS:
        return "not measured: guessed from similar work; the range comes from the data sheet"
    return _reached(basis, one)


def _reached(basis: str, one: Prediction) -> str:
    """What times that come from peak rates are based on."""
    if one.device.kind != "gpu":
        return "not measured; between the peak rates and a quarter of them"
    fitted, kind = efficiency(), kind_of(one.graph)
    off = f"{100 * fitted['error'][kind]:.0f} %"
    if basis == BENCHMARKS:
        card = fitted["devices"][one.device.name]
        known, what = card["networks"].get(kind, 0), _KINDS[kind]
        if kind in card["error"]:
            return (
                f"from published times of {known} {what} on this card; "
                f"those left out of the fit were {100 * card['error'][kind]:.0f} % off on average"
            )
        one_of = what.replace("networks", "network") if known == 1 else what
        of = f"among them {known} {one_of}" if known else f"but no {what}"
        return (
            f"from published times of {sum(card['networks'].values())} networks on this card, {of}; "
            f"with a card left out of the fit, such networks were {off} off on average"
        )
    others = relatives(one.device, fitted["devices"])
    cards = " and ".join(others) if len(others) < len(fitted["devices"]) else "other cards"
    like = "its operations do in published profiles" if profiled(one.device) else f"{cards} reach of theirs"
    return (
        f"no times of networks on this card are published; it is assumed to reach as much of its peak rates as {like}; "
        f"with a card left out of the fit, {_KINDS[kind]} were {off} off on average"
    )


def _conditions(one: Prediction, calibration: dict[str, Any]) -> Iterator[str]:
    yield str(calibration.get("dtype", one.running.types.computes))
    if torch := calibration.get("torch"):
        yield f"torch {torch}"
    yield str(calibration.get("date", ""))


def whole(run: Whole) -> list[str]:
    """The totals of a whole run, as facts of one line: `1,281,167 samples: 40,037 steps`, the time, the energy."""
    time = run.time
    facts = [f"{run.amount:,} {run.of}: {run.steps:,} step{'' if run.steps == 1 else 's'}", hours(time)]
    facts.append(f"{_three(time.seconds / 3600)} device-hours")
    if run.power:
        best, low, high = (_three(run.kilowatt_hours(seconds)) for seconds in (time.seconds, time.low, time.high))
        facts.append(f"at most {best} kWh ({low} to {high} kWh), at {run.power:g} W throughout")
    return facts


def hours(time: Estimate) -> str:
    """`13.4 h (12.3 to 17.7 h)`, or in days if it takes more than two."""
    unit, scale = ("days", 86400.0) if time.seconds > 2 * 86400 else ("h", 3600.0)
    best, low, high = (_three(seconds / scale) for seconds in (time.seconds, time.low, time.high))
    return f"{best} {unit} ({low} to {high} {unit})"


def _three(value: float) -> str:
    """Three significant figures, and every digit before the point: `0.431`, `27.1`, `1,120`."""
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"
