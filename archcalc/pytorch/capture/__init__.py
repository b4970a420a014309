"""A spec from a PyTorch module: it runs on the meta device, its calls are written down and told in the language.

named.py      what a user names, as timm:resnet50: recognised without PyTorch
finding.py    the module that a name stands for
examples.py   what it is called with
record.py     one run: calls, the modules around them, the tensors between them
lineup.py     two runs side by side: which axes are the batch's
graph.py      the intermediate form: nodes that are layers of the language
operations/   from calls to nodes: one place to add an operation
patterns/     several nodes that are one layer, as attention
proof.py      the nodes one by one as a spec: shapes and layouts as archcalc has them
structure.py  nodes to the items of a spec: chains, residuals, branches
bodies.py     equal bodies to blocks with arguments, equal neighbours to repeats
comparison.py what came out beside what PyTorch counts
"""
