"""The contents of weight files, from their headers."""

COMMAND = "archcalc weights"
