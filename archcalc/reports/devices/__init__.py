"""The devices that memory and time are known of."""

COMMAND = "archcalc devices"
