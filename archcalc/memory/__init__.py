"""Memory before running: inference, a training step, and generating a sequence."""
