"""All layers of the language, by family."""

COMMAND = "archcalc layers"
