"""One file for each command: its options, and the wiring from spec to report."""
