"""Searches for the settings of a recipe, by Keras Tuner. Needs the extra `tune`."""
