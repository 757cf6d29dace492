"""Sources of raw data, to batches: arrays, data sets, files and folders."""
