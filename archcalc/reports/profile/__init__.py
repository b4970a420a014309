"""Time and memory that were measured on this machine."""

COMMAND = "archcalc profile"
