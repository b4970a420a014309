"""What memory is needed for: text with a drawing over time, SVG, JSON, CSV and markdown."""
