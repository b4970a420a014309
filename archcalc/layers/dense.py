"""Linear maps, tables of vectors, and learned tensors."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Flag, Letters, Number, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.content import outside, towards
from archcalc.layers.facts import ANY
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.layout import ENDS, FEATURES_LAST
from archcalc.layers.memory import JOINED, LOW
from archcalc.layers.portions import Portion
from archcalc.layers.projections import Projection
from archcalc.layers.reparam import Reparametrized
from archcalc.layers.saved import INPUT, NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, are_rows, contiguous, iterated
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import called, repeated, work


@layer(
    "linear",
    first="features",
    aliases=("dense", "fc", "fullyconnected", "innerproduct", "projection", "proj", "project", "densegeneral", "lin"),
)
class Linear(Reparametrized):
    """y = x Wᵀ + b over the last axis. [*, in] -> [*, features].

    bias=qv is for features that are queries, keys and values in three equal parts: only the named parts have a bias.
    transposed=true stores the weight as [in, features], so that a decoder can be tied to its encoder (`tie=encoder`)
    but keep its own bias. Source: torch.nn.Linear.
    """

    span = ANY
    tied_as = "a row of features for each number"
    autocast = LOW
    example = ("linear 10", "84")
    notation = "y = x Wᵀ + b"

    layout = FEATURES_LAST
    wants = "a vector or a sequence of vectors"
    learns_in_turn = True
    depth = 1

    features: int = arg(Whole, "output features", min=1, aliases=("out_features", "units"))
    bias: bool | str = arg(
        Letters,
        "add a learned number to each output feature; letters as qv: to these thirds of q, k, v",
        letters="qkv",
        default=True,
        aliases=("use_bias",),
    )
    transposed: bool = arg(Flag, "its weight is [in, features], e.g. that of a layer it is tied to", default=False)

    @property
    def is_altered(self) -> bool:
        """Also true with a partial bias or a transposed weight."""
        return super().is_altered or isinstance(self.bias, str) or self.transposed

    @property
    def computes(self) -> str:
        """The equation, preceded by that of a computed weight."""
        if self.transposed:
            return "y = x W + b"
        told = self.notation
        if isinstance(self.bias, str):
            told += (
                f"        W of q, k and v one below the other; b learned for {' and '.join(self.bias)}, 0 for the rest"
            )
        return self.computed_by(told, "W")

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The leading axes stay as they are. Raises `ShapeError` for biases of parts that the features do not have."""
        self.check_reparam((self.features, x.shape[-1]))
        if self.transposed and (self.reparam is not None or isinstance(self.bias, str)):
            key = "reparam" if self.reparam is not None else "bias"
            message = f"`transposed` does not go with {key}={getattr(self, key)}"
            changes = [Change({"transposed": False}), Change({key: self.arguments[key].default})]
            raise ShapeError("SPC004", message, "transposed", changes=changes)
        if isinstance(self.bias, str) and self.features % 3:
            message = (
                f"bias={self.bias} is for queries, keys and values, and {self.features} features are not three parts"
            )
            more = [Change({"features": plain(self.features) // 3 * 3 + extra}) for extra in (0, 3)]
            raise ShapeError(
                "SHP106", message, "bias", changes=[*more[plain(self.features) < 3 :], Change({"bias": True})]
            )
        return Tensor((*x.shape[:-1], self.features))

    def bridges(self, x: Tensor, wanted: str) -> list[Change]:
        """A linear layer on an image usually reads all of it."""
        return [Change(before="flatten", reads=Tensor((x.elements,)), gives=f"to use all {x.numel:,} elements")]

    def params(self, x: Tensor) -> dict[str, Shape]:
        """Every output feature has a weight for each input feature, and one bias."""
        weight = (self.features, x.shape[-1])
        shapes: dict[str, Shape] = {"weight": weight[::-1] if self.transposed else weight}
        if isinstance(self.bias, str):
            shapes |= {f"{letter}_bias": (self.features // 3,) for letter in "qkv" if letter in self.bias}
        elif self.bias:
            shapes["bias"] = (self.features,)
        return self.learned(shapes)

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """Those of the reparametrisation."""
        return self.vectors((self.features, x.shape[-1]))

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The features."""
        return (x.rank - 1,)

    def projections(self, y: Tensor, *inputs: Tensor) -> tuple[Projection, ...]:
        """Its only matrix."""
        x = inputs[0]
        return (Projection("", 0, x.shape[-1], self.features, product(x.shape[:-1])),)

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every output element is a product sum over the input features."""
        return y.elements * inputs[0].shape[-1]

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition per output element for the bias."""
        if isinstance(self.bias, str):
            third = y.elements // called(3, "parts", y.elements)
            each = repeated(third, len(self.bias), "biases")
            return work(each, f"output element of {', '.join(self.bias)}", ("bias", 1))
        return work(y.elements, "output element", ("bias", 1)) if self.bias else 0

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """The vectors, if they cannot be viewed as rows of one matrix."""
        return () if are_rows(how.strides[0]) else (0,)

    def views_gradient(self, place: int, y: Tensor, *inputs: Tensor) -> bool:
        """True if the leading axes are joined to make one matrix."""
        return inputs[0].rank > 1

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the weights."""
        weight = (self.features, inputs[0].shape[-1])
        return self.with_weight(how, INPUT if how.learns else NOTHING, weight, itself=how.needs[0])

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """A shift of each feature is multiplied by the matrix."""
        return True

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The workspace of 16-bit products."""
        from archcalc.layers.kernels.narrow import mapping, mapping_back  # only memory asks

        x, outputs = inputs[0], int(y.shape[-1])
        features, biased = int(x.shape[-1]), self.bias is True and how.strides[0].is_contiguous
        back = mapping_back(how, x.numel * how.batch // features, features, outputs, biased, how.needs[0])
        found = mapping(how, how.strides[0], features, outputs), back
        return self.beside_weight(how, found, (self.features, inputs[0].shape[-1]))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        if isinstance(self.bias, str):
            biased = "".join(letter for letter in "qkv" if letter in self.bias)
            return self.wrapped(module("PartlyBiasedLinear", x.shape[-1], self.features, biased))
        if self.transposed:
            return module("TransposedLinear", x.shape[-1], self.features, **given(bias=(self.bias, True)))
        return self.wrapped(module("nn.Linear", x.shape[-1], self.features, **given(bias=(self.bias, True))))


@layer("embedding", first="vocab", aliases=("embed", "tokenembedding", "wordembedding", "labelembedding"))
class Embedding(Layer):
    """A learned vector for each token. [*] of token ids -> [*, dim]. Source: torch.nn.Embedding."""

    computes_nothing = True
    tied_as = Linear.tied_as
    example = ("embedding 1000 dim=64", "20")
    notation = "y[t] = W[x[t]]        row x[t] of the table"

    layout = FEATURES_LAST
    numeric = False

    vocab: int = arg(Whole, "number of different tokens", min=1, aliases=("num_embeddings", "vocab_size"))
    dim: int = arg(Whole, "size of a token's vector", min=1, aliases=("embedding_dim",))
    padding_idx: int | None = arg(
        Whole,
        "a token whose vector starts as zeros and is not learned; negative from the end",
        default=None,
        min=-(2**62),
    )
    refused: ClassVar[dict[str, str]] = {
        "max_norm": "it rescales rows as they are looked up, which is not supported: leave it out",
        "norm_type": "it is the norm of `max_norm`, which is not supported: leave it out",
        "scale_grad_by_freq": "gradients are those of the loss: leave it out",
        "sparse": "gradients are dense, and counted so: leave it out",
    }

    def accept(self, x: Tensor) -> None:
        """The input must be token ids: a model input that no layer has used as numbers."""
        super().accept(x)
        if x.integer is False:
            raise ShapeError(
                "SHP101",
                f"`embedding` looks up token ids, but its input {x} holds numbers",
                help="feed it an input of the model that nothing else computes with, or use `linear`",
            )
        x.integer = True

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Ids have no features."""
        return ()

    def output_rank(self, *inputs: Tensor) -> int:
        """One more axis: the features."""
        return inputs[0].rank + 1

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """One vector for each id. Raises `ShapeError` for a padding index outside the table."""
        if self.padding_idx is not None and not -self.vocab <= self.padding_idx < self.vocab:
            raise ShapeError(
                "SHP108",
                f"`padding_idx` {self.padding_idx} is not one of the {self.vocab} tokens",
                "padding_idx",
                f"tokens go from 0 to {self.vocab - 1}, or from -{self.vocab} to -1",
            )
        if (number := outside(x, 0, self.vocab - 1)) is not None:
            message = f"its input {x} goes {towards(number)}, which is not one of the {self.vocab} tokens"
            help = f"`vocab` must be at least {number + 1}" if number >= 0 else "tokens are numbered from 0"
            raise ShapeError("SHP108", message, "vocab", help)
        return Tensor((*x.shape, self.dim))

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The table."""
        return {"weight": (self.vocab, self.dim)}

    def portions(self, shapes: dict[str, Shape]) -> list[Portion]:
        """Its rows, each a vector."""
        return [Portion(shapes, outputs_first=True)]

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The ids."""
        return INPUT

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Embedding", self.vocab, self.dim, **given(padding_idx=(self.padding_idx, None)))


@layer("parameter", first="shape", aliases=("learned", "weight", "variable"))
class Parameter(Layer):
    """A learned tensor that is the same for every sample. -> [*shape]. Source: torch.nn.Parameter."""

    computes_nothing = True
    sets_sizes = True
    example = ("parameter 16x768", "1")
    one_pass = True
    notation = "y = W        learned, the same for every sample"

    layout = ENDS
    takes_input = False
    view = True
    keeps_nothing = True

    shape: tuple[int, ...] = arg(Size, "its sizes, e.g. 16x768; not its batch", spreads=False)

    def output_rank(self, *inputs: Tensor) -> int:
        """As many axes as there are sizes."""
        return len(self.shape)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The tensor itself."""
        return Tensor(self.shape)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """All its numbers."""
        return {"weight": self.shape}

    def portions(self, shapes: dict[str, Shape]) -> list[Portion]:
        """In the order of its axes."""
        return [Portion(shapes, outputs_first=True)]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return Code("LearnedTensor", self.shape, call="{self}()")


@layer("layerscale", aliases=("layer_scale", "gamma"))
class LayerScale(FeatureAxis):
    """A learned factor for each channel or feature. [...] -> the same shape.

    Source: Touvron et al. 2021 (CaiT).
    """

    autocast = JOINED
    joins = multiplies = True
    example = ("layerscale axis=-1", "20x64")
    notation = "y = γ ⊙ x        a learned factor for each channel or feature"

    does = "scales"
    elementwise = True
    reads_stretched = True

    init: float = arg(Number, "initial factor", default=1e-5)
    axis: int | None = arg(
        Whole,
        "axis with a factor for each entry; default: channels or features",
        default=None,
        min=-8,
        aliases=("dim",),
    )

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Backward, the factors' gradient before it is summed."""
        return 0, y.numel * how.batch * how.width * how.learns

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have."""
        self.along(x)
        return Tensor(x.shape)

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """The parameters."""
        return f"{inputs[0].shape[axis]} factors"

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """A shift is multiplied by the factor of its channel."""
        return self.along(read) == read.feature_axis

    def params(self, x: Tensor) -> dict[str, Shape]:
        """One factor for each channel or feature."""
        return {"weight": (x.shape[self.along(x)],)}

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One product per element."""
        return work(y.elements, "element", ("product", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and a factor for each channel or feature."""
        x = inputs[0]
        axis = self.along(x)
        return iterated(how.strides[0], contiguous((x.shape[axis], *[1] * (x.rank - 1 - axis))))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the factors."""
        return INPUT if how.learns else NOTHING

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        return module("LayerScale", x.shape[axis], **given(init=(float(self.init), 1e-5), axes=(x.rank - 1 - axis, 0)))
