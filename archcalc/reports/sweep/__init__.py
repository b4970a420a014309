"""A network at many settings."""

COMMAND = "archcalc sweep"
