"""One network at many settings: grids, measures at each point, and the largest value within limits."""
