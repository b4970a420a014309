"""A small layer worked out with real numbers, step by step."""

COMMAND = "archcalc explain --steps"
