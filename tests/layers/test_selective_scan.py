"""A recurrence that each position steers, beside its closed form and the same written out as a scan."""

import json

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archcalc.cost import Costs
from archcalc.diagnostics import Source
from archcalc.network.load import build_graph, load_graph
from archcalc.pytorch.instance import instantiate

from .oracle import BATCH, DRAWN, TIMES, Draw, compare, covers, graph, layer, line
from .values import difference


def closed_form(x, dt, a, b, c):
    """y(t) sums over all steps before what each took in, as far as it has decayed; b and c of each channel."""
    passed, ys = dt.cumsum(1), []
    for t in range(x.shape[1]):
        decay = torch.exp((passed[:, t : t + 1] - passed[:, : t + 1])[..., None] * a)  # [n, ≤ t, channels, state]
        h = (decay * (dt * x)[:, : t + 1, :, None] * b[:, : t + 1]).sum(1)
        ys.append((h.unsqueeze(-2) @ c[:, t].unsqueeze(-1)).flatten(2).squeeze(-1))
    return torch.stack(ys, 1)


class SelectiveScan(nn.Module):
    """The closed form, with decays for each element of a state or for each head."""

    def __init__(self, channels, state, heads=None, groups=1, skip=True):
        super().__init__()
        self.heads, self.groups = heads or channels, groups
        if channels % self.heads or self.heads % groups:
            raise ValueError("uneven")
        self.A_log = nn.Parameter(torch.zeros(heads) if heads else torch.zeros(channels, state))
        self.D = nn.Parameter(torch.zeros(heads or channels)) if skip else None

    def forward(self, x, dt, b, c):
        if dt.shape != (*x.shape[:2], self.heads) or b.shape != c.shape or b.shape[:2] != x.shape[:2]:
            raise ValueError("sizes")
        if b.shape[2] % self.groups:
            raise ValueError("uneven")
        wide = x.shape[2] // self.heads
        b, c = (y.unflatten(2, (self.groups, -1)).repeat_interleave(x.shape[2] // self.groups, 2) for y in (b, c))
        a = (-self.A_log.exp()).reshape(self.heads, -1).repeat_interleave(wide, 0)  # [channels, state or 1]
        dt = dt.repeat_interleave(wide, 2)
        y = closed_form(x, dt, a, b, c)
        return y if self.D is None else y + x * self.D.repeat_interleave(wide)


@covers("selectivescan")
@settings(DRAWN, max_examples=12 * TIMES)
@given(data=st.data())
def test_selective_scan(data):
    draw = Draw(data)
    groups, state, steps = draw.of(1, 2), draw.of(1, 3), draw.of(1, 4)
    heads = draw.of(None, groups, 2 * groups)
    channels = (heads or groups) * draw.of(1, 3)
    wrong = draw.of(0, 0, 1) if draw.wild else 0
    keys = ({"heads": heads} if heads else {}) | draw.some(skip=st.booleans())
    keys |= {"groups": groups} if groups > 1 else {}
    shapes = {
        "x": (steps, channels),
        "d": (steps, (heads or channels) + wrong),
        "b": (steps, groups * state),
        "c": (steps, groups * state),
    }
    if draw.wild:
        shapes["b"] = shapes["c"] = (steps, groups * state + draw.of(0, 1))
        shapes["c"] = draw.of(shapes["c"], (steps + 1, groups * state))
        keys["groups"] = draw.of(groups, 3)
    made = {"heads": heads, **keys}
    compare(
        line("selectivescan dt=d b=b c=c", **keys) + " from=x",
        shapes,
        lambda: SelectiveScan(channels, shapes["b"][1] // made.get("groups", 1), **made),
    )


def test_the_published_count():
    """9 for each element of a state and step, 1 for each element that D is multiplied with."""
    shapes = {"x": (7, 8), "d": (7, 8), "b": (7, 3), "c": (7, 3)}
    node = layer("selectivescan dt=d b=b c=c from=x", shapes)
    assert 2 * node.macs + node.other_flops == 9 * 7 * 8 * 3 + 7 * 8


def test_equals_its_plain_form():
    """specs/selective-scan.yaml is the layer written out: the same values, gradients and products."""
    written = load_graph("specs/selective-scan.yaml", given={"inner": "4", "state": "3", "steps": "5"}, batch=BATCH)
    ours = graph("selectivescan dt=dt b=b c=c from=x", {"x": (5, 4), "dt": (5, 4), "b": (5, 3), "c": (5, 3)})
    one, other = Costs(written).totals, Costs(ours).totals
    assert (one.params, one.macs) == (other.params, other.macs) == (4 * 3 + 4, BATCH * 5 * 4 * 3)
    assert not difference(written, lambda: instantiate(ours))


HEADS = """
- [rearrange 'n (h p) -> n h p 1' h=2 from=x name=xs]
- [rearrange 'n h -> n h 1 1' from=d name=ds]
- [parameter 2 name=A_log, exp, neg, rearrange 'h -> h 1 1' name=A]
- scan: {u: xs, dt: ds, b: b, c: c}
  state: {h: [2, 3, 4]}
  layers:
    - mul: [u, dt, [rearrange '(h n) -> h 1 n' h=2 from=b]]
      name: entry
    - [mul: [dt, A], exp]
    - mul: [prev, h]
    - add: [prev, entry]
      name: new
    - matmul: [new, [rearrange '(h n) -> h n 1' h=2 from=c]]
  next: {h: new}
- [rearrange 'n h p 1 -> n h p' name=y]
- mul: [[rearrange 'n h p 1 -> n h p' from=xs], [parameter 2 name=D, rearrange 'h -> 1 h 1']]
- add: [y, prev]
- rearrange 'n h p -> n (h p)'
"""


def test_heads_equal_their_plain_form():
    """One decay a head, a b and a c for each of two groups."""
    shapes = {"x": (5, 6), "d": (5, 2), "b": (5, 8), "c": (5, 8)}
    keys = "heads=2 groups=2"
    ours = graph(f"selectivescan dt=d b=b c=c {keys} from=x", shapes)
    spec = f"model: t\ninput: {json.dumps(shapes)}\nlayers:\n{HEADS}"
    theirs = build_graph(Source("t.yaml", spec.replace('"', "")), batch=BATCH)
    assert Costs(ours).totals.params == Costs(theirs).totals.params
    assert not difference(theirs, lambda: instantiate(ours))
