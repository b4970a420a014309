"""A spec from a PyTorch module: it runs on the meta device, and archcalc/tracing tells its calls in the language.

* named.py: what a user names, as timm:resnet50, recognised without PyTorch; finding.py: the module that a name stands
  for; examples.py: what it is called with; live.py: a module in a program of somebody's
* record.py: one run, its calls, the modules around them, the tensors between them
* constants.py: numbers of what no data goes into; shapes.py: sizes of what PyTorch is slow at
* reading.py: all of it in order; outputs.py, against.py: what came out beside PyTorch's
"""
