"""ATT: attention and sequences."""
