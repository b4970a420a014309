"""Hostile and broken input for every command: `python -m tests.fuzz`."""
