"""The devices whose memory and speed are known."""

COMMAND = "archcalc devices"
