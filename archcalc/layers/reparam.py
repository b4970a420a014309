"""Weights computed from parameters: with separate lengths, with spectral norm 1, or standardised."""

from __future__ import annotations

from archcalc.layers.arguments import Number, Whole, Word, arg
from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.change import Change
from archcalc.layers.code import Code
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.tensor import Shape
from archcalc.quantity import plain, product
from archcalc.terms import called

WEIGHTNORM, SPECTRALNORM, STANDARDIZED = "weightnorm", "spectralnorm", "standardized"
# What precedes the equation of the layer, whose weights are W or h.
_EQUATIONS = {
    WEIGHTNORM: "{w} = γ · V / ‖V‖        a learned length for each entry of an axis",
    SPECTRALNORM: "{w} = V / (uᵀ V v)        by its largest singular value; u and v are stored",
    STANDARDIZED: "{w} = (V − mean V) / √(var V + ε)        for each output",
}


class Reparametrized(Layer):
    """A layer whose weight may be computed from parameters: once per batch, or stored at inference."""

    keys_last = True
    keys = "reparam", "reparam_axis", "reparam_eps"

    reparam: str | None = arg(
        Word,
        "what its weight is computed by, from what is learned",
        choices=(WEIGHTNORM, SPECTRALNORM, STANDARDIZED),
        default=None,
    )
    reparam_axis: int | None = arg(
        Whole, "weightnorm: the axis of the weight whose entries have lengths; default: 0", default=None
    )
    reparam_eps: float | None = arg(Number, "standardized: added to the variance; default: 1e-6", default=None, min=0)

    @property
    def is_altered(self) -> bool:
        """Whether its module is not PyTorch's own."""
        return self.reparam is not None

    def check_reparam(self, weight: Shape) -> None:
        """Raises `ShapeError` for keys of another reparametrisation, and for an axis that the weight does not have."""
        for key, kind in (("reparam_axis", WEIGHTNORM), ("reparam_eps", STANDARDIZED)):
            if getattr(self, key) is not None and self.reparam != kind:
                changes = [Change({"reparam": kind}), Change({key: None})]
                raise ShapeError("SPC004", f"`{key}` needs reparam={kind}", key, changes=changes)
        axis = self.reparam_axis
        if axis is not None and axis not in (0, len(weight) - 1):
            help = f"the axes are those of the weight {list(map(plain, weight))}: the first or the last"
            raise ShapeError("SHP101", f"weightnorm does not work along axis {axis}", "reparam_axis", help)

    def learned(self, shapes: dict[str, Shape]) -> dict[str, Shape]:
        """The parameters by name; `shapes` are those without reparametrisation."""
        if self.reparam is None:
            return shapes
        others = {name: shape for name, shape in shapes.items() if name != "weight"}
        weight, at = shapes["weight"], "parametrizations.weight.original"
        if self.reparam != WEIGHTNORM:
            return {**others, at: weight}
        axis = self.reparam_axis or 0
        one = called(1, "length", weight[axis])
        lengths = tuple(size if index == axis else one for index, size in enumerate(weight))
        return {**others, f"{at}0": lengths, f"{at}1": weight}

    def vectors(self, weight: Shape, axis: int = 0) -> dict[str, Shape]:
        """The stored vectors of spectralnorm."""
        if self.reparam != SPECTRALNORM:
            return {}
        rest = product(size for index, size in enumerate(weight) if index != axis)
        at = "parametrizations.weight.0"
        return {f"{at}._u": (weight[axis],), f"{at}._v": (rest,)}

    def computed_by(self, equation: str, symbol: str) -> str:
        """The equation of the layer, preceded by that of its weight."""
        return equation if self.reparam is None else f"{_EQUATIONS[self.reparam].format(w=symbol)}\n{equation}"

    def with_weight(self, how: Saving, saved: Saved, weight: Shape, axis: int = 0, itself: bool = True) -> Saved:
        """What is kept, including a computed weight (for the input's gradient) and what it is computed from."""
        if self.reparam is None or not (how.needs[0] or how.learns):
            return saved
        size, outputs = plain(product(weight)), plain(weight[axis])
        extra = {"weight": size * itself}
        if how.learns and self.reparam == WEIGHTNORM:
            extra["lengths"] = plain(product(self.learned({"weight": weight})["parametrizations.weight.original0"]))
        elif how.learns and self.reparam == STANDARDIZED:
            extra |= {"means": plain(weight[0]), "deviations": plain(weight[0])}
        elif how.learns:
            extra |= {"u": outputs, "v": size // outputs, "largest factor": 1}
        together = {**saved.extra, **{name: count * how.width for name, count in extra.items()}}
        return Saved(saved.inputs, saved.output, together, alone=tuple(extra))

    def beside_weight(self, how: Saving, passing: tuple[int, int], weight: Shape) -> tuple[int, int]:
        """What is needed temporarily, including a computed weight that is not kept, and its gradient."""
        if self.reparam is None:
            return passing
        size = plain(product(weight)) * how.width
        return passing[0] + (0 if how.keeps else size), passing[1] + size * how.learns

    def wrapped(self, code: Code) -> Code:
        """A PyTorch module with a computed weight."""
        if self.reparam == STANDARDIZED:
            eps = "" if self.reparam_eps in (None, 1e-6) else repr(float(self.reparam_eps or 0))
            made = f"Standardized({eps})"
            code.around = f'nn.utils.parametrize.register_parametrization({{module}}, "weight", {made})'
            code.pieces = ("Standardized",)
        elif self.reparam is not None:
            axis = f", dim={self.reparam_axis}" if self.reparam_axis else ""
            function = "weight_norm" if self.reparam == WEIGHTNORM else "spectral_norm"
            code.around = f"nn.utils.parametrizations.{function}({{module}}{axis})"
        return code
