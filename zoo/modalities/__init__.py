"""Raw data: checks, and conversion to the inputs of models."""
