"""Imports PyTorch before any test does: without NumPy its import warns, and here warnings are errors."""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Failed to initialize NumPy")
    import torch  # noqa: F401
