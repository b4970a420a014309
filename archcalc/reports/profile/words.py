"""Sentences that the forms of a profile share."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.prediction.words import between
from archcalc.reports.profile.report import Profile
from archcalc.running.declaration import COMPILED

_LIMIT = 0.10
# The prediction of the peak counts as right within this fraction.
_SURE = 0.03


def facts(profile: Profile) -> str:
    """How it was run."""
    return f"{profile.running}, torch {profile.torch}"


def memory(profile: Profile) -> list[str]:
    """The peak beside the prediction of `archcalc memory`, with the error if it is too large."""
    predicted = f"{numbers.size(profile.predicted)} predicted"
    if profile.peak is None:
        return [f"peak: this device keeps no count, {predicted}"]
    found = [f"peak {numbers.size(profile.peak)}, {predicted}"]
    apart = profile.predicted / profile.peak - 1 if profile.peak else 0.0
    if abs(apart) > _SURE:
        found.append(f"warning: the prediction is {abs(100 * apart):.1f} % too {'low' if apart < 0 else 'high'}")
    return found


def time(profile: Profile) -> list[str]:
    """The prediction of `archcalc predict` with its error relative to the measured time, or why there is none."""
    one = profile.time
    if isinstance(one, str):
        return [f"time not predicted: {one}"] if one else []
    total, measured = one.total, profile.quiet_seconds
    of = " of CPU time" if profile.is_busy else ""
    found = [f"time {numbers.seconds(measured)}{of}, {between(total)} predicted"]
    if measured:
        found.append(apart(total.seconds, measured))
        if not total.low <= measured <= total.high:
            found.append("outside of the range")
    return found


def apart(predicted: float, measured: float) -> str:
    """The error of a prediction, relative to the measured value."""
    return f"{abs(100 * (predicted / measured - 1)):.0f} % {'below' if predicted < measured else 'above'} the measured"


def worked(profile: Profile) -> list[str]:
    """How long the thread ran, on a CPU."""
    return [f"{numbers.seconds(profile.worked.median)} of CPU time"] if profile.worked.seconds else []


def busy(profile: Profile) -> list[str]:
    """How much of the time other programs took."""
    if not profile.is_busy:
        return []
    return [
        f"the machine was busy: the thread waited {100 * profile.waited:.0f} % of the time; "
        "the times of layers are CPU time, which excludes that"
    ]


def phases(profile: Profile) -> list[str]:
    """The time of each phase of a step, and the predicted one."""
    known = profile.phase_predictions
    return [
        f"{name} {numbers.seconds(times.median)}"
        + (f" ({numbers.seconds(known[name].seconds)} predicted)" if name in known else "")
        for name, times in profile.phases.items()
    ]


def phases_apart(profile: Profile) -> list[str]:
    """Why the phases do not add up to the step, where they do not: each is the median of its own runs."""
    phases, whole = sum(times.median for times in profile.phases.values()), profile.total.median
    if not whole or abs(phases / whole - 1) <= _LIMIT:
        return []
    return [
        f"the medians of the phases sum to {numbers.seconds(phases)}: most runs were held up, each in a different phase, "
        "so the machine was not quiet"
    ]


def relation(profile: Profile) -> str:
    """How the sum of the layers relates to the total, which was timed without marks."""
    phases = profile.worked_in or profile.phases
    timed = [phases[name].median for name in ("forward", "backward")] if profile.phases else []
    whole, layers = sum(timed) or profile.worked.median or profile.total.median, profile.layer_seconds
    if not layers:
        return "no layer was timed: the run was interrupted"
    apart = layers / whole - 1
    what = "the untouched forward and backward passes" if timed else "the untouched total"
    sentence = (
        f"layers sum to {numbers.seconds(layers)}, {abs(100 * apart):.1f} % {'above' if apart >= 0 else 'below'} {what}"
    )
    if abs(apart) <= _LIMIT:
        return sentence
    if profile.running.execution == COMPILED:
        return f"{sentence}: the total is compiled, single layers are not"
    if apart > 0:
        return f"{sentence}: marking each layer keeps work from overlapping, or the machine was not quiet"
    return f"{sentence}: some work is outside the layers, or the machine was not quiet"
