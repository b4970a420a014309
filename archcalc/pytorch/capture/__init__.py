"""A spec from a PyTorch module: it runs on the meta device, its calls are written down and told in the language.

* named.py: what a user names, as timm:resnet50, recognised without PyTorch; finding.py: the module that a name stands
  for; examples.py: what it is called with; live.py: a module in a program of somebody's
* record.py: one run, its calls, the modules around them, the tensors between them; lineup.py: two runs side by side,
  and which axes are the batch's
* graph.py: the intermediate form, nodes that are layers of the language; operations/: from calls to nodes, one place to
  add an operation; patterns/: several nodes that are one layer, as attention; proof.py: the nodes one by one as a spec
* items.py, structure.py: nodes to the items of a spec, chains, residuals and branches; bodies.py, block.py,
  expressions.py, repeats.py: equal bodies to blocks with arguments, equal neighbours to repeats; naming.py, words.py,
  typeset.py: the text
* reading.py: all of it in order; comparison.py, outputs.py, against.py: what came out beside PyTorch's
"""
