"""From a recipe to a weight set: data, fit, resume, evaluation, manifest entry, card."""

from zoo.training.recipe import Recipe, run

__all__ = ["Recipe", "run"]
