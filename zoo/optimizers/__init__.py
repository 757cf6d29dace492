"""Optimizers that update each weight in a single pass."""
