"""A static HTML page of all weight sets, which requires no network."""
