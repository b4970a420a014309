"""Closed forms: shapes and costs as formulas of chosen names."""
