"""What changed between networks, and what it costs."""

COMMAND = "archcalc diff"
