"""Attention scores: the keys that change them, how many a mask lets through, and the operations on one."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Number, Whole, arg
from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.memory import LOW
from archcalc.layers.operands import Reference
from archcalc.layers.tensor import Shape, Tensor
from archcalc.terms import part, work

# Operations on one attention score.
SCORING = (("scaling", 1), ("softmax", 5))
# Extra operations on one with a bias, and with a soft cap.
_BIAS, _SOFTCAP = 1, 3


class Scored(Layer):
    """A layer that weights values by the softmax of scores, with the keys that change the scores."""

    autocast = LOW

    causal: bool = arg(Flag, "no position sees later ones", default=False, aliases=("is_causal",))
    window: int | None = arg(
        Whole, "a position sees only those closer than this", default=None, min=1, aliases=("sliding_window",)
    )
    relbias: Tensor | None = arg(
        Reference,
        "a [heads, queries, keys] table added to the scores; one for each of the axes before, as windows",
        default=None,
    )
    mask: Tensor | None = arg(
        Reference,
        "0 where a key is hidden: [keys], [queries, keys], or with axes of heads; axes of size 1 stretch",
        default=None,
        aliases=("attn_mask", "key_padding_mask"),
    )
    scale: float | None = arg(Number, "factor of the scores; default: 1/√d", default=None)
    softcap: float | None = arg(Number, "soft limit: scores stay within ± this", default=None, above=0)
    sinks: bool = arg(Flag, "a learned score for each head that takes weight and gives no value", default=False)
    dropout: float = arg(Number, "dropout of the attention weights", default=0.0, min=0, max=1)

    @property
    def sees_ahead(self) -> bool:  # type: ignore[override]
        """True unless it is causal."""
        return not self.causal

    @property
    def draws(self) -> bool:
        """The elements that its dropout sets to 0."""
        return self.dropout > 0

    @property
    def is_scored_by_hand(self) -> bool:
        """Whether no function of PyTorch supports these options for the scores."""
        return self.softcap is not None or self.sinks

    @property
    def is_masked(self) -> bool:
        """Whether something is added to its scores, or hidden, that no flag of PyTorch's function can express."""
        return self.window is not None or self.relbias is not None or self.mask is not None

    def at(self, key: str) -> int:
        """The index, among the inputs, of the tensor that a key names."""
        references = (name for name, argument in self.arguments.items() if isinstance(argument, Reference))
        given = [name for name in references if getattr(self, name) is not None]
        return given.index(key) + self.takes_input

    def weighing(self) -> list[str]:
        """The equation of the weights, with its mask."""
        factor = "Q Kᵀ / √d" if self.scale is None else f"Q Kᵀ · {self.scale:g}" if self.scale != 1 else "Q Kᵀ"
        if self.softcap is not None:
            inside = f"({self.softcap:g}·√d)" if self.scale is None else f"{self.softcap:g}"
            inside = f"{'Q Kᵀ' if self.scale is None else factor} / {inside}"
            factor = f"{self.softcap:g} · tanh({inside})"
        factor += " + B[h, i, j]" if self.relbias is not None else ""
        sink = " with the weight of a learned sink, which gives no value" if self.sinks else ""
        return masked(
            f"α = softmax({factor})        a row sums to 1{sink}", self.causal, self.window, self.mask is not None
        )

    def check_scores(self, shape: Shape) -> None:
        """Raises `ShapeError` if a table or a mask does not fit scores of this shape [*, queries, keys]."""
        if self.relbias is not None and self.numbers("relbias").shape not in (shape[-3:], shape):
            raise ShapeError(
                "SHP107",
                f"the table is {self.relbias}, the scores are {list(map(int, shape[-3:]))}",
                "relbias",
                "use the same heads and positions in both",
            )
        if self.mask is None:
            return
        sizes = self.numbers("mask").shape
        if len(sizes) > len(shape) or any(size not in (1, own) for size, own in zip(sizes[::-1], shape[::-1])):
            raise ShapeError(
                "SHP107",
                f"`mask` is {self.mask}, the scores are {list(map(int, shape))}",
                "mask",
                "a mask is [keys], [queries, keys], or has the axes before as well; axes of size 1 stretch",
            )

    def hidden(self, queries: int, keys: int) -> int:
        """How many of a head's scores are known to be hidden; those hidden by `mask` are unknown."""
        return queries * keys - visible_scores(queries, keys, self.causal, self.window)

    def scored(self, pairs: int) -> int:
        """Operations on this many scores."""
        added = ("bias of the distance", _BIAS * (self.relbias is not None))
        capped = ("soft cap", _SOFTCAP * (self.softcap is not None))
        return work(pairs, "score", *SCORING, added, capped)

    def sunk(self, rows: int) -> int:
        """Operations on the scores of the sinks, one for each row."""
        return part("sinks", work(rows, "score of a sink", SCORING[1]))


def masked(line: str, causal: bool, window: int | None, given: bool = False) -> list[str]:
    """The equation `line` of a softmax with the mask that is added to the scores, and what that mask is.

    Args:
        given: whether a tensor hides some keys as well.
    """
    if not causal and window is None and not given:
        return [line]
    if not causal and window is None:
        hidden, said = "mask[i, j] = 0", "the mask says which keys a position sees"
    elif window is None:
        hidden, said = "j > i", "no position sees later ones"
    else:
        hidden = f"j > i or j ≤ i − {window}" if causal else f"|i − j| ≥ {window}"
        others = f"the {int(window) - 1} before it" if causal else f"{int(window) - 1} on each side"
        said = "a position sees " + ("itself only" if int(window) == 1 else f"itself and {others}")
    if given and (causal or window is not None):
        hidden += " or mask[i, j] = 0"
    equation, gap, note = line.partition("        ")
    closed = equation.rfind(")")
    return [
        f"{equation[:closed]} + M){equation[closed + 1 :]}{gap}{note}",
        f"M[i, j] = −∞ for {hidden}, 0 otherwise        {said}",
    ]


def visible_scores(queries: int, keys: int, causal: bool, window: int | None) -> int:
    """How many of the queries·keys scores a mask lets through.

    Causal: query i sees keys 0..i. A window w: only keys less than w positions away.
    """
    if not causal and window is None:
        return queries * keys
    reach = keys + queries if window is None else min(window, keys + queries)
    # Keys up to the query itself: i - j in [0, reach), j < keys.
    before = _staircase(queries, reach) - _staircase(max(0, queries - keys), reach)
    if causal:
        return before
    after = _staircase(keys - 1, reach - 1) - _staircase(max(0, keys - 1 - queries), reach - 1) if keys > 1 else 0
    return before + after


def _staircase(rows: int, reach: int) -> int:
    """1 + 2 + ... over `rows` rows, no row longer than `reach`."""
    if rows <= 0 or reach <= 0:
        return 0
    growing = min(rows, reach)
    return growing * (growing + 1) // 2 + (rows - growing) * reach
