"""Libraries whose models have names: `find` in the file of each builds one and knows what it is called with."""
