"""Files of weights by their headers: names, types and sizes of tensors. One file a format; no weight is read."""
