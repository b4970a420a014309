"""Networks drawn over the whole language, in formulas of their hparams, dims, image sizes and batch."""

from __future__ import annotations

import os
import re
from itertools import count

import pytest

from archcalc.diagnostics import Findings, RequestError, Source
from archcalc.network.load import parsed
from archcalc.symbolic.network import ClosedForm, closed_form
from tests.pytorch.networks import draw
from tests.symbolic.test_specs import compare

# How many networks are drawn, each from its number; more on request.
COUNT = int(os.environ.get("ARCHCALC_RANDOM_FORMULAS", "40"))


def named(text: str) -> tuple[str, list[str]]:
    """The spec with every number of its inputs under a name of its own, and those names."""
    number = count(1)
    found: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        found[f"size{next(number)}"] = match.group()
        return [*found][-1]

    lines = text.splitlines()
    for index, line in enumerate(lines):
        if line.startswith("input:"):
            lines[index] = re.sub(r"(?<![\w])\d+(?![\w])", name, line)
    for index, line in enumerate(lines):
        if line.startswith("hparams:"):
            lines[index] = line.rstrip("}") + "".join(f", {key}: {value}" for key, value in found.items()) + "}"
    return "\n".join(lines) + "\n", [*found]


def form_of(text: str, names: list[str]) -> ClosedForm | RequestError:
    try:
        return closed_form(parsed(Source("drawn.yaml", text), Findings()), names, batch=2)
    except RequestError as refusal:
        return refusal


def formulas(seed: int) -> int:
    """How many sets of names of a drawn network have a closed form; each is compared with builds."""
    text, sizes = named(draw(seed).spec())
    done = 0
    for names in (["batch"], ["h1", "h2", "batch"], sizes, *([size] for size in sizes)):
        if "seq" in text and names is sizes:
            names = [*names, "seq"] if "dims: {seq" in text else names
        form = form_of(text, list(names))
        if isinstance(form, RequestError):
            # Names that shapes depend on too much, as hparams that number an axis; the batch never is one.
            assert names != ["batch"], form
            lost = "is no formula" in str(form) or "no condition says" in str(form)
            assert not lost or "h2" in names, (form, text)
            continue
        compare(form, Source("drawn.yaml", text), None, batch=2)
        done += 1
    return done


@pytest.mark.parametrize("start", range(0, COUNT, 10))
def test_formulas_of_drawn_networks(start):
    assert sum(formulas(seed) for seed in range(start, start + 10)) >= 12
