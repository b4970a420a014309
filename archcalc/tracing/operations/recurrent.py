"""Recurrent modules; each is a single call."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads


@reads("LSTM GRU RNN", "input state=None hx=None")
def recurrent(reader: Reader, call: Call, a: Any) -> Given:
    """nn.LSTM and the like; the final states are outputs, `h` and `c`."""
    module: Any = call.module
    state = a.state if a.state is not None else a.hx
    begun = _begun(reader, call.name, _values(state))
    if isinstance(a.input, Value) and len(a.input.shape) == 2:
        raise Beyond("without a batch")
    x = reader.out(a.input)
    if len(x.sizes) != 2:
        raise Beyond("over samples that were joined with another axis")
    keys: dict[str, Any] = {
        "hidden": module.hidden_size,
        "layers": module.num_layers,
        "bidirectional": module.bidirectional,
        "dropout": module.dropout,
        "bias": module.bias,
    }
    if module.mode == "RNN_RELU":
        keys["nonlinearity"] = "relu"
    if getattr(module, "proj_size", 0):
        keys["proj"] = module.proj_size
    if begun is not None:
        keys["state"] = begun
    made = reader.add(call.name.lower(), [x, *([begun] if begun else [])], call.outs[0].sizes, keys)
    reader.keep(made.node, module)
    names = ["h", "c"][: len(call.outs) - 1]
    made.node.further = {name: value.sizes for name, value in zip(names, call.outs[1:])}
    return [made, *(Out(made.node, name) for name in names)]


def _begun(reader: Reader, name: str, states: list[Value]) -> Out | None:
    """What a recurrent layer starts from: another one, or a tensor; None for zeros.

    Raises `Beyond` for states of an LSTM that are computed, or learned.
    """
    fixed = not any(value.of_data or value.of_parameters for value in states)
    if fixed and all(value.number() == 0 for value in states):
        return None
    if fixed and name == "LSTM":
        reader.graph.remarks.append("states")
        return None
    given = [reader.out(value) for value in states]
    whole = [out.name for out in given] == ["h", "c"][: len(given)]
    if whole and len({out.node for out in given}) == 1 and given[0].node.op == name.lower():
        return Out(given[0].node)
    if name == "LSTM":
        raise Beyond("from states that no LSTM left")
    return given[0]


@reads("rnn_tanh_cell rnn_relu_cell gru_cell lstm_cell", "input hx w_ih w_hh b_ih=None b_hh=None")
def cell(reader: Reader, call: Call, a: Any) -> Given:
    """One step of a recurrent module, whose states are ordinary tensors."""
    op = {"gru_cell": "grucell", "lstm_cell": "lstmcell"}.get(call.name, "rnncell")
    states = a.hx if isinstance(a.hx, list) else [a.hx]
    x, names = reader.out(a.input), ("h", "c") if op == "lstmcell" else ("state",)
    given = dict(zip(names, map(reader.out, states)))
    keys: dict[str, Any] = {"hidden": a.w_hh.shape[1], "bias": a.b_ih is not None, **given}
    if call.name == "rnn_relu_cell":
        keys["nonlinearity"] = "relu"
    weights = {"weight_ih": a.w_ih, "weight_hh": a.w_hh, "bias_ih": a.b_ih, "bias_hh": a.b_hh}
    made = reader.weighted(op, [x, *given.values()], call.outs[0].sizes, keys, weights)
    if len(call.outs) == 1:
        return made
    made.node.further = {"c": call.outs[1].sizes}
    return [made, Out(made.node, "c")]


def _values(item: Any) -> list[Value]:
    if isinstance(item, Value):
        return [item]
    return [value for one in item for value in _values(one)] if isinstance(item, list) else []
