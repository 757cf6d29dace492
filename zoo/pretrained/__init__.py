"""From a name to a model's files and its weights."""
