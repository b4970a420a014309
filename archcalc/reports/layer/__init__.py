"""One layer of the language: its keys, shapes and formulas."""

COMMAND = "archcalc layer NAME"
