"""State space models: a linear recurrence whose decay, input and output depend on the position."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, given, module
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.memory import JOINED
from archcalc.layers.operands import Reference
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import called, part, work


@layer("selectivescan", family="recurrent", aliases=("mamba", "selective_scan", "ssm", "s6", "ssd", "statespace"))
class SelectiveScan(Layer):
    """The recurrence of a state space model, in which every position sets the decay, the input and the output.

    [steps, channels] -> [steps, channels], with a state for each channel. dt [steps, channels] is positive (`softplus`);
    the channels of a group share b and c [steps, groups·state]. Without `heads`, each element of a state has
    its own decay (Mamba); with it, each head has one, and dt is [steps, heads] (Mamba-2). The gate z is a `mul` after it.
    FLOPs are the published 9 for each element of a state and step of a parallel scan, of which the products with c are
    MACs, plus 1 for each product with D. `build` writes it in plain PyTorch, step by step.
    Source: Gu and Dao 2023, arXiv:2312.00752; Dao and Gu 2024, arXiv:2405.21060; selective_scan_fn of mamba_ssm.
    """

    autocast = JOINED
    notation = (
        "h(t) = exp(Δ(t) A) ⊙ h(t−1) + Δ(t) x(t) B(t)        A = −exp(A_log), h(0) = 0\ny(t) = h(t) C(t) + D ⊙ x(t)"
    )

    layout = FEATURES_LAST
    ranks = (2, 2)
    wants = "a sequence of vectors [steps, features]"

    dt: Tensor = arg(Reference, "step sizes Δ, of each channel or head", aliases=("delta",))
    b: Tensor = arg(Reference, "how the input enters the state", aliases=("B",))
    c: Tensor = arg(Reference, "how the state is read", aliases=("C",))
    heads: int | None = arg(Whole, "one decay for each of so many heads; default: for each element of a state", default=None, min=1)  # fmt: skip
    groups: int = arg(Whole, "so many b and c, each for as many channels", default=1, min=1, aliases=("n_groups",))
    skip: bool = arg(Flag, "learn D, by which the input goes to the output", default=True)

    @property
    def computes(self) -> str:
        """The notation, without D if it is not learned."""
        return self.notation if self.skip else self.notation.replace(" + D ⊙ x(t)", "")

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last in all four."""
        return (inputs[0], FEATURES_LAST, None), *(
            (getattr(self, name), FEATURES_LAST, name) for name in ("dt", "b", "c")
        )

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Only the sequence."""
        return inputs[:1]

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the sequence."""
        return inputs[0].rank

    @property
    def size(self) -> int:
        """Elements of a channel's state."""
        return called(self.b.shape[-1] // self.groups, "state", self.b.shape[-1])

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the four do not fit together, or channels cannot be divided evenly."""
        steps, channels = x.shape
        rows = channels if self.heads is None else self.heads
        if channels % rows:
            changes = [Change({"heads": near}) for near in divisors_near(channels, rows)]
            raise ShapeError("SHP105", f"{rows} heads do not divide the {channels} channels", "heads", changes=changes)
        if rows % self.groups:
            what = "channels" if self.heads is None else "heads"
            changes = [Change({"groups": near}) for near in divisors_near(rows, self.groups)]
            raise ShapeError(
                "SHP105", f"{self.groups} groups do not divide the {rows} {what}", "groups", changes=changes
            )
        dt, b, c = (self.numbers(name) for name in ("dt", "b", "c"))
        if dt.shape != (steps, rows):
            changes = [] if dt.rank != 2 or dt.shape[0] != steps else [Change({"heads": plain(dt.shape[1])})]
            changes = changes if changes and channels % dt.shape[1] == 0 and dt.shape[1] % self.groups == 0 else []
            message = f"`dt` must be [{plain(steps)}, {plain(rows)}], not {dt}"
            help = f"a `linear` to {plain(rows)} features and a `softplus` give it"
            raise ShapeError("SHP107", message, "dt", help, changes=changes)
        if b.rank != 2 or b.shape[0] != steps:
            help = "a step of `b` is a row: a `linear` to groups·state features of the same sequence gives it"
            raise ShapeError("SHP107", f"`b` must be [{plain(steps)}, groups·state], not {b}", "b", help)
        if b.shape[-1] % self.groups:
            raise ShapeError(
                "SHP105",
                f"{self.groups} groups do not divide the {b.shape[-1]} features of `b`",
                "groups",
                "`b` has groups·state features",
            )
        if c.shape != b.shape:
            help = f"a `linear` to the {b.shape[-1]} features of `b` gives it"
            raise ShapeError("SHP107", f"`c` must be {b}, as `b`, not {c}", "c", help)
        return Tensor(x.shape)

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """Later steps see earlier ones."""
        return (0,)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The logarithm of the decays, and D, which bypasses the state."""
        decays: Shape = (x.shape[1], self.size) if self.heads is None else (self.heads,)
        return {"A_log": decays} | ({"D": decays[:1]} if self.skip else {})

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """In each step, the state of each channel times c."""
        steps, channels = inputs[0].shape
        return called(steps, "steps", steps) * channels * self.size

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """The published count without the products with c."""
        steps, channels = inputs[0].shape
        steps = called(steps, "steps", steps)
        scan = work(
            steps * channels * self.size,
            "element of a state and step",
            ("two joins of a parallel scan, three operations each", 6),
            ("input times b", 1),
        )
        return (
            part("scan", scan) + part("D ⊙ x", work(steps * channels, "element", ("product", 1))) if self.skip else scan
        )

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """The products with c once more for its gradient, and once more for that of the states."""
        return self.macs(y, *inputs) * (needs[3] + (learns or any(needs[:3])))

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """The states after the last step."""
        return {"h": (inputs[0].shape[1], self.size)}

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The decays and states of all steps, and what both are computed from."""
        (x, dt, b, c), learns = how.needs, how.learns
        steps, channels = map(plain, inputs[0].shape)
        state, decays = plain(self.size), plain(product(self.params(inputs[0])["A_log"]))
        decay, entry = dt or learns, x or dt
        recurs = decay or entry or b
        one, low = how.batch * channels * state, self._reads_low(how)
        copies = self._copied(how) if recurs else 0
        kept = {
            "decays": how.batch * steps * decays * how.width if decay or (recurs and steps > 1) else 0,
            "states": one * how.width * (steps + (bool(c) and not low) if decay else steps * (bool(c) and not low)),
            "copies of states": one * steps * low * c,
            "inputs of the states": how.batch * steps * channels * self._entry_bytes(how) * b,
            "rates": decays * (learns + dt) * how.width,
            "copies of c": how.batch * plain(copies) * (low or how.width),
        }
        reads = [dt or (learns and self.skip), learns or x, entry, recurs and not copies]
        return Saved(tuple(place for place, read in enumerate(reads) if read), extra=kept)

    def element_bytes(self, how: Saving) -> int:
        """Those of the products with c, unless D is added."""
        return how.width if self.skip else self._reads_low(how) or how.width

    def _reads_low(self, how: Saving) -> int:
        """Bytes of an element of the states' copies for autocast's products; 0 without autocast."""
        return how.given[3] if how.given and how.given[3] < how.width else 0

    def _entry_bytes(self, how: Saving) -> int:
        return max(how.given[:2]) if how.given else how.width

    def _copied(self, how: Saving) -> int:
        """Elements of c that are read from copies, because samples and groups cannot be viewed as one axis."""
        steps, features = self.c.shape
        one = how.strides[3].selected(1)
        rows = (how.batch * self.groups, features // self.groups)
        return 0 if one.viewed(rows) is not None else steps * features

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Forward, the largest of three moments: the decays as a product, a step with four states, the stacking of all outputs.

        Backward, a step has three states; the gradients of all decays are stacked after the states have been freed.
        """
        steps, channels = map(plain, inputs[0].shape)
        decays = how.batch * steps * plain(product(self.params(inputs[0])["A_log"])) * how.width
        whole = how.batch * steps * channels * how.width
        one = how.batch * channels * plain(self.size) * how.width
        given = whole // how.width * (self._reads_low(how) or how.width)
        kept = self.saved(how, y, *inputs).extra if how.keeps else {}
        made = {"decays": decays, "inputs of the states": whole // how.width * self._entry_bytes(how), "states": one}
        held = sum(size for name, size in made.items() if not kept.get(name))
        first = decays + (0 if kept.get("decays") else decays)
        stacked = held + one + given + (given + whole if self.skip else 0)
        gradients = sum(plain(x.elements) for x, needed in zip(inputs, how.needs) if needed) * how.batch * how.width
        let_go = sum(kept.get(name, 0) for name in ("states", "copies of states", "inputs of the states"))
        later = 2 * decays * (how.needs[1] or how.learns) - let_go
        return max(first, stacked, held + 3 * one), max(0, later, 3 * one - gradients)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        options = given(heads=(self.heads or 0, 0), groups=(self.groups, 1), skip=(self.skip, False))
        code = module("SelectiveScan", x.shape[1], self.size, **options)
        code.call = "{self}({0}, {1}, {2}, {3})"
        return code
