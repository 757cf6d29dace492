"""Recipes, and the training loop that runs them.

Names are imported on first use, because `run`, which training scripts call, is part of the command line.
"""

from zoo.utils.lazy import lazy_names

_HOMES = {"Recipe": "zoo.training.recipe", "run": "zoo.cli.train:run_recipe"}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
