"""What changed between two networks: which layers, which settings, and what the change costs."""
