"""Predicted memory: inference, a training step, and generation."""
