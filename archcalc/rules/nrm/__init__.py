"""NRM: normalisation and dropout."""
