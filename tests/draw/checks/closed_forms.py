"""Formulas of hparams, dims, input sizes and the batch give the numbers of builds, what is kept for backward too."""

from __future__ import annotations

import re
from itertools import count

from archcalc.diagnostics import Findings, RequestError, Source, SpecError
from archcalc.network.load import parsed
from archcalc.symbolic.network import ClosedForm, closed_form
from tests.draw.case import Case
from tests.draw.checks import Wrong
from tests.draw.choices import Choices
from tests.symbolic.kept import difference
from tests.symbolic.test_specs import compare

# So many choices of names for one network.
_FEW = 2


def wrong(case: Case) -> Wrong | None:
    text, sizes = named(case.text)
    source = Source("drawn.yaml", text)
    hparams = [name for name in ("h1", "h2") if f"{name}:" in text]
    dims = ["seq"] if "dims: {seq" in text else []
    choices = (["batch"], [*hparams, "batch"], [*sizes, *dims], *([size] for size in sizes))
    ranked = Choices(case.seed).ranked("names", [",".join(names) for names in choices])
    for joined in ranked if case.whole else ranked[:_FEW]:
        names = joined.split(",")
        form = _form_of(source, names)
        if not isinstance(form, ClosedForm):
            # Shapes may depend on names too much, as on hparams that number an axis; the batch never is one.
            lost = "is no formula" in str(form) or "no condition says" in str(form)
            if names == ["batch"] or (lost and "h2" not in names):
                return Wrong("refused", f"{', '.join(names)}: {form}")
            continue
        try:
            compare(form, source, None, batch=2)
        except AssertionError as error:
            return Wrong("other numbers", f"{', '.join(names)}: {str(error)[:300]}")
        for one in (form, _form_of(source, names, batch=1)):
            if isinstance(one, ClosedForm) and (what := difference(one, case.seed)):
                return Wrong("other bytes kept", f"{', '.join(names)}: {what}")
    return None


def _form_of(source: Source, names: list[str], batch: int = 2) -> ClosedForm | RequestError | SpecError:
    try:
        return closed_form(parsed(source, Findings()), names, batch=batch)
    except RequestError as refusal:
        return refusal
    except SpecError as error:
        if batch == 1:
            return error  # one sample may be too few for a norm
        raise


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
    new = ", ".join(f"{key}: {value}" for key, value in found.items())
    for index, line in enumerate(lines):
        if line.startswith("hparams:"):
            lines[index] = line.rstrip("}") + f", {new}}}"
            break
    else:
        lines.insert(1, f"hparams: {{{new}}}")
    return "\n".join(lines) + "\n", [*found]
