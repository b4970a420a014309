"""What a serving engine reserves for a network, and how many requests fit."""

COMMAND = "archcalc serve"
