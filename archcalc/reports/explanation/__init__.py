"""The derivation of one layer."""
