"""Attention with its projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcalc.layers.arguments import Flag, Letters, Number, Whole, Words, arg
from archcalc.layers.attention_operations import AttentionOperations
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, given, module
from archcalc.layers.heads import SOURCES
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.operands import Reference
from archcalc.layers.portions import Portion
from archcalc.layers.projections import Projection
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import times

if TYPE_CHECKING:
    from archcalc.layers.kernels.attention_passing import Passing


@layer(
    "attention",
    first="heads",
    aliases=(
        "multiheadattention", "attn", "mha", "selfattention", "multiheadselfattention", "multiheaddotproductattention",
        "multihead", "mhsa",
    ),
)  # fmt: skip
class Attention(AttentionOperations):
    """Multi-head attention with its four projections. [*, queries, width] -> [*, queries, out].

    kv_heads < heads shares keys and values (grouped queries, Ainslie et al. 2023); kv=NAME takes
    keys and values from another layer, k=NAME or v=NAME one of the two. Parameters are named as
    in torch.nn.MultiheadAttention where that can express the layer, else q_proj, k_proj, v_proj
    and out_proj. Masks do not change the dense count of MACs. Source: torch.nn.MultiheadAttention; Vaswani et al. 2017.
    """

    example = ("attention heads=8", "20x64")
    notation = (
        "Q = x W_Q + b_Q   K = x W_K + b_K   V = x W_V + b_V        for each head\n"
        "α = softmax(Q Kᵀ / √d)        a row sums to 1\n"
        "y = [α V of all heads] W_O + b_O"
    )
    layout = FEATURES_LAST
    ranks = (2, 8)
    wants = "a sequence of vectors [positions, features]"
    depth = 2

    heads: int = arg(Whole, "heads", min=1, aliases=("num_heads", "nhead", "n_heads"))
    kv_heads: int | None = arg(
        Whole,
        "heads of keys and values; default: heads",
        default=None,
        min=1,
        aliases=("num_kv_heads", "num_key_value_heads"),
    )
    head_dim: int | None = arg(Whole, "size of a head; default: width / heads", default=None, min=1)
    bias: bool | str = arg(
        Letters, "biases of the projections: true, false, or letters as qkv", letters="qkvo", default=True
    )
    rope: float | None = arg(
        Number, "rotary positions with this base, e.g. 10000", default=None, above=0, aliases=("rope_theta",)
    )
    rope_dim: int | None = arg(
        Whole,
        "how many of a head's first elements rotate; default: all",
        default=None,
        min=2,
        aliases=("rotary_dim",),
    )
    kv: Tensor | None = arg(
        Reference, "source of keys and values; default: the input", default=None, aliases=("memory",)
    )
    k: Tensor | None = arg(Reference, "source of the keys alone; default: the input", default=None, aliases=("key",))
    v: Tensor | None = arg(
        Reference, "source of the values alone; default: the input", default=None, aliases=("value",)
    )
    qknorm: bool | str = arg(
        Words,
        "RMS norm of queries and keys: true for each head, width for all heads together, unscaled without factors",
        words=("width", "unscaled"),
        default=False,
    )
    qknorm_eps: float | None = arg(Number, "added to the mean square in that norm; default: 1e-6", default=None, min=0)
    out: int | None = arg(
        Whole, "width of the output; default: the input's", default=None, min=1, aliases=("out_features", "out_dim")
    )
    bias_kv: bool = arg(
        Flag, "a learned key and value beside those of the positions", default=False, aliases=("add_bias_kv",)
    )
    zero_attn: bool = arg(Flag, "a key and value of zeros beside them", default=False, aliases=("add_zero_attn",))

    @property
    def label(self) -> str:
        """A short line with flags as words: `attention heads=12 causal`."""
        words = super().label
        for flag in ("causal", "qknorm", "sinks"):
            words = words.replace(f" {flag}=true", f" {flag}")
        words = words.replace(f"{self.op} {self.heads}", f"{self.op} heads={self.heads}", 1)
        return words + (" cross" if self.kv is not None or self.k is not None else "")

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the heads do not divide the width, or the other tensors do not fit."""
        width = x.shape[-1]
        if self.head_dim is None and width % self.heads:
            raise ShapeError(
                "SHP106",
                f"heads={self.heads} does not divide the width {width}",
                "heads",
                changes=self._other_heads(width),
            )
        if self.kv_heads is not None and self.heads % self.kv_heads:
            raise ShapeError(
                "SHP106",
                f"kv_heads={self.kv_heads} does not divide heads={self.heads}",
                "kv_heads",
                changes=[Change({"kv_heads": number}) for number in divisors_near(self.heads, self.kv_heads)],
            )
        self._check_rope(x)
        self._check_sources(x)
        self._check_more()
        self.check_scores((*x.shape[:-2], self.heads, x.shape[-2], self.keys_and_values(x)[0].shape[-2]))
        return Tensor((*x.shape[:-1], self._out(x)))

    def _out(self, x: Tensor) -> int:
        return x.shape[-1] if self.out is None else self.out

    def _check_rope(self, x: Tensor) -> None:
        if self.qknorm_eps is not None and not self.qknorm:
            raise ShapeError("SPC004", "`qknorm_eps` needs `qknorm`", "qknorm_eps", changes=[Change({"qknorm": True})])
        if self.rope_dim is not None and self.rope is None:
            raise ShapeError("SPC004", "`rope_dim` needs `rope`", "rope_dim", changes=[Change({"rope": 10000})])
        if self.rope_dim is not None and self.rope_dim > self.head:
            raise ShapeError(
                "SHP106",
                f"a head has {self.head} elements, {self.rope_dim} cannot rotate",
                "rope_dim",
                changes=[Change({"rope_dim": self.head // 2 * 2})],
            )
        if self.rope is not None and self.turned % 2:
            raise ShapeError(
                "SHP106",
                f"rope pairs the elements of a head, and {'a head has' if self.rope_dim is None else 'there are'} {self.turned}",
                "rope" if self.rope_dim is None else "rope_dim",
                changes=self._even(x.shape[-1]),
            )

    def _other_heads(self, width: int) -> list[Change]:
        """Other numbers of heads that divide the width."""
        near = divisors_near(width, self.heads)
        return [
            Change(
                {"heads": heads},
                gives=f"for {'heads' if heads > 1 else 'one head'} of {plain(width) // heads} features",
            )
            for heads in near
        ]

    def _even(self, width: int) -> list[Change]:
        """Changes that make the number of rotated elements of a head even."""
        if self.rope_dim is not None:
            return [Change({"rope_dim": size}) for size in (self.rope_dim - 1, self.rope_dim + 1)]
        if self.head_dim is not None:
            return [Change({"head_dim": size}) for size in (self.head_dim - 1, self.head_dim + 1)]
        near = divisors_near(width, self.heads, lambda heads: plain(width) // heads % 2 == 0)
        return [Change({"heads": heads}, gives=f"for heads of {plain(width) // heads} features") for heads in near]

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last, in queries, keys and values."""
        given = ((getattr(self, key), key) for key in SOURCES)
        return ((inputs[0], FEATURES_LAST, None), *((x, FEATURES_LAST, key) for x, key in given if x is not None))

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The queries: the output has their axes."""
        return inputs[:1]

    def accept(self, x: Tensor) -> None:
        """As for every layer; also, the width sets the size of a head. Raises `ShapeError` for its own table of biases as input."""
        super().accept(x)
        if self.relbias is not None and x.table is not None and x.table is self.relbias.table:
            what = "its own" if x.itself is self.relbias.itself else "what comes of its own"
            raise ShapeError(
                "SHP101",
                f"`{self.op}` reads {what} `relbias` {x} as its input",
                help="say what it attends over: add from=NAME, e.g. from=input",
            )
        width, head = x.shape[-1], self.head_dim
        self.head, self.inner = (width // self.heads, width) if head is None else (head, self.heads * head)

    def _check_more(self) -> None:
        for key in ("bias_kv", "zero_attn"):
            if getattr(self, key) and not self.is_multihead_attention():
                others = (
                    "kv_heads, head_dim, out, rope, scale, softcap, qknorm, sinks or biases of some projections alone"
                )
                raise ShapeError(
                    "SPC004",
                    f"only torch.nn.MultiheadAttention has `{key}`, and it has no {others}",
                    key,
                    changes=[Change({key: None})],
                )

    def _check_sources(self, x: Tensor) -> None:
        given = [key for key in SOURCES if getattr(self, key) is not None]
        if given[:1] == ["kv"] and len(given) > 1:
            changes = [Change({"kv": None}), Change(dict.fromkeys(given[1:]))]
            raise ShapeError("SPC004", "`kv` is the source of both keys and values", given[1], changes=changes)
        for key in given:
            other = self.numbers(key)
            if other.rank != x.rank or other.shape[:-2] != x.shape[:-2]:
                what = {"kv": "keys and values need", "k": "keys need", "v": "values need"}[key]
                raise ShapeError(
                    "SHP101",
                    f"{what} a sequence of vectors beside {x}, but `{key}` is {other}",
                    key,
                    "give the name of a layer with [positions, features]",
                )
        keys, values = self.keys_and_values(x)
        if keys.shape[-2] != values.shape[-2]:
            raise ShapeError(
                "SHP107",
                f"keys are of {keys} and values of {values}; each key has one value",
                given[-1],
                "give layers with the same positions",
            )

    def params(self, x: Tensor) -> dict[str, Shape]:
        """Projections to queries, keys, values and back."""
        width, widths = x.shape[-1], [source.shape[-1] for source in self.keys_and_values(x)]
        if self.is_multihead_attention():
            return self._multihead_params(width, *widths)
        shapes: dict[str, Shape] = {"sinks": (self.heads,)} if self.sinks else {}
        inner, kv_inner = self.inner, self.kv_inner
        for letter, rows, columns in (("q", inner, width), ("k", kv_inner, widths[0]), ("v", kv_inner, widths[1])):
            shapes[f"{letter}_proj.weight"] = (rows, columns)
            if self.biased(letter):
                shapes[f"{letter}_proj.bias"] = (rows,)
        if self.qknorm and self.qknorm != "unscaled":
            queries, keys = self.normed
            shapes |= {"q_norm.weight": (queries,), "k_norm.weight": (keys,)}
        shapes["out_proj.weight"] = (self._out(x), inner)
        if self.biased("o"):
            shapes["out_proj.bias"] = (self._out(x),)
        return shapes

    def projections(self, y: Tensor, *inputs: Tensor) -> tuple[Projection, ...]:
        """Projections to queries, keys and values, and back."""
        x, sources = inputs[0], self.keys_and_values(inputs[0])
        read = zip("qkv", (0, *self.places), (x, *sources), (self.inner, self.kv_inner, self.kv_inner))
        made = [
            Projection(name, place, one.shape[-1], rows, product(one.shape[:-1])) for name, place, one, rows in read
        ]
        return (*made, Projection("o", -1, self.inner, y.shape[-1], product(x.shape[:-1])))

    def portions(self, shapes: dict[str, Shape]) -> list[Portion]:
        """The parameters of the projections to queries, keys and values, of the norms, and of the output projection."""
        labels = {
            "in": "q, k, v",  # stacked in one matrix
            "q": "q",
            "k": "k",
            "v": "v",
            "bias": "k, v learned",
            "out": "output",
            "sinks": "sinks",
        }
        portions: dict[str, Portion] = {}
        for name, shape in shapes.items():
            head, _, rest = name.partition("_")
            label = f"norm of {head}" if rest.startswith("norm") else labels[head]
            portions.setdefault(label, Portion({}, label)).shapes[name] = shape
        return list(portions.values())

    def _multihead_params(self, width: int, key_width: int, value_width: int) -> dict[str, Shape]:
        if key_width == value_width == width:
            shapes: dict[str, Shape] = {"in_proj_weight": (times(width, projections=3), width)}
        else:
            shapes = {
                "q_proj_weight": (width, width),
                "k_proj_weight": (width, key_width),
                "v_proj_weight": (width, value_width),
            }
        if self.bias:
            shapes["in_proj_bias"] = (times(width, projections=3),)
        if self.bias_kv:
            shapes["bias_k"] = shapes["bias_v"] = (1, 1, width)
        shapes["out_proj.weight"] = (width, width)
        if self.bias:
            shapes["out_proj.bias"] = (width,)
        return shapes

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """Keys and values of the positions a query may still see: the last `window` of its own sequence."""
        x = inputs[0]
        sources = dict(zip(("keys", "values"), self.keys_and_values(x)))
        positions = sources["keys"].shape[-2]
        if self.causal and self.window is not None:
            positions = min(self.window, positions)  # if both are equal, the window, which does not grow
        shape = (*x.shape[:-2], self.key_heads, positions, self.head)
        return {name: shape for name, source in sources.items() if not source.cached}

    def _kernel(self, how: Saving, y: Tensor, inputs: tuple[Tensor, ...]) -> Passing:
        from archcalc.layers.kernels.attention_passing import Passing  # only memory asks

        return Passing(self, how, y, inputs)

    def readers(self, place: int, y: Tensor, *inputs: Tensor) -> int:
        """Its projections that read the input; torch.nn.MultiheadAttention has a single product."""
        return 1 if self.is_multihead_attention() else sum(one.place == place for one in self.projections(y, *inputs))

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """Indices of the inputs that its projections read from a copy."""
        return self._kernel(how, y, inputs).copied()

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As its kernel returns it."""
        return self._kernel(how, y, inputs).strides()

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """What its projections read, queries, keys and values, and what the scores' kernel keeps."""
        return self._kernel(how, y, inputs).saved()

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """What the scores' kernel needs, and copies of queries, keys and values."""
        return self._kernel(how, y, inputs).passing()

    def views_gradient(self, place: int, y: Tensor, *inputs: Tensor) -> bool:
        """True if one product computes the gradient; those of several are added up in new memory."""
        keys, values = self.places
        at_once = self.is_multihead_attention() and keys == values
        return [*({0, keys} if at_once else (0, keys, values))].count(place) == 1

    def joining(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """Bytes of the gradients of the parts of torch.nn.MultiheadAttention's joint matrix: queries, and keys and values."""
        return self._kernel(how, y, inputs).joining()

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        keys, values = self.keys_and_values(x)
        own = self.mask is not None and self.mask.rank > 3  # of the axes before
        plain = given(
            causal=(self.causal, False), window=(self.window, None), each=(self.has_each, False), seen_each=(own, False),
            dropout=(self.dropout, 0.0),
        )  # fmt: skip
        if self.is_multihead_attention():
            plain.update(given(add_bias_kv=(self.bias_kv, False), add_zero_attn=(self.zero_attn, False)))
            plain.update(given(kdim=(keys.shape[-1], x.shape[-1]), vdim=(values.shape[-1], x.shape[-1])))
            plain.update(given(bias=(self.bias, True)))
            code = module("MultiHeadAttention", x.shape[-1], self.heads, **plain)
        else:
            letters = "".join(letter for letter in "qkvo" if self.biased(letter))
            more = given(
                bias=(letters, "qkvo"), key_features=(keys.shape[-1], x.shape[-1]),
                value_features=(values.shape[-1], x.shape[-1]), out_features=(y.shape[-1], x.shape[-1]),
                rope=(self.rope, None), rope_dim=(self.rope_dim, None), scale=(self.scale, None),
                softcap=(self.softcap, None), sink=(self.sinks or None, None), qknorm=(self.qknorm in (True, "unscaled"), False),
                qknorm_scale=(self.qknorm != "unscaled", True), qknorm_width=(self.qknorm == "width", False),
                qknorm_eps=(self.qknorm_eps, None),
            )  # fmt: skip
            sizes = (x.shape[-1], self.heads, self.key_heads, self.head)
            code = Code("GroupedQueryAttention", sizes, more | plain)
        at = self.places
        words = ["{0}", *(f"{{{place}}}" for place in (at[:1] if keys is values else at))]
        if self.kv is self.k is self.v is None:
            del words[1:]
        if self.relbias is not None:
            words.append(f"bias={{{self.at('relbias')}}}")
        if self.mask is not None:
            words.append(f"seen={{{self.at('mask')}}}{'.unsqueeze(1)' * ((x.rank + 1 if own else 3) - self.mask.rank)}")
        code.call = "{self}(" + ", ".join(words) + ")"
        return code
