"""Discriminators, and the codes that are trained against them."""
