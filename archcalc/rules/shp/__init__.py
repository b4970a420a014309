"""SHP: shapes that run, and are not what was meant."""
