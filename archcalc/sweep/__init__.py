"""One network at many settings: grids, what is computed at each point, and the largest value within limits."""
