"""HWE: hardware efficiency."""
