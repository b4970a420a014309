"""Two networks measured in turn."""

COMMAND = "archcalc profile --compare"
WITHOUT = {"chrome-trace": "a trace is of one network: leave out --compare, or use another --format"}
