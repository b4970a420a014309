"""Time before running: a network as operations, and what each takes on a device."""
