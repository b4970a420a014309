"""Show what comes out of every layer, and what it costs."""

COMMAND = "archcalc shapes"
