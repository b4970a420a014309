"""A rule for machines."""

from __future__ import annotations

from archcalc.reports.rules.as_json import render

__all__ = ["render"]
