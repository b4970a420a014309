"""Runs the file with its weights to compare outputs; this needs onnx and onnxruntime.

onnx's own reference evaluator is no substitute: it does not compute LRN, for example, as ONNX defines it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from archcalc.diagnostics import RequestError
from archcalc.onnx.running import Running

# Index of each of PyTorch's gates in ONNX's order.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
_MOST_BYTES = 2**31


class Evaluated:
    """A file with its weights.

    Raises `RequestError` if onnx or onnxruntime is missing, or the weights are in other files.
    """

    def __init__(self, path: str, running: Running) -> None:
        self.path = path
        self.running = running
        self._onnx = _library("onnx")
        self._helper = _library("onnx.numpy_helper")
        self._runtime = _library("onnxruntime")
        if any(tensor.outside for tensor in running.model.tensors.values()):
            raise RequestError("its weights are in other files, which are not read")
        try:
            self.model = self._onnx.load(path, load_external_data=False)
        except Exception as error:
            raise RequestError(f"onnx cannot read it: {' '.join(str(error).split())[:200]}") from None

    def weights(self) -> dict[str, Any]:
        """The weights by the spec's parameter names, in PyTorch's layout."""
        arrays = {one.name: one for one in self.model.graph.initializer}
        for node in self.model.graph.node:
            if node.op_type == "Constant":
                arrays |= {str(node.output[0]): one.t for one in node.attribute if one.name == "value"}
            elif node.op_type == "Identity" and node.input[0] in arrays:
                arrays[node.output[0]] = arrays[node.input[0]]
        found: dict[str, Any] = {}
        for name, (label, turned) in self.running.origins.items():
            if label in arrays:
                array = self._helper.to_array(arrays[label])
                found[name] = array.T if turned else array
        for label, (op, w, r, b) in self.running.cells.items():
            parts = [self._helper.to_array(arrays[one]) if one in arrays else None for one in (w, r, b)]
            found |= {f"{label}.{key}": value for key, value in _cell(op, *parts).items()}
        return found

    def results(self, inputs: Mapping[str, Any]) -> list[Any]:
        """onnxruntime's outputs for arrays given by input name."""
        options = self._runtime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 4, 1
        try:
            session = self._runtime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
            found: list[Any] = session.run(None, dict(inputs))
        except Exception as error:
            raise RequestError(f"it cannot be run: {' '.join(str(error).split())[:200]}") from None
        return found


def _cell(op: str, w: Any, r: Any, b: Any) -> dict[str, Any]:
    """The weights of a recurrent layer with its gates in PyTorch's order."""
    found: dict[str, Any] = {}
    for direction in range(len(w)):
        end = "_reverse" if direction else ""
        found[f"weight_ih_l0{end}"] = _rows(op, w[direction])
        found[f"weight_hh_l0{end}"] = _rows(op, r[direction])
        if b is not None:
            half = len(b[direction]) // 2
            found[f"bias_ih_l0{end}"] = _rows(op, b[direction][:half])
            found[f"bias_hh_l0{end}"] = _rows(op, b[direction][half:])
    return found


def _rows(op: str, array: Any) -> Any:
    gates = _GATES[op]
    apart = array.reshape(len(gates), -1, *array.shape[1:])
    return apart[list(gates)].reshape(array.shape)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise RequestError(f"comparing outputs needs {name.partition('.')[0]}: pip install 'archcalc[onnx]'") from None
