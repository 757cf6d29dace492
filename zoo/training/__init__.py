"""Recipes, and the training loop that runs them.

Names are imported on first use, because `run`, which training scripts call, is part of the command line.
"""

import importlib

_HOMES = {"Recipe": ("zoo.training.recipe", "Recipe"), "run": ("zoo.cli.train", "run_recipe")}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(importlib.import_module(module), attribute)
    raise AttributeError(f"module 'zoo.training' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
