"""How the keys of each layer are drawn, so that they mostly fit the tensor before it.

Flags, words, numbers and sizes are drawn from how the layer declares them; whole numbers, texts and
whatever fits seldom are declared here, in the file of the layer's family:

    @key("groups", of=("conv", "convtranspose"), chance=0.3)
    def groups(at: Place) -> object:
        return at.divisor(at.shape[0])
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from archcalc.layers import REGISTRY, Layer
from archcalc.layers.arguments import REQUIRED, Argument
from archcalc.layers.layout import ASKS, LAYOUTS
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.layers.tensor import Tensor
from tests.draw.choices import Choices
from tests.draw.layers.place import DRAWN_BY_KIND, Place

Draw = Callable[[Place], object]
Fits = Callable[[Tensor], bool]
_F = TypeVar("_F", bound=Fits)

# How a key of a layer is drawn, and how often one that need not be given is.
KEYS: dict[tuple[str, str], tuple[Draw, float]] = {}
# What a layer wants of its input beside layout and rank; and how often it is drawn, where not once.
FITS: dict[str, Fits] = {}
WEIGHTS: dict[str, float] = {}
_OFTEN = 0.35


def key(name: str, of: str | tuple[str, ...], chance: float = _OFTEN) -> Callable[[Draw], Draw]:
    """Declare how a key of a layer, or of several, is drawn; None leaves it out."""

    def register(draw: Draw) -> Draw:
        for op in (of,) if isinstance(of, str) else of:
            KEYS[op, name] = draw, chance
        return draw

    return register


def fits(*ops: str) -> Callable[[_F], _F]:
    """Declare which inputs a layer is drawn for."""

    def register(function: _F) -> _F:
        FITS.update(dict.fromkeys(ops, function))
        return function

    return register


def often(weight: float, *ops: str) -> None:
    """Draw layers more often: those that others build on, or that seldom fit."""
    WEIGHTS.update(dict.fromkeys(ops, weight))


def is_structure(argument: Argument) -> bool:
    """Whether a key takes layers or tensors, so that a construct draws it."""
    return isinstance(argument, (Body, Operands, Reference))


def single_layers() -> dict[str, float]:
    """The layers that can be drawn alone, with their weights."""
    return {op: WEIGHTS.get(op, 1) for op, cls in REGISTRY.items() if _is_single(cls)}


@cache
def _is_single(cls: type[Layer]) -> bool:
    return not any(is_structure(argument) and argument.required for argument in cls.arguments.values())


def undrawn(op: str) -> list[str]:
    """The keys of a layer that nothing says how to draw."""
    return [
        name
        for name, argument in REGISTRY[op].arguments.items()
        if (op, name) not in KEYS and type(argument) not in DRAWN_BY_KIND and not is_structure(argument)
    ]


def suits(cls: type[Layer], x: Tensor) -> bool:
    """Whether a layer can read `x`, as far as its class says."""
    if not cls.takes_input:
        return True
    least, most = cls.ranks
    return (
        least <= x.rank <= most
        and (cls.layout not in LAYOUTS or x.layout in (None, cls.layout))
        and not (cls.numeric and x.integer)
    )


def draw_keys(op: str, x: Tensor, choices: Choices) -> dict[str, object] | None:
    """The keys of a layer that reads `x`; None where it does not fit."""
    cls = REGISTRY[op]
    if not suits(cls, x) or not FITS.get(op, lambda x: True)(x):
        return None
    drawing = _Drawing(cls, x, choices)
    values = {name: drawing[name] for name, argument in cls.arguments.items() if not is_structure(argument)}
    values |= drawing.free
    if any(values.get(name, REQUIRED) is None and cls.arguments[name].required for name in cls.arguments):
        return None
    return {name: value for name, value in values.items() if value is not None}


class _Drawing:
    """The keys of one layer, each drawn when it is first asked for."""

    def __init__(self, cls: type[Layer], x: Tensor, choices: Choices) -> None:
        self.cls, self.x, self.choices = cls, x, choices
        self.values: dict[str, object] = {}
        self.free: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        if name not in self.values:
            self.values[name] = self._drawn(name)
        return self.values[name]

    def _drawn(self, name: str) -> object:
        argument = self.cls.arguments[name]
        draw, chance = KEYS.get((self.cls.op, name), (DRAWN_BY_KIND.get(type(argument)), _OFTEN))
        choices = self.choices / name
        if name == "axis" and self.cls.layout == ASKS and self.x.rank > 1 and self.x.layout is None:
            chance = 0.9  # a later layer seldom decides which axis is meant
        if draw is None or not (argument.required or choices.chance("given", chance)):
            return None
        return draw(Place(self, argument, choices.random()))


for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
