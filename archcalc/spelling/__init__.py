"""What layers are called elsewhere, and how they are written here: the one place for such advice."""
