"""Time and memory measured on this machine."""

COMMAND = "archcalc profile"
