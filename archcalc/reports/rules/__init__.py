"""All rules of the linter and codes of the language."""

COMMAND = "archcalc rule"
