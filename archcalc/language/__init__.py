"""The spec language: from YAML nodes with locations to a document, its items and its expressions."""
