"""What the forms of a profile say in words."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.profile.report import Profile
from archcalc.running.declaration import COMPILED

_LIMIT = 0.10
# From this part of the time on in which the thread did not run, the machine was busy.
_BUSY = 0.15
# The prediction of the peak is right within this part.
_SURE = 0.03


def facts(profile: Profile) -> str:
    """How it was run."""
    return f"{profile.running}, torch {profile.torch}"


def memory(profile: Profile) -> list[str]:
    """The peak beside what `archcalc memory` predicts, and how far that is from what was measured where it is too far."""
    predicted = f"{numbers.size(profile.predicted)} predicted"
    if profile.peak is None:
        return [f"peak: this device keeps no count, {predicted}"]
    found = [f"peak {numbers.size(profile.peak)}, {predicted}"]
    apart = profile.predicted / profile.peak - 1 if profile.peak else 0.0
    if abs(apart) > _SURE:
        found.append(f"warning: the prediction is {abs(100 * apart):.1f} % too {'low' if apart < 0 else 'high'}")
    return found


def worked(profile: Profile) -> list[str]:
    """How long the thread ran, on a CPU."""
    return [f"{numbers.seconds(profile.worked.median)} of CPU time"] if profile.worked.seconds else []


def busy(profile: Profile) -> list[str]:
    """How much of the time other programs took."""
    if not profile.worked.seconds or not profile.total.median:
        return []
    waited = 1 - profile.worked.median / profile.total.median
    if waited < _BUSY:
        return []
    return [
        f"the machine was busy: the thread waited {100 * waited:.0f} % of the time; layers are in CPU time, without that"
    ]


def phases_apart(profile: Profile) -> list[str]:
    """Why the phases do not add up to the step, where they do not: each is the median of its own runs."""
    phases, whole = sum(times.median for times in profile.phases.values()), profile.total.median
    if not whole or abs(phases / whole - 1) <= _LIMIT:
        return []
    return [
        f"the medians of the phases sum to {numbers.seconds(phases)}: most runs were held up, each in another phase, "
        "so the machine was not quiet"
    ]


def relation(profile: Profile) -> str:
    """How the sum of the layers relates to the total that was timed without marks."""
    phases = profile.worked_in or profile.phases
    timed = [phases[name].median for name in ("forward", "backward")] if profile.phases else []
    whole, layers = sum(timed) or profile.worked.median or profile.total.median, profile.layer_seconds
    if not layers:
        return "no layer was timed: it was interrupted"
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
