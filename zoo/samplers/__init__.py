"""Samplers: densities fitted, after training, to the codes that a model gives; one idea a file."""
