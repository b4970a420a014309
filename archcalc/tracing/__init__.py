"""A readable spec from the calls of one run, whichever source they come from.

* calls.py: a run, its calls, the modules around them, the tensors between them; lineup.py: two runs side by side, and
  which axes are the batch's
* graph.py: the intermediate form, nodes that are layers of the language; operations/: from calls to nodes, where an
operation is added; patterns/: several nodes that are one layer, such as attention; proof.py: the nodes one by one as a
spec
* items.py, structure.py: nodes to the items of a spec, chains, residuals and branches; bodies.py, block.py,
  expressions.py, repeats.py: equal bodies to blocks with arguments, equal neighbours to repeats; naming.py, words.py,
  typeset.py: the text
* telling.py: all of it in order; dims.py: what depends on a size, from two texts; comparison.py: the spec's numbers beside those of the source

Calls have the names and arguments of PyTorch's functions, such as `conv2d`. Nothing here imports PyTorch.
"""
