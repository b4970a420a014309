"""GRF: the graph."""
