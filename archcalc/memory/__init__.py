"""Memory before running: inference, training, and generating a sequence."""
