"""HWE: what a device would rather have."""
