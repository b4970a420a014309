"""Our numbers compared with those of the module that PyTorch builds."""

COMMAND = "archcalc verify"
