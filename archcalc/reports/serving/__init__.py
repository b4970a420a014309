"""What an engine that serves a network reserves, and the requests that it holds."""

COMMAND = "archcalc serve"
