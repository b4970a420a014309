"""Shapes and costs as formulas of chosen names, from the formulas of the layers themselves.

The loader runs on numbers that carry an expression (`traced`); what it compares on its way are the
conditions under which the expressions hold. Only `algebra`, `writing` and what needs them import sympy.
"""
