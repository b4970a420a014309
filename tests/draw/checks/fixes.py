"""Fixes leave valid specs; what safe ones leave computes the same; `--fix` goes to a fixed point.

Drawn networks, and these with a few things changed, of which rules find more to say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

import archcalc
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.pytorch.names import BuildError
from archcalc.rules.fixes import Fixed, fix
from archcalc.rules.runner import Task
from archcalc.rules.selection import Selection
from tests.draw.case import Case
from tests.draw.checks import Skipped, Wrong
from tests.draw.checks.build import flat
from tests.draw.choices import Choices
from tests.draw.mutations import some
from tests.rules.linting import apply, findings

# So many changed networks of each, with up to so many changes.
_CHANGED, _CHANGES = 2, 3


def cases(case: Case) -> Iterator[Case]:
    """The network, and some that are changed so that there is more to fix."""
    yield case
    for number in range(_CHANGED):
        at = Choices(case.seed) / "changed" / number
        changed = case
        for count in range(at.whole("count", 1, _CHANGES)):
            changed = _changed(changed, at / count) or changed
        if changed is not case:
            yield changed


def _changed(case: Case, at: Choices) -> Case | None:
    """The network with one thing changed, as it is drawn what."""
    kind = at.pick("kind", ["more", "more", "twice", "twice", "less", "moved", "value", "value"])
    fitting = (one for one in some(case.text, at, None) if one.kind == kind)
    for _, mutation in zip(range(8), fitting):
        changed = replace(case, text=mutation.text)
        try:
            changed.graph()
        except (SpecError, RequestError):
            continue
        return changed
    return None


def wrong(case: Case) -> Wrong | None:
    for found in findings(case.text, ("ALL",), case.batch, case.variant):
        if found.fix is not None:
            after = apply(case.text, [found.fix])
            name = f"{found.code} ({'safe' if found.fix.safe else 'unsafe'})"
            what = _static_difference(case, replace(case, text=after), found.fix.safe)
            if what:
                return Wrong(f"{name}: {what}", f"{name} at {found.place}: {what}")
    for unsafe in (False, True):
        fixed = _fixed(case, case.text, unsafe)
        option = "--unsafe-fixes" if unsafe else "--fix"
        if fixed.refused:
            return Wrong(f"{option} refuses", "; ".join(fixed.refused))
        if fixed.text == case.text and not fixed.applied:
            continue  # a second time is the first again
        after = replace(case, text=fixed.text)
        what = _static_difference(case, after, not unsafe) or (not unsafe and _other_values(case, after))
        if what:
            return Wrong(f"{option}: {what}", f"{option}: {what}")
        again = _fixed(case, fixed.text, unsafe)
        if again.text != fixed.text or again.applied:
            return Wrong(f"{option}: no fixed point", f"{option} changes {again.applied} more the second time")
    return None


def _static_difference(before: Case, after: Case, safe: bool) -> str:
    """What is not as it must be after a fix, without running anything; empty where all is."""
    try:
        old, new = before.graph(), after.graph()
    except SpecError as error:
        return f"the spec is no longer valid, {error.diagnostics[0].code}"
    if not safe:
        return ""
    if [tensor.shape for tensor in old.outputs.values()] != [tensor.shape for tensor in new.outputs.values()]:
        return "other shapes"
    return "more MACs" if Costs(old).totals.macs < Costs(new).totals.macs else ""


def _other_values(before: Case, after: Case) -> str:
    """Whether something else is computed, with the same weights; empty where the same is."""
    if before.text == after.text:
        return ""
    try:
        whole = _module(before)
    except BuildError:
        return ""
    try:
        net = _module(after)
    except BuildError as error:
        return f"no longer built, {error}"
    torch.default_generator.manual_seed(before.seed)
    for parameter in whole.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    weights = whole.state_dict()
    # Without a layer of its kind beside it a layer has no number in its name. Buffers of equal layers are equal.
    buffers = {_unnumbered(name): buffer for name, buffer in whole.named_buffers()}
    net.load_state_dict(
        {name: weights[name] if name in weights else buffers[_unnumbered(name)] for name in net.state_dict()}
    )
    samples = max(2, before.batch)  # batchnorm trains on more than one value
    inputs = [
        torch.randint(0, 2, (samples, *tensor.shape))
        if tensor.integer
        else torch.randn(samples, *tensor.shape, dtype=torch.double)
        for tensor in before.graph().inputs.values()
    ]
    try:
        old = _outputs(whole, inputs, before.seed)
    except IndexError:  # positions that lie in one tensor are drawn for another
        raise Skipped("it cannot run") from None
    pairs = zip(old, _outputs(net, inputs, before.seed), strict=True)
    # Numbers that a fix leaves nobody to take for positions are whole no more.
    equal = (torch.allclose(x.double(), y.double(), rtol=1e-5, atol=1e-8, equal_nan=True) for x, y in pairs)
    return "" if all(equal) else "other values"


def _fixed(case: Case, text: str, unsafe: bool) -> Fixed:
    """What `lint --fix` makes of a spec."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drawn.yaml")
        path.write_text(text, encoding="utf-8")
        spec = str(path) + (f"@{case.variant}" if case.variant else "")
        return fix(Task(spec, batch=case.batch), Selection(("ALL",), (), {}, None), unsafe, lambda finding: True)


def _unnumbered(name: str) -> str:
    return ".".join(part.rstrip("0123456789") or part for part in name.split("."))


def _module(case: Case) -> torch.nn.Module:
    torch.default_generator.manual_seed(case.seed)  # for the vectors of spectral norm, which are drawn as it is built
    return archcalc.loads(case.text, variant=case.variant, batch=case.batch).to_torch().double().train()


def _outputs(module: torch.nn.Module, inputs: list[torch.Tensor], seed: int) -> list[torch.Tensor]:
    torch.default_generator.manual_seed(seed)  # for dropout
    given = module(*inputs)
    return flat(list(given.values()) if isinstance(given, dict) else given)
