"""The output shape and the costs of every layer."""

COMMAND = "archcalc shapes"
