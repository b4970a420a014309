"""Predicted time: a network as operations, and the time of each on a device."""
