"""`archcalc layer NAME`."""

from __future__ import annotations

import click

from archcalc.advice import suggest
from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.diagnostics import RequestError
from archcalc.layers import REGISTRY
from archcalc.layers.structures import STRUCTURES
from archcalc.spelling.names import meaning
from archcalc.terminal import complain


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in (*REGISTRY, *STRUCTURES) if name.startswith(incomplete)]


@click.command(name="layer")
@click.argument("name", shell_complete=_names)
@options.form("layer")
@options.color
@options.guarded
def command(name: str, format: str, color: str) -> int:
    """Describe one layer: its keys, shapes and formulas."""
    if name in STRUCTURES:
        emit("layer", format, STRUCTURES[name], color)
        return 0
    if name not in REGISTRY:
        known = meaning(name)
        if known is None or known.layer is None:
            near = suggest(name, list(REGISTRY))
            hint = known.sentence if known else f"did you mean `{near}`?" if near else "`archcalc layers` lists them"
            raise RequestError(f"no layer is named `{name}`: {hint}")
        complain(f"archcalc: `{name}` is `{known.layer}` here{f' with {known.keys}' if known.keys else ''}", "never")
        name = known.layer
    emit("layer", format, REGISTRY[name], color)
    return 0
