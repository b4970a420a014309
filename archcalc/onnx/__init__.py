"""ONNX: from a file to the calls that it stands for, which archcalc/tracing tells in the language.

* protobuf.py, model.py: what the file says, within bounds; weights and data in other files stay unread
* joining/: what older exporters take apart, as a GELU, as one node again
* running.py: the graph with sizes alone, for one batch: constants are computed, all else becomes calls of PyTorch's
  functions; operators/: how each operator does that, one place to add one; numbers.py: what constants are computed with
* scopes.py: the modules that the names of nodes tell of; counting.py: multiply-accumulates by the sizes of each node
* reading.py: all of it in order; checking.py: outputs beside those of the file, with its weights
"""
