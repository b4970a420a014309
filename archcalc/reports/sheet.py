"""Rows as CSV, for all CSV forms."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from archcalc.quoting import csv_cell


def sheet(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A header and rows; what a spreadsheet would take for a formula is written as text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([csv_cell(cell) for cell in row] for row in (header, *rows))
    return file.getvalue()
