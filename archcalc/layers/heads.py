"""The structure of attention with projections: heads, and where queries, keys and values come from."""

from __future__ import annotations

from archcalc.layers.field import ITSELF, Field, whole, windows
from archcalc.layers.scores import Scored
from archcalc.layers.tensor import Tensor
from archcalc.terms import called

# The arguments that say where keys and values come from; the first is for both.
SOURCES = ("kv", "k", "v")
# Axes of a table of scores: heads, queries, keys.
_TABLE = 3


class Heads(Scored):
    """The sizes of `Attention`, as its formulas and its kernels read them.

    Attributes:
        head: features of one head, once the width is known.
        inner: features of all heads, once the width is known.
        Other attributes are the layer's arguments.
    """

    lets_go_early = True
    learns_in_turn = True

    heads: int
    kv_heads: int | None
    head_dim: int | None
    head: int
    inner: int
    rope: float | None
    rope_dim: int | None
    qknorm: bool | str
    bias: bool | str
    kv: Tensor | None
    k: Tensor | None
    v: Tensor | None
    out: int | None
    bias_kv: bool
    zero_attn: bool

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """True without a mask or positions of its own."""
        return self.rope is None and not (self.causal or self.is_masked)

    @property
    def computes(self) -> str:
        """The notation, with any options for queries, keys and scores."""
        read, _, back = self.notation.split("\n")
        for letter in "qkvo":
            if not self.biased(letter):
                read, back = (line.replace(f" + b_{letter.upper()}", "") for line in (read, back))
        for letter in "KV":
            read = read.replace(f"{letter} = x", f"{letter} = {self.read(letter)}")
        if self.key_heads != self.heads:
            read += f"; {self.heads // self.key_heads} heads of Q share one of K and V"
        over = "root mean square over all heads" if self.qknorm == "width" else "root mean square"
        factors = "" if self.qknorm == "unscaled" else ", times γ"
        norm = [f"Q and K divided by their {over}{factors}"] if self.qknorm else []
        turn = ["Q and K turned by the angles of their positions (rope)"] if self.rope is not None else []
        rows = ["learned (bias_k, bias_v)"] * self.bias_kv + ["of zeros"] * self.zero_attn
        more = [f"K and V go on with a row {' and one '.join(rows)}, which no mask hides"] if rows else []
        return "\n".join([read, *norm, *turn, *more, *self.weighing(), back])

    def read(self, letter: str) -> str:
        """What the projection to `K` or `V` reads, by the key that names it."""
        own = self.k if letter == "K" else self.v
        if own is None:
            return "x" if self.kv is None else "kv"
        return "kv" if self.k is self.v else letter.lower()

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The features and, without a window, the positions."""
        return (x.rank - 1,) if self.window is not None else (x.rank - 2, x.rank - 1)

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """All keys of the same sequence, or those in the window."""
        keys, _ = self.keys_and_values(x)
        seen = whole(keys.shape[-2])
        if self.window is not None and keys is x:
            before = self.window - 1
            seen = windows(self.window if self.causal else before + self.window, 1, -before)
        return [*[ITSELF] * (x.rank - 2), seen]

    def is_multihead_attention(self) -> bool:
        """Whether torch.nn.MultiheadAttention computes the same with the same parameters."""
        biases = {self.biased(letter) for letter in "qkvo"}
        plain = self.head_dim is self.rope is self.scale is self.softcap is self.out is None
        return plain and not (self.qknorm or self.sinks) and len(biases) == 1 and self.kv_heads in (None, self.heads)

    def biased(self, letter: str) -> bool:
        """Whether a projection has a bias: `q`, `k`, `v`, or `o` for the output projection."""
        return letter in self.bias if isinstance(self.bias, str) else self.bias

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The sources of keys and values."""
        both = x if self.kv is None else self.kv
        return both if self.k is None else self.k, both if self.v is None else self.v

    @property
    def normed(self) -> tuple[int, int]:
        """Features of a query norm and of a key norm, if `qknorm` is given."""
        return (self.inner, self.kv_inner) if self.qknorm == "width" else (self.head, self.head)

    @property
    def has_each(self) -> bool:
        """Whether each index of the leading axes, e.g. each window, has its own table."""
        return self.relbias is not None and self.relbias.rank > _TABLE

    @property
    def more(self) -> int:
        """Keys and values in addition to those of the positions."""
        return int(self.bias_kv) + int(self.zero_attn)

    @property
    def places(self) -> tuple[int, int]:
        """The indices of the sources of keys and of values among the inputs."""
        if self.k is self.v is not None:  # read as one
            return self.at("k"), self.at("k")
        keys, values = (
            next((self.at(key) for key in (one, "kv") if getattr(self, key) is not None), 0) for one in "kv"
        )
        return keys, values

    @property
    def key_heads(self) -> int:
        """Heads of keys and values."""
        return self.heads if self.kv_heads is None else self.kv_heads

    @property
    def kv_inner(self) -> int:
        """Features of all heads of keys, and of values."""
        return self.inner if self.kv_heads is None else called(self.kv_heads, "kv_heads", self.head) * self.head

    @property
    def turned(self) -> int:
        """Elements of a head that rotate with its position, if `rope` is given."""
        return self.head if self.rope_dim is None else self.rope_dim
