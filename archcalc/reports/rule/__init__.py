"""One rule: what it finds, why, and what to write instead."""

COMMAND = "archcalc rule CODE"
