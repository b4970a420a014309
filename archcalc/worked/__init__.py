"""Worked examples: small layers computed with real numbers, step by step, in plain Python."""
