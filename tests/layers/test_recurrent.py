import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from .oracle import DRAWN, FEW, TIMES, Draw, compare, covers, graph, layer, line, run

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
MODULES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def outputs(result, width):
    """All outputs of a recurrent module, the batch in front."""
    y, states = result
    h, c = states if isinstance(states, tuple) else (states, None)
    directions = y.shape[-1] // width
    named = {"": y, "h": h.transpose(0, 1), "last": h[-directions:].transpose(0, 1).flatten(1)}
    return named if c is None else named | {"c": c.transpose(0, 1)}


def module(op, features, hidden, **keys):
    """torch.nn's module with its outputs named."""

    class Named(MODULES[op]):
        def forward(self, x, state=None):
            return outputs(super().forward(x, state), keys.get("proj_size") or hidden)

    return Named(features, hidden, batch_first=True, **keys)


class WithoutStateBias(nn.Module):
    """A recurrent module whose products with the state have biases of zeros, which are no parameters."""

    def __init__(self, made):
        super().__init__()
        for name, one in made.named_parameters():
            if not name.startswith("bias_hh"):
                self.register_parameter(name, one)
        self.made = [made]  # whose own parameters are not these

    def forward(self, x):
        made = self.made[0].to(x.dtype).train(self.training)
        given = {name: torch.zeros_like(one) for name, one in made.named_parameters()}
        return torch.func.functional_call(made, {**given, **dict(self.named_parameters())}, (x,))


def spelled(keys):
    names = {"layers": "num_layers", "proj": "proj_size"}
    return {names.get(name, name): value for name, value in keys.items()}


@covers("rnn", "lstm", "gru")
@pytest.mark.filterwarnings("ignore:dropout option adds dropout after all but last")
@pytest.mark.parametrize("op", GATES)
@settings(DRAWN, max_examples=15 * TIMES)
@given(data=st.data())
def test_recurrent(op, data):
    draw = Draw(data)
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    hidden = draw(draw.number(1, 5, 0, -1))
    keys = draw.some(
        layers=draw.number(1, 3, 0, -1),
        bidirectional=st.booleans(),
        bias=st.sampled_from([True, False, "one"]),
        dropout=st.sampled_from([0.0, 0.5, 1.0, *([1.5, -0.5] if draw.wild else [])]),
        **({"nonlinearity": st.sampled_from(["tanh", "relu", "gelu"])} if op == "rnn" else {}),
        **({"proj": draw.number(1, 5, -1)} if op == "lstm" else {}),
    )
    given = spelled(keys) | ({"bias": True} if keys.get("bias") == "one" else {})

    def make():
        made = module(op, shape[1], hidden, **given)
        return WithoutStateBias(made) if keys.get("bias") == "one" else made

    compare(line(op, hidden, **keys), shape, make)


class Loop(nn.Module):
    """The same layer written out step by step, every gate a matrix product of its own."""

    def __init__(self, gates, features, hidden, layers=1, bidirectional=False):
        super().__init__()
        self.directions = 2 if bidirectional else 1
        widths = [features] + [self.directions * hidden] * (layers - 1)
        self.read = nn.ModuleList(
            nn.ModuleList(nn.Linear(width, hidden) for _ in range(gates * self.directions)) for width in widths
        )
        self.recur = nn.ModuleList(
            nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(gates * self.directions)) for _ in widths
        )

    def forward(self, x):
        for read, recur in zip(self.read, self.recur):
            columns = []
            for direction in range(self.directions):
                gates = list(zip(read, recur))[direction :: self.directions]
                state = x.new_zeros(x.shape[0], recur[0].in_features)
                steps = []
                for step in x.unbind(1):
                    state = sum(a(step) + b(state) for a, b in gates).tanh()
                    steps.append(state)
                columns.append(torch.stack(steps, 1))
            x = torch.cat(columns, -1)
        return x


@pytest.mark.parametrize("op", GATES)
@FEW
@given(data=st.data())
def test_macs_are_those_of_a_loop_of_matrix_products(op, data):
    """PyTorch's counter sees no LSTM on CPU; here it counts one matrix product after the other."""
    draw = Draw(data)
    steps, features, hidden = draw(st.tuples(*[st.integers(1, 4)] * 3))
    keys = draw.some(layers=st.integers(1, 3), bidirectional=st.booleans())
    node = layer(line(op, hidden, **keys), (steps, features))
    loop = run(lambda: Loop(GATES[op], features, hidden, **keys), [(steps, features)], "cpu")
    assert loop.outputs == {"": node.output.shape}
    assert loop.flops == 2 * node.macs * 2
    weights = sum(torch.Size(shape).numel() for shape in loop.params.values())
    assert weights == sum(torch.Size(shape).numel() for shape in node.params.values())


class Started(nn.Module):
    """A second layer that starts from the first one's final state."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x):
        y, state = self.first(x)
        return outputs(self.second(y, state), self.second.hidden_size)


@pytest.mark.parametrize("op", GATES)
@FEW
@given(data=st.data())
def test_initial_state(op, data):
    draw = Draw(data)
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    hidden = draw(st.integers(2, 3))
    keys = draw.some(layers=st.integers(1, 2), bidirectional=st.booleans())
    ours = {"hidden": hidden, **keys}
    if draw.wild:
        ours |= draw.some(hidden=st.integers(2, 3), layers=st.just(2), bidirectional=st.booleans())
    first, second = ((given.get("layers", 1), 1 + given.get("bidirectional", False)) for given in (keys, ours))
    compare(
        [line(op, hidden, **keys, name="a"), line(op, **ours, state="a")],
        shape,
        lambda: Started(
            MODULES[op](shape[1], hidden, batch_first=True, **spelled(keys)),
            MODULES[op](hidden * first[1], ours["hidden"], second[0], bidirectional=second[1] == 2, batch_first=True),
        ),
        # Two layers in one direction and one in two have states of one shape that mean different things.
        stricter=ours["hidden"] == hidden and first != second and first[0] * first[1] == second[0] * second[1],
        whole=True,
    )


def test_a_state_may_be_any_tensor_of_its_shape_but_for_lstm():
    for given_ in ("a.h", "a.last"):
        assert layer(["lstm 4 name=a", f"gru 4 state={given_}"], (3, 2)).output.shape == (3, 4)
    for second in ("lstm 4 state=a.h", "gru 5 state=a.h", "gru 4 layers=2 state=a.h", "gru 4 layers=2 state=a.last"):
        with pytest.raises(Exception, match="state"):
            graph(["lstm 4 name=a", second], (3, 2))


@pytest.mark.parametrize(("op", "each"), [("rnn", 2), ("gru", 17), ("lstm", 22)])
def test_operations_for_each_unit_and_step(op, each):
    """Sums of the gates, activations and products; then two biases for each gate."""
    assert layer(f"{op} 5 bias=false", (7, 3)).other_flops == 7 * 5 * each
    assert layer(f"{op} 5 bias=one", (7, 3)).other_flops == 7 * 5 * (each + GATES[op])
    assert layer(f"{op} 5 layers=3 bidirectional=true", (7, 3)).other_flops == 7 * 5 * 6 * (each + 2 * GATES[op])
