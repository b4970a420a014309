"""Run settings: one declaration for memory, time, fit, sweep, lint and profile. Nothing is computed here."""

from archcalc.running.declaration import FIELDS, Field, Running

__all__ = ["FIELDS", "Field", "Running"]
