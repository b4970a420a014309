"""The specs that come with the program."""

COMMAND = "archcalc specs"
