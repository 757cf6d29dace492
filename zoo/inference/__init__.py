"""Inference: feature extraction, tiling, runtimes and exports."""
