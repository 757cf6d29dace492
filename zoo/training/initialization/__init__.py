"""Initialization of weights from the data."""
