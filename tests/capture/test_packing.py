"""Packed sequences run at the length of the longest, with the outputs that the module has where all are as long."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from archcalc.pytorch.capture.examples import Example

from .test_calls import Of, read
from .test_outputs import checked

LENGTHS = Example("lengths", (), torch.long)


def packed(x, lengths, **options):
    return pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False, **options)


def tags(m, x, lengths):
    out, _ = m.rnn(packed(m.e(x), lengths, batch_first=True))
    return m.o(pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])[0])


def last(m, x, lengths):
    _, (h, _) = m.rnn(packed(m.e(x), lengths, batch_first=True))
    return m.o(torch.cat([h[-2], h[-1]], 1))


def steps_first(m, x, lengths):
    order = lengths.argsort(descending=True)
    x, lengths = m.e(x)[order], lengths[order]
    out, _ = m.rnn(pack_padded_sequence(x.transpose(0, 1), lengths.cpu()))
    out, _ = pad_packed_sequence(m.second(out)[0], batch_first=True)
    return m.o(out[order.argsort()])


NETWORKS = {
    "padded again": (tags, {"rnn": nn.GRU(8, 6, batch_first=True), "o": nn.Linear(6, 3)}),
    "the last states": (last, {"rnn": nn.LSTM(8, 6, batch_first=True, bidirectional=True), "o": nn.Linear(12, 3)}),
    "sorted by hand, steps first": (
        steps_first,
        {"rnn": nn.LSTM(8, 6), "second": nn.GRU(6, 5, batch_first=True), "o": nn.Linear(5, 3)},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_equal(name):
    function, parts = NETWORKS[name]
    comparison = checked(Of(function, e=nn.Embedding(20, 8), **parts), Example("x", (7,), torch.long), LENGTHS)
    assert comparison.checked.startswith("outputs equal"), comparison.checked
    assert not comparison.declared
    assert any("packed" in one for one in comparison.notes)


def test_an_order_that_is_no_order_of_samples_is_not_passed_over():
    """Places along the steps are taken, whatever they are sorted by."""
    module = Of(lambda m, x: x[:, m.w.argsort()] @ m.w, w=nn.Parameter(torch.rand(5)))
    reading = read(module, (5,))
    assert reading.comparison.declared or "gather" in reading.text
