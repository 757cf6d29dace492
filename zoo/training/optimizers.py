"""The optimizer and the learning rate schedule of a recipe."""

import keras

from zoo.errors import ZooError, suggest
from zoo.optimizers.adam import Adam, AdamW

_OPTIMIZERS = ("adam", "adamw", "sgd")


def optimizer(recipe, steps_per_epoch):
    """The `keras.optimizers.Optimizer` of a `Recipe`, with its learning rate schedule."""
    if recipe.optimizer not in _OPTIMIZERS:
        near = suggest(recipe.optimizer, _OPTIMIZERS)
        raise ZooError(f"got optimizer {recipe.optimizer!r}, expected one of {', '.join(_OPTIMIZERS)}.{near}")
    common = dict(
        learning_rate=_rate(recipe, steps_per_epoch),
        global_clipnorm=recipe.clip_norm,
        use_ema=recipe.ema is not None,
        ema_momentum=recipe.ema or 0.99,
    )
    if recipe.weight_decay and recipe.optimizer != "adamw":
        raise ZooError(f"got weight_decay={recipe.weight_decay} for {recipe.optimizer!r}, which has none; use 'adamw'.")
    if recipe.optimizer == "adam":
        return Adam(**common)
    if recipe.optimizer == "adamw":
        return AdamW(weight_decay=recipe.weight_decay, **common)
    return keras.optimizers.SGD(momentum=0.9, nesterov=True, **common)


def _rate(recipe, steps_per_epoch):
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    if recipe.schedule == "cosine":
        steps = max(1, recipe.epochs * steps_per_epoch - warmup)
    elif recipe.schedule == "constant":
        if not warmup:
            return recipe.learning_rate
        return keras.optimizers.schedules.PolynomialDecay(1e-8, max(1, warmup), recipe.learning_rate)
    else:
        raise ZooError(f"got schedule {recipe.schedule!r}, expected cosine or constant.")
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=recipe.learning_rate, warmup_steps=warmup)
