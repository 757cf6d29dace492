"""Corruption layers and loss layers, one idea a file."""
