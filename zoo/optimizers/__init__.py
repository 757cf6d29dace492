"""Optimizers that pass over the weights once a step."""
