"""What layers are called elsewhere, and how they are written here: one place for all advice about it."""
