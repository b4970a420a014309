"""The specs that ship with archcalc."""

COMMAND = "archcalc specs"
