"""The largest value within limits."""

COMMAND = "archcalc fit"
