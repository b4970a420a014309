"""The memory that scaled_dot_product_attention needs when it computes step by step, between separate projections.

Source: _scaled_dot_product_attention_math in aten/src/ATen/native/transformers/attention.cpp of PyTorch 2.13. Each sum
below is what is alive at one moment, in the order in which PyTorch's profiler records them.
"""

from __future__ import annotations

from archcalc.records import NamedTuple


class Eager(NamedTuple):
    """The sizes of its tensors, in bytes.

    Attributes:
        queries: the queries of all heads.
        keys: the keys, or the values, before any is repeated for several heads.
        repeated: the keys once each head has its own.
        scores: the scores of all pairs.
        hidden: the masks of hidden pairs and rows.
        mask: what is added to the scores.
        told: whether the mask is made here and freed with the scores.
        grouped: whether several heads share keys.
        in_place: whether queries are stored by head, so that no copy is made.
        dropout: whether weights are dropped.
        kept: everything kept for backward.
        early: the part of it that is kept before the scores exist.
        answer: the output.
        alone: whether queries, keys and values come from one input, whose gradients are summed.
    """

    queries: int
    keys: int
    repeated: int
    scores: int
    hidden: int
    mask: int
    told: bool
    grouped: bool
    in_place: bool
    dropout: bool
    kept: int
    early: int
    answer: int
    alone: bool

    def forward(self, keeps: bool) -> int:
        """Bytes in addition to the output and what is kept: while the softmax runs, or once the weighted values exist."""
        copy = 0 if self.in_place else self.queries
        shared = 2 * self.repeated * self.grouped
        held = self.queries + 2 * self.keys + self.mask + self.queries + shared
        if not keeps:  # scaled queries and keys are freed as soon as the scores exist
            first = held + self.repeated + copy + self.scores
            softmax = held + 2 * self.scores + self.hidden
            valued = held + self.scores + self.queries + self.repeated * (not self.grouped)
            return max(first, softmax, valued) - self.answer
        held += self.early + self.repeated + copy
        softmax = held + 2 * self.scores + self.hidden
        valued = held + (3 if self.dropout else 1) * self.scores + self.queries + self.repeated * (not self.grouped)
        given = valued + self.queries + self.answer - copy - self.repeated * self.grouped - self.mask * self.told
        return max(softmax, valued, given) - self.kept - self.answer

    def backward(self, inputs: int, later: int) -> int:
        """Bytes in addition to the gradients of the inputs (`inputs` bytes) and of the parameters computed after the scores (`later`).

        The gradient of the output is freed once that of the scores' output exists.
        """
        scored = self.queries + self.scores
        softmax = 0 if self.dropout else 2 * self.scores - self.repeated
        together = self.queries + (1 + self.alone) * inputs + later - self.kept
        return max(self.queries, max(scored, softmax, together) - self.answer) - inputs - later
