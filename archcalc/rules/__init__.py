"""The lint rules: one file each, in a folder for each group."""
