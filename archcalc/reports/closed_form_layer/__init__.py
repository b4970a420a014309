"""The derivation of one layer as formulas of chosen names."""

COMMAND = "archcalc explain --symbolic"
