"""What the program prints, one file a format."""
