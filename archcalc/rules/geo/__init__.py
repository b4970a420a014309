"""GEO: spatial geometry."""
