"""One file per command: its options, and the wiring from spec to report."""
