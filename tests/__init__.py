"""The tests, and how their processes run PyTorch."""

import os

# Threads that spin while they wait take turns with those they wait for, where several processes share the cores: a
# training step of a small LSTM then takes forty times as long. Read when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
