"""Shapes and costs as formulas of chosen names."""

COMMAND = "archcalc shapes --symbolic"
