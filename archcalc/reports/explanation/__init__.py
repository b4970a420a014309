"""The derivation of one layer."""

COMMAND = "archcalc explain"
