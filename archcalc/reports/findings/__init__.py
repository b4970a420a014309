"""What the linter found."""

COMMAND = "archcalc lint"
WITHOUT = {"text": "for people there are full, concise and grouped"}
