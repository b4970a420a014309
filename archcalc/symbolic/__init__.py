"""Shapes and costs as formulas of chosen names, from the formulas of the layers themselves.

The loader runs on numbers that carry an expression (`traced`); the comparisons it makes become the conditions under
which the expressions hold. Only `algebra`, `writing` and the files that need them import sympy.
"""
