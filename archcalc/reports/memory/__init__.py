"""What memory is needed for: at inference, in a training step, and in generation."""

COMMAND = "archcalc memory"
