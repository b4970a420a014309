"""Convolution filters made by other layers: fixed, computed from parameters, or one for each sample."""

from __future__ import annotations

from typing import Any

from archcalc.layers.arguments import arg
from archcalc.layers.base import ShapeError
from archcalc.layers.borders import Border, pad_call, sides
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.correlation import Convolution, one_size
from archcalc.layers.operands import Reference
from archcalc.layers.reparam import Reparametrized
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, joined
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain, product


class Filtering(Reparametrized, Convolution):
    """A convolution that learns its filters, or reads them from the layer `weight`: shared, or one per sample."""

    keys_last = True
    broadcasts = True
    tied_as = "filters"

    weight: Tensor | None = arg(
        Reference,
        "filters that another layer gives, instead of learned ones, with bias=false; their first axis may be 1, the same for all",
        default=None,
    )

    @property
    def label(self) -> str:
        """As for every convolution, with the reparametrisation of its weight."""
        return super().label + (f" reparam={self.reparam}" if self.reparam is not None else "")

    @property
    def computes(self) -> str:
        """The equation; filters that are read are not parameters and have no bias."""
        equation = self.computed_by(super().computes, "h")
        if self.weight is None:
            return equation
        same = ", the same for all c" if self.weight.shape[0] == 1 else ""
        return equation.replace("b[c] + ", "") + f"\nh: what `weight` gives{same}"

    def check_filters(self, x: Tensor) -> None:
        """Raises `ShapeError` unless the given filters have the layer's sizes."""
        wanted = self.filters(x)
        self.check_reparam(wanted)
        if self.weight is None:
            return
        if self.reparam is not None:
            message = "filters from `weight=` are used as they are"
            given = [key for key in Reparametrized.keys if getattr(self, key) is not None]
            changes = [Change(dict.fromkeys(given)), Change({"weight": None})]
            raise ShapeError("SPC004", message, "reparam", changes=changes)
        if self.numbers("weight").shape not in (wanted, (1, *wanted[1:])):
            sizes = list(map(plain, wanted))
            raise ShapeError(
                "SHP107",
                f"`weight` must be {sizes}, not {self.weight}",
                "weight",
                f"its axes are those of {self.module_name(x)}.weight; the first may be 1",
                changes=self._of_filters(x, wanted),
            )
        if self.bias:
            raise ShapeError(
                "SPC004",
                "filters from `weight=` come without a bias",
                "weight",
                changes=[Change({"bias": False})],
            )

    def _of_filters(self, x: Tensor, wanted: Shape) -> list[Change]:
        """Changes that fit given filters: other groups, or another kernel."""
        assert self.weight is not None
        given = self.weight.shape
        if len(given) != len(wanted):
            return []
        keys: dict[str, Any] = {}
        if given[2:] != wanted[2:]:
            keys["kernel"] = one_size(tuple(given[2:]))
        seen = plain(given[1]) if self.op == "conv" else 0  # of one group
        if given[1] != wanted[1] and seen and x.shape[0] % seen == 0:
            keys["groups"] = plain(x.shape[0]) // seen
        if given[0] not in (1, wanted[0]) and self.op == "conv":
            keys["channels"] = plain(given[0])
        return [Change(keys)] if keys else []

    def module_name(self, x: Tensor) -> str:
        """PyTorch's class that learns such filters."""
        raise NotImplementedError(self.op)

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Image and filters."""
        return inputs

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The image: the output has its channels first."""
        return inputs[:1]

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the image."""
        return inputs[0].rank

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """As many as in the forward pass for the filters' gradient, and as many again for the input's."""
        if self.weight is None:
            return super().backward_macs(learns, needs, y, *inputs)
        return self.macs(y, *inputs) * sum(needs)

    @property
    def bound_keys(self) -> tuple[str, ...]:
        """Those of the filters, if another layer makes them."""
        return () if self.weight is None else ("channels", "kernel", "groups")

    @property
    def each_sample(self) -> bool:
        """Whether each sample has its own filters; then all are convolved at once, as groups of one image."""
        return self.weight is not None and self.weight.batched

    def params(self, x: Tensor) -> dict[str, Shape]:
        """None if filters are given."""
        return self.learned(super().params(x)) if self.weight is None else {}

    # The axis of the weight along which outputs lie; spectralnorm moves it to the front.
    outputs_axis = 0

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """Those of the reparametrisation."""
        return self.vectors(self.filters(x), self.outputs_axis) if self.reparam is not None else {}

    def learns_filters(self, how: Saving) -> bool:
        """Whether the filters' gradient is needed."""
        return how.learns if self.weight is None else how.needs[-1]

    # -- memory -----------------------------------------------------------------------------

    def reads_back(self, name: str) -> bool:
        """The filters: autograd keeps all that a convolution reads, for all of its gradients."""
        return name == "weight"

    def sums_samples(self) -> bool:
        """True for an image shared by all samples, if each has its own filters; shared filters get one product."""
        return self.each_sample

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like any convolution; with filters for each sample, contiguous."""
        return contiguous((how.batch, *y.shape)) if self.each_sample else super().strides(how, y, *inputs)

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """Inputs whose strides do not let them be viewed as groups of one image, or as their filters."""
        x = inputs[0]
        if not self.each_sample:
            return ()
        apart = (x.batched and not self._is_flat(how, 0, x)), (not self._spreads(x) and not self._is_flat(how, 1, x))
        return tuple(place for place, copies in enumerate(apart) if copies)

    def _is_flat(self, how: Saving, place: int, x: Tensor) -> bool:
        """Whether samples and channels of an input, expanded over the samples, can be viewed as one axis."""
        stretched = how.strides[place].expanded((how.batch, *((x.shape, self.filters(x))[place])))
        return stretched.viewed(joined(stretched.sizes, 0, 1)) is not None

    def _spreads(self, x: Tensor) -> bool:
        """Whether a single filter is used for all channels."""
        return self.weight is not None and self.weight.shape[0] != self.filters(x)[0]

    def kept_images(self, how: Saving, *inputs: Tensor, filters: Saved) -> Saved:
        """The input, for the gradient of the filters, in addition to what is kept of the filters."""
        x = inputs[0]
        if self.each_sample and not x.batched and not self._is_flat(how, 0, x):  # repeated for each
            return Saved(filters.inputs, extra={"images": how.batch * plain(x.elements) * how.width, **filters.extra})
        return self.with_weight(
            how, Saved((0, *filters.inputs), extra=filters.extra), self.filters(x), self.outputs_axis
        )

    def kept_filters(self, how: Saving, *inputs: Tensor) -> Saved:
        """The given filters, or their repeated copies."""
        if self.weight is None:
            return NOTHING
        x = inputs[0]
        if self.each_sample and self._spreads(x) and not self._is_flat(how, 1, x):
            return Saved(extra={"filters": how.batch * plain(product(self.filters(x))) * how.width})
        return Saved((1,))

    def kernels(
        self, how: Saving, before: tuple[int, ...], padding: tuple[int, ...], y: Tensor, *inputs: Tensor
    ) -> tuple[int, int]:
        """What PyTorch's kernels need temporarily, forward and backward."""
        found = self.convolving(how, before, padding, y, *inputs)
        if self.each_sample:
            count = how.batch
            one = how._replace(batch=1, strides=(contiguous((1, count * found.inputs, *before)),))
            found = found._replace(
                how=one, inputs=count * found.inputs, outputs=count * found.outputs, groups=count * found.groups
            )
        return self.beside_weight(how, found.passing(), self.filters(inputs[0]))

    # -- PyTorch ----------------------------------------------------------------------------

    def applied(
        self, function: str, x: Tensor, borders: list[Border] | None, mode: str, **options: tuple[Any, Any]
    ) -> Code:
        """The call of a function of torch.nn.functional with filters; `borders` are added before it."""
        assert self.weight is not None
        more = [(name, value) for name, (value, default) in options.items() if value != default]
        values = dict(more)
        image, filters = "{0}", "{1}[0]"
        if borders is not None:
            image, values["sides"] = pad_call(mode), sides(borders)
        same = self._spreads(x)
        spread = ", -1" * x.rank
        if same:
            values["channels"] = plain(self.filters(x)[0])
        if not self.each_sample:
            filters += f".expand({{channels}}{spread})" if same else ""
            groups = ", groups={groups}" if plain(self.groups) != 1 else ""
        else:
            image += ".flatten(0, 1)[None]" if x.batched else f".expand({{1}}.shape[0]{spread}).flatten(0, 1)[None]"
            filters = "{1}" + (f".expand(-1, {{channels}}{spread})" if same else "") + ".flatten(0, 1)"
            groups = ", groups=" + ("{groups} * " if plain(self.groups) != 1 else "") + "{1}.shape[0]"
        if "{groups}" in groups:
            values["groups"] = plain(self.groups)
        given = "".join(f", {name}={{{name}}}" for name, _ in more)
        call = f"{function}({image}, {filters}{given}{groups})"
        if self.each_sample:
            call += "[0].unflatten(0, ({1}.shape[0], -1))"
        return expression(call, **values)
