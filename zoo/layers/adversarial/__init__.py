"""Discriminators, and bottlenecks that are trained against them."""
