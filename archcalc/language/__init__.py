"""The spec language: nodes with places to a document, its items and its expressions."""
