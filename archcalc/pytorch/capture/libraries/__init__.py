"""Libraries whose models have names: `find` in each file builds a model and knows its inputs."""
