"""Layers that drop numbers in training and do nothing at inference are in the spec of both modes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from .test_calls import TOKENS, Of, parameter, read


class DropPath(nn.Module):
    """As libraries write it: at inference no function is called."""

    def __init__(self, drop_prob):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        return (
            x * x.new_empty(len(x), 1, 1).bernoulli_(1 - self.drop_prob) / (1 - self.drop_prob) if self.training else x
        )


def test_what_idles_at_inference_is_in_the_spec():
    """So that an import trains as its module does; what else reads the tensor does not read what was dropped."""

    def forward(m, x):
        y = m.drop(m.a(x))
        y = m.relu(m.b(y)) + m.path(y)
        return F.dropout(y, 0.0, m.training) + F.dropout(y, 0.25, m.training)

    parts = {"drop": nn.Dropout(0.125), "path": DropPath(0.5), "relu": nn.ReLU(inplace=True)}
    module = Of(forward, a=nn.Linear(16, 16), b=nn.Linear(16, 16), **parts)
    plain, trained = read(module, TOKENS), read(module, TOKENS, train=True)
    assert plain.spec.count("dropout") == 2
    for word in ("dropout 0.125", "droppath 0.5", "dropout 0.25"):
        assert plain.spec.count(word) == 1, plain.spec
    assert plain.comparison.equal
    assert "opaque" not in plain.spec
    assert trained.spec.count("dropout") == 2


def test_dropout_in_place_and_writes_into_what_dropped_nothing():
    """Whoever reads the tensor later reads what was written."""

    def forward(m, x):
        y = m.a(x)
        z = m.drop(y)
        z += 1
        return y.mean(1) if m.drop.inplace else z + y

    for inplace in (False, True):
        module = Of(forward, a=nn.Linear(16, 16), drop=nn.Dropout(0.125, inplace))
        reading = read(module, TOKENS)
        assert reading.comparison.equal
        assert "opaque" not in reading.spec
        for word in ("dropout 0.125", "offset"):
            assert reading.spec.count(word) == 1, reading.spec


def test_attention_in_training_drops_weights():
    def forward(m, x):
        mask = m.table if m.masked else None
        return F.scaled_dot_product_attention(x, x, x, mask, dropout_p=0.125 if m.training else 0.0)

    for masked in (False, True):
        module = Of(forward, table=parameter(12, 12))
        module.masked = masked
        assert "dropout" not in read(module, TOKENS).spec
        assert read(module, TOKENS, train=True).spec.count("0.125") == 1
