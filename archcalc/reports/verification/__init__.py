"""Our numbers compared with those of the PyTorch module."""

COMMAND = "archcalc verify"
