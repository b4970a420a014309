"""Position encodings: tables, waves, rotations, biases, and a class token."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Number, Size, Whole, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression, given, module
from archcalc.layers.field import ITSELF, Field, windows
from archcalc.layers.layout import ENDS, FEATURES_LAST
from archcalc.layers.memory import JOINED
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, concatenated, contiguous, iterated
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import work

# Operations that rotate one element.
ROTATING = ("products with cosine and sine", 2), ("addition", 1)
ROTATION = sum(count for _, count in ROTATING)
# Bytes of the number of a feature, and of its rate.
_INDEX, _RATE = 8, 4


@layer("posembed", aliases=("positionalembedding", "positionalencoding", "posenc", "positionembedding", "positional"))
class PosEmbed(Layer):
    """Adds a vector to each position. [*, positions, features] -> the same shape.

    kind=learned has a table [length, features]; kind=sinusoidal has no parameters
    (Vaswani et al. 2017, section 3.5).
    """

    autocast = JOINED
    joins = True
    example = ("posembed length=512", "20x64")
    notation = (
        "y[t] = x[t] + p[t]        p learned, or with kind=sinusoidal as follows\n"
        "p[t, 2i] = sin(t / 10000^(2i/d))        d: the features\n"
        "p[t, 2i+1] = cos(t / 10000^(2i/d))"
    )

    hands_on = True
    keeps_nothing = True
    layout = FEATURES_LAST
    ranks = (2, 8)
    wants = "a sequence of vectors [positions, features]"

    kind: str = arg(Word, "where the vectors come from", choices=("learned", "sinusoidal"), default="learned")
    length: int | None = arg(
        Whole,
        "rows of the table; default: the positions of the input",
        default=None,
        min=1,
        aliases=("max_len", "max_length"),
    )

    @property
    def computes(self) -> str:
        """The notation for its kind."""
        adds, *waves = self.notation.split("\n")
        adds = adds.partition("        ")[0]
        return "\n".join([adds, *waves]) if self.kind == "sinusoidal" else f"{adds}        p learned"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the table has fewer rows than the input has positions."""
        if self.length is not None and x.shape[-2] > self.length:
            raise ShapeError(
                "SHP101",
                f"the table has {self.length} positions, the input {x} has {x.shape[-2]}",
                "length",
                changes=[Change({"length": plain(x.shape[-2])})],
            )
        return Tensor(x.shape)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """A row for each position."""
        if self.kind == "sinusoidal":
            return {}
        return {"weight": (x.shape[-2] if self.length is None else self.length, x.shape[-1])}

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition per element."""
        return work(y.elements, "element", ("addition", 1))

    def is_wide(self, gpu: bool, *inputs: Tensor) -> bool:
        """A table that is learned is in fp32; one that is computed has the type of the input."""
        return self.kind == "learned"

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The table with its sines, cosines and angles, if it is computed; backward the gradient of the rows that are read."""
        rows, features = plain(y.shape[-2]), plain(y.shape[-1])
        table, others = rows * features * how.width, rows * how.width + features * (_INDEX + _RATE)
        if self.kind == "learned":
            return 0, table * how.learns
        return max(4 * table + others + features - y.numel * how.batch * how.width, 2 * table + others), 0

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and the table."""
        return iterated(how.strides[0], contiguous(y.shape[-2:]))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        if self.kind == "sinusoidal":
            return module("SinusoidalPositions")
        return module("PositionalEmbedding", *self.params(x)["weight"])


@layer("clstoken", aliases=("classtoken", "cls_token"))
class ClsToken(Layer):
    """A learned vector before the first position. [*, n, features] -> [*, n + 1, features].

    Source: BERT, ViT (Dosovitskiy et al. 2021).
    """

    computes_nothing = True
    autocast = JOINED
    example = ("clstoken", "20x64")
    one_pass = True
    notation = "y = [w, x[0], x[1], …]        w learned"

    hands_on = True
    keeps_nothing = True
    layout = FEATURES_LAST
    ranks = (2, 8)
    wants = "a sequence of vectors [positions, features]"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """One more position."""
        return Tensor((*x.shape[:-2], x.shape[-2] + 1, x.shape[-1]))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, shifted by the vector."""
        *before, _ = x.positions
        return [ITSELF for _ in before] + [windows(1, 1, -1)]

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The vector."""
        return {"weight": (1, x.shape[-1])}

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("ClassToken", x.shape[-1])


def rotated(x: Strides, size: int | None) -> Strides:
    """How rotated vectors lie in memory: the two rotated halves are concatenated, then joined with the rest."""
    turned = x.sizes[-1] if size is None else size
    half = x.cut(x.rank - 1, turned // 2)
    product = iterated(half, contiguous(half.sizes[-2:]))
    one = iterated(product, product)
    turning = concatenated([one, one], (*x.sizes[:-1], turned))
    return turning if size is None else concatenated([turning, x.cut(x.rank - 1, x.sizes[-1] - turned)], x.sizes)


@layer("rope", first="theta", aliases=("rotary", "rotaryembedding"))
class Rope(Layer):
    """Rotates pairs of features by an angle that grows with the position. [*, positions, d] -> the same.

    Source: Su et al. 2021, arXiv:2104.09864.
    """

    one_pass = True
    bare = True
    notation = (
        "a = t · θ^(−2i/d)        the angle of pair i at position t\n"
        "y[i] = x[i] · cos a − x[i + d/2] · sin a\n"
        "y[i + d/2] = x[i + d/2] · cos a + x[i] · sin a"
    )
    symbols = {"θ": "theta"}

    layout = FEATURES_LAST
    ranks = (2, 8)
    wants = "a sequence of vectors [positions, features]"
    elementwise = True

    theta: float = arg(Number, "base of the angles", default=10000.0, above=0, aliases=("base",))
    dim: int | None = arg(
        Whole, "how many of the first features rotate; default: all", default=None, min=2, aliases=("rotary_dim",)
    )

    def _turned(self, x: Tensor) -> int:
        return x.shape[-1] if self.dim is None else self.dim

    def _even(self, x: Tensor) -> list[int]:
        """Changes that make the number of rotated features even."""
        turned = plain(self._turned(x))
        return [size for size in (turned - 1, turned + 1) if 1 < size <= x.shape[-1]]

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an odd number of features: they are rotated in pairs."""
        if self.dim is not None and self.dim > x.shape[-1]:
            most = plain(x.shape[-1]) // 2 * 2
            raise ShapeError(
                "SHP106",
                f"{x} has {x.shape[-1]} features, {self.dim} cannot rotate",
                "dim",
                changes=[Change({"dim": most})],
            )
        if self._turned(x) % 2:
            raise ShapeError(
                "SHP106",
                f"rope pairs features, and {f'{x} has' if self.dim is None else 'there are'} {self._turned(x)}",
                None if self.dim is None else "dim",
                changes=[Change({"dim": size}) for size in self._even(x)],
            )
        return Tensor(x.shape)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like those of `rotated`."""
        return rotated(how.strides[0], self.dim)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Cosine and sine of each angle."""
        return how.first(Saved(extra={"angles": plain(y.shape[-2] * self._turned(y)) * how.width}))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Two products and an addition for each element that rotates."""
        turned = y.elements if self.dim is None else product(y.shape[:-1]) * self.dim
        return work(turned, "element that rotates", *ROTATING)

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """False: each position is rotated by a different angle."""
        return False

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        size = "" if self.dim is None else ", {dim}"
        return expression("rotate({0}, {theta}" + size + ")", theta=self.theta, dim=self.dim)


@layer("relposbias", first="heads", aliases=("relativepositionbias", "relpos"))
class RelPosBias(Layer):
    """A score for each head and distance, as a [heads, queries, keys] table.

    kind=bucket (T5): positions of the input, distances in buckets; with causal=true all buckets are for earlier
    positions, as in T5's decoder, and later positions count as the query's own. kind=window (Swin): the
    positions of a window h×w, a score for each of the (2h - 1)(2w - 1) displacements, or of a window
    of more axes (Video Swin). kind=alibi: nothing is learned; the score falls with the distance, with a different
    slope in each head.
    Source: Raffel et al. 2020; Liu et al. 2021; Press et al. 2021.
    """

    computes_nothing = True
    sets_sizes = True
    example = ("relposbias 4", "20x64")
    one_pass = True
    notation = "y[h, i, j] = table[h, distance of i and j]"

    layout = ENDS
    ranks = (1, 8)
    numeric = False

    heads: int = arg(Whole, "heads", min=1, aliases=("num_heads",))
    kind: str = arg(Word, "how distances are grouped", choices=("bucket", "window", "alibi"), default="bucket")

    @property
    def computes(self) -> str:
        """What its kind adds to the score of query i and key j of head h."""
        if self.kind == "alibi":
            return "y[h, i, j] = −m[h] · |i − j|        m[h]: the slope of head h"
        if self.kind == "window":
            return "y[h, i, j] = W[place of i − place of j, h]        W learned; i and j are places in the window"
        return "y[h, i, j] = W[bucket of j − i, h]        W learned; far distances share a bucket"

    window: tuple[int, ...] | None = arg(Size, "window of kind=window, e.g. 7, 7x7 or 8x7x7", default=None)
    buckets: int = arg(Whole, "number of groups of kind=bucket", default=32, min=1, aliases=("num_buckets",))
    causal: bool = arg(
        Flag, "all groups of kind=bucket are for earlier positions", default=False, aliases=("is_causal",)
    )

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """None: it counts positions."""
        return ()

    def accept(self, x: Tensor) -> None:
        """Token ids or vectors; an undecided input is taken for vectors, here and elsewhere, since positions are counted."""
        super().accept(x)
        if self.kind != "window" and x.integer is None and x.rank > 1:
            x.integer = False

    def _window(self) -> tuple[int, ...]:
        if self.window is None:
            raise ShapeError("SPC004", "kind=window needs `window=`", "kind", "e.g. window=7 or window=7x7")
        return self.window * 2 if len(self.window) == 1 else self.window

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last, where the positions of a sequence are counted."""
        x = inputs[0]
        return () if self.kind == "window" or x.integer else ((x, FEATURES_LAST, None),)

    def output_rank(self, *inputs: Tensor) -> int:
        """Heads, queries and keys."""
        return 3

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The table for the positions of the input, or of the window."""
        if self.window is not None and self.kind != "window":
            changes = [Change({"kind": "window"})]
            raise ShapeError("SPC004", f"kind={self.kind} has no `window`", "window", changes=changes)
        if self.causal and self.kind != "bucket":
            changes = [Change({"causal": False})]
            help = "the attention that reads it says causal=true"
            raise ShapeError("SPC004", f"kind={self.kind} has no `causal`", "causal", help, changes=changes)
        if self.kind == "window":
            positions = product(self._window())
        elif x.rank < 2 and not x.integer:
            raise ShapeError(
                "SHP101",
                f"kind={self.kind} takes its positions from a sequence, but its input is {x}",
                help="use from= to name one",
            )
        else:
            positions = x.shape[-1] if x.integer else x.shape[-2]
        biases = Tensor((self.heads, positions, positions))
        biases.table = self, biases
        return biases

    def params(self, x: Tensor) -> dict[str, Shape]:
        """A row for each bucket or displacement, a column for each head."""
        if self.kind == "alibi":
            return {}
        rows = product(2 * size - 1 for size in self._window()) if self.kind == "window" else self.buckets
        return {"weight": (rows, self.heads)}

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """The slope of each head with kind=alibi."""
        return {"slopes": (self.heads,)} if self.kind == "alibi" else {}

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Heads are last in memory, since they are the columns of the table."""
        heads, queries, keys = y.shape
        table = contiguous(y.shape) if self.kind == "alibi" else contiguous((queries, keys, heads)).permuted((2, 0, 1))
        return table.with_axis(0)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Which row of the table each pair of positions takes (int64)."""
        if self.kind == "alibi":
            return NOTHING
        return Saved(extra={"rows": 8 * plain(y.shape[-1] * y.shape[-1])})

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        if self.kind == "window":
            return Code("WindowPositionBias", (self.heads, *self._window()), call="{self}()")
        positions = y.shape[-1]
        if self.kind == "alibi":
            return Code("DistanceBias", (self.heads,), call="{self}({positions})", values={"positions": positions})
        plain = given(buckets=(self.buckets, 32), causal=(self.causal, False))
        return Code("BucketPositionBias", (self.heads,), plain, "{self}({positions})", {"positions": positions})
