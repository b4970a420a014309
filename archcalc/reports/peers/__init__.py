"""Our counts beside another tool's."""

COMMAND = "archcalc shapes --like"
