"""Reads ONNX files: turns a graph into PyTorch calls, which archcalc/tracing translates into a spec.

* protobuf.py, model.py: parse the file, with size limits; weights and external data are not read
* joining/: fuses what older exporters decompose, e.g. a GELU, back into one node
* running.py: runs the graph on shapes, for one batch size: constants are folded, everything else becomes calls of
  PyTorch functions; operators/: one function per operator; numbers.py: arithmetic on constants
* scopes.py: recovers modules from node names; counting.py: counts MACs of each node from its shapes
* reading.py: the whole pipeline; evaluating.py: runs the file with its weights, to compare outputs
"""
