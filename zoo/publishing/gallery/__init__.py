"""A static page of all weight sets, to look through without a network."""
