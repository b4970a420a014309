"""Each spec of specs/, by itself and in each of its variants: `vgg16`, `vgg16@bn`."""

from __future__ import annotations

from archcalc.diagnostics import Findings, Source
from archcalc.network.load import parsed
from tests.conftest import SPECS

CASES = [
    case
    for path in SPECS
    for case in (
        path.stem,
        *(f"{path.stem}@{name}" for name in parsed(Source(str(path), path.read_text("utf-8")), Findings()).variants),
    )
]
