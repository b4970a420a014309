"""Weight files by their headers: names, types and sizes of tensors. One file per format; no weights are read."""
