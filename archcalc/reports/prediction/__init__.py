"""How long networks take on devices, before running them."""

COMMAND = "archcalc predict"
