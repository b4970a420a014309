"""SHP: shapes that run but are not what was meant."""
