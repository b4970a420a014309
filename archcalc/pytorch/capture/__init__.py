"""A spec from a PyTorch module: the module runs on the meta device, and archcalc/tracing writes its calls as a spec.

* named.py: names such as timm:resnet50, recognised without PyTorch; finding.py: the module that a name stands
for; examples.py: what it is called with; live.py: a module that a user's program holds
* record.py: one run, its calls, the modules around them, the tensors between them
* constants.py: numbers of tensors that do not depend on data; shapes.py: sizes of what PyTorch is slow at
* reading.py: all of it in order; outputs.py, against.py: comparing the spec with PyTorch
"""
