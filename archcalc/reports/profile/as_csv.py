"""One line for each layer."""

from __future__ import annotations

from archcalc.reports.profile.as_json import data
from archcalc.reports.profile.report import Profile
from archcalc.reports.sheet import sheet


def render(profile: Profile) -> str:
    """The keys of a layer in JSON."""
    layers = data(profile)["layers"]
    return sheet(layers[0].keys() if layers else ["id"], [layer.values() for layer in layers])
