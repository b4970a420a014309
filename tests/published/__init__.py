"""Specs of published networks with the weights of an implementation of theirs: equal outputs, not counts alone."""
