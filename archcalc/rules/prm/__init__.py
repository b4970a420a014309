"""PRM: parameters that do nothing."""
