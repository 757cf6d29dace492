"""Corruptions of the input."""
