"""Our counts beside another tool's: a file for each format."""
