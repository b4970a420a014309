"""ACT: activations and losses."""
