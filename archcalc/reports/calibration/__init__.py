"""How well the coefficients that were fitted to this machine predict layers that they have not seen."""

COMMAND = "archcalc calibrate"
