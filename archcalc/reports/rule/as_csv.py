"""A rule as a line."""

from __future__ import annotations

from archcalc.reports.rules.as_csv import render

__all__ = ["render"]
