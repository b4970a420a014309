"""What files of weights hold, by their headers."""

COMMAND = "archcalc weights"
