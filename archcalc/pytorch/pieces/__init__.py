"""What is copied into generated files."""
