"""Models applied to data: features, tiles, runtimes, exports."""
