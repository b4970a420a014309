"""What memory is needed for, at inference, in a training step and while generating."""

COMMAND = "archcalc memory"
