"""What the program prints: one folder for each report, one file in it for each form (`archcalc.reports.forms`)."""
