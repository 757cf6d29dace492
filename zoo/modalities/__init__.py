"""What raw data is: how it is checked, read by a model, and shown."""
