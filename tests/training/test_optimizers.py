"""Optimizers and schedules: warm-up, decay, and what cannot be."""

import keras
import numpy as np
import pytest
from tiny_recipe import tiny_recipe

import zoo
from zoo.training.optimizers import optimizer

STEPS = 10


def rates(at, **changes):
    """The learning rate at steps `at`, 10 steps an epoch, 4 epochs."""
    chosen = optimizer(tiny_recipe(learning_rate=0.5, **changes), STEPS)
    found = []
    for step in at:
        chosen.iterations.assign(step)
        found.append(float(chosen.learning_rate))
    return found


def test_cosine_goes_from_the_rate_to_zero():
    assert rates([0, 20, 40], warmup_epochs=0.0) == pytest.approx([0.5, 0.25, 0.0], abs=1e-7)


def test_warm_up_rises_in_a_line_from_zero_and_the_end_is_still_zero():
    assert rates([0, 5, 10, 25, 40], warmup_epochs=1.0) == pytest.approx([0, 0.25, 0.5, 0.25, 0], abs=1e-7)
    assert rates([0, 5, 10, 25, 40], warmup_epochs=1.0, schedule="constant") == pytest.approx([0, 0.25, 0.5, 0.5, 0.5], abs=1e-7)


def test_constant_stays():
    assert rates([0, 25, 400], warmup_epochs=0.0, schedule="constant") == [0.5] * 3


def test_the_rate_never_rises_after_the_warm_up():
    found = rates(range(5, 41), warmup_epochs=0.5)
    assert all(a >= b for a, b in zip(found, found[1:]))


@pytest.mark.parametrize("name, kind", [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_names(name, kind):
    chosen = optimizer(tiny_recipe(optimizer=name, weight_decay=0.01 if name == "adamw" else 0.0, clip_norm=2.0, ema=0.8), STEPS)
    assert type(chosen).__name__ == kind
    assert chosen.global_clipnorm == 2.0 and chosen.use_ema and chosen.ema_momentum == 0.8
    assert not optimizer(tiny_recipe(ema=None), STEPS).use_ema


def test_weight_decay_is_decoupled():
    """Without a gradient a weight shrinks by rate times decay."""
    recipe = tiny_recipe(weight_decay=0.1, learning_rate=0.5, schedule="constant", warmup_epochs=0.0, ema=None)
    weight = keras.Variable(np.full(3, 2.0))
    optimizer(recipe, STEPS).apply([np.zeros(3, "float32")], [weight])
    np.testing.assert_allclose(weight.numpy(), 2.0 * (1 - 0.5 * 0.1), rtol=1e-6)


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(optimizer="adamx"), "optimizer 'adamx', expected one of adam, adamw, sgd.*Did you mean 'adam"),
        (dict(optimizer="adamx", weight_decay=0.0), "optimizer 'adamx', expected one of adam, adamw, sgd"),
        (dict(schedule="step"), "schedule 'step', expected cosine or constant"),
        (dict(optimizer="adam"), "weight_decay=0.01 for 'adam', which has none; use 'adamw'"),
        (dict(optimizer="sgd"), "weight_decay=0.01 for 'sgd', which has none; use 'adamw'"),
    ],
)
def test_what_cannot_be_is_one_clear_error(changes, message):
    with pytest.raises(zoo.ZooError, match=message):
        optimizer(tiny_recipe(**changes), STEPS)
