"""Pixels drawn in groups: what each may see, what it guesses, and that it all is one distribution."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo import losses
from zoo.errors import ZooError
from zoo.evaluation.likelihood import elbo
from zoo.layers.blocks.pixel_groups import PixelGroups


def drawer(image_shape, widths=(4,), loss="mse", code=(2, 2, 3)):
    keras.utils.set_random_seed(3)
    layer = PixelGroups(image_shape, widths, losses.get(loss), "silu")
    layer.build((None, *code))
    rng = np.random.default_rng(0)
    for variable in layer.weights:
        variable.assign(variable + 0.3 * rng.normal(size=variable.shape))
    return layer


def turn(row, column, levels):
    """In which draw of all a pixel comes, 0 for those from the code alone."""
    draws = [(0, 0), (1, 1), (0, 1), (1, 0)]
    for level in range(levels):
        half = 2 ** (levels - level - 1)
        if row % half == column % half == 0:
            draw = draws.index((row // half % 2, column // half % 2))
            if draw or level == 0:
                return 3 * level + draw


@pytest.mark.slow
@pytest.mark.parametrize("levels", [1, 2])
def test_a_pixel_sees_those_before_it_and_no_others(levels):
    layer = drawer((8, 8, 1), widths=(4, 6)[:levels])
    rng = np.random.default_rng(1)
    code = rng.normal(size=(1, 2, 2, 3)).astype("float32")
    image = rng.uniform(size=(1, 8, 8, 1)).astype("float32")
    before = ops.convert_to_numpy(layer(code, image))
    turns = np.array([[turn(row, column, levels) for column in range(8)] for row in range(8)])
    reached = set()
    for row, column in itertools.product(range(8), range(8)):
        other = image.copy()
        other[0, row, column] = 1 - other[0, row, column]
        changed = np.any(ops.convert_to_numpy(layer(code, other)) != before, axis=(0, 3))
        assert np.all(turns[changed] > turns[row, column])
        reached |= set(turns[changed])
    # Every group but the first sees something.
    assert reached == set(range(1, 3 * levels + 1))


def test_the_first_guess_is_the_mean_of_the_neighbours():
    """Without noise on the weights: what is left over of a plane is its slope at the edge, where neighbours lack."""
    keras.utils.set_random_seed(3)
    layer = PixelGroups((8, 8, 2), (4,), losses.get("mse"), "silu")
    layer.build((None, 4, 4, 3))
    for leave in layer.levels[0].leave:
        leave.last.kernel.assign(ops.zeros_like(leave.last.kernel))
    rows, columns = np.mgrid[:8, :8]
    plane = np.stack([0.02 * rows + 0.05 * columns, 0.9 - 0.1 * rows], axis=-1)[None].astype("float32")
    guess = ops.convert_to_numpy(layer(np.zeros((1, 4, 4, 3), "float32"), plane))
    drawn = (rows % 2 + columns % 2 > 0)[2:-2, 2:-2]
    np.testing.assert_allclose(guess[0, 2:-2, 2:-2][drawn], plane[0, 2:-2, 2:-2][drawn], atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 2, 1), (4, 2, 1)])
def test_all_images_have_probability_one_together(shape):
    layer = drawer(shape, loss="bernoulli", code=(1, 1, 2))
    pixels = int(np.prod(shape))
    images = np.array(list(itertools.product([0.0, 1.0], repeat=pixels)), "float32").reshape(-1, *shape)
    code = np.random.default_rng(2).normal(size=(1, 1, 1, 2)).astype("float32").repeat(len(images), axis=0)
    nats = ops.convert_to_numpy(layer.loss.call(images, layer(code, images)))
    assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-5)
    assert np.exp(-nats).max() > 2 / len(images)


def test_without_an_image_each_group_sees_the_means_of_those_before():
    layer = drawer((8, 8, 3), widths=(4, 6), loss="logistic_mixture")
    code = np.random.default_rng(4).normal(size=(2, 2, 2, 3)).astype("float32")
    outputs = layer(code)
    means = layer.loss.to_image(outputs)
    np.testing.assert_allclose(layer(code, means), outputs, atol=1e-4)
    uint8 = np.random.default_rng(5).integers(0, 256, (2, 8, 8, 3), "uint8")
    np.testing.assert_allclose(layer(code, uint8), layer(code, uint8.astype("float32") / 255), atol=1e-4)


@pytest.mark.parametrize("code", [(2, 1, 3), (4, 2, 3), (16, 8, 3)])
def test_codes_of_any_resolution(code):
    layer = drawer((16, 8, 1), widths=(4, 6), code=code)
    rng = np.random.default_rng(6)
    image = rng.uniform(size=(1, 16, 8, 1)).astype("float32")
    first, second = (ops.convert_to_numpy(layer(rng.normal(size=(1, *code)).astype("float32"), image)) for _ in range(2))
    assert first.shape == (1, 16, 8, 1) and np.all(first != second)


def test_sides_must_halve():
    with pytest.raises(ZooError, match=r"groups=\(4, 4\).*height and width divisible by 4"):
        tiny("ladder_vae_conv", input_shape=(6, 8, 1), groups=(4, 4))


@pytest.mark.parametrize("bad", [8, (0,), ("a",)])
def test_groups_are_numbers_of_maps(bad):
    with pytest.raises(ZooError, match="expected the number of maps of each level|expected a tuple"):
        tiny("ladder_vae_conv", groups=bad)


@pytest.mark.slow
def test_a_ladder_that_draws_in_groups(digits):
    """It learns, and its likelihood is the one that training computes."""
    x = (digits[0][:512] > 127).astype("float32")
    keras.utils.set_random_seed(5)
    model = tiny("ladder_vae_conv", filters=(8, 8), groups=(12,))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(x, batch_size=64, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.75 * history[0]
    few = x[:64]
    measured = model.evaluate(few, verbose=0, return_dict=True)["loss"]
    assert elbo(model, few, k=32, seed=2).mean() == pytest.approx(-measured, rel=0.03)
    assert model.reconstruct(few).shape == few.shape
    assert model.reconstruction_error(few).mean() < measured


def test_samples_draw_the_pixels(images):
    keras.utils.set_random_seed(5)
    model = tiny("ladder_vae_conv", input_shape=(8, 8, 3), groups=(4,), loss="logistic_mixture")
    made = model.sample(40, seed=3)
    assert made.shape == (40, 8, 8, 3)
    np.testing.assert_allclose(made, np.round(made * 255) / 255, atol=1e-6)
    np.testing.assert_array_equal(made, model.sample(40, seed=3))
    assert np.mean(made != model.sample(40, seed=4)) > 0.9
    # Of one code, too, two draws differ.
    numbers = np.random.default_rng(0).uniform(0.01, 0.99, (2, 8, 8, 4)).astype("float32")
    code = ops.repeat(model.bottleneck.sample_prior(1, 0), 2, axis=0)
    first, second = ops.convert_to_numpy(model.decoder.backbone.draw(code, numbers))
    assert np.mean(first != second) > 0.5
    with pytest.raises(ZooError, match="got n=0 samples"):
        model.sample(0)


def test_the_target_is_the_input(images):
    model = tiny("ladder_vae_conv", groups=(4,))
    with pytest.raises(ZooError, match=r"call fit\(images\) only"):
        model.fit(images, images, verbose=0)


def test_draws_have_the_probabilities_that_images_are_given():
    """All images of 2 x 2 binary pixels, as often as they are likely."""
    layer = drawer((2, 2, 1), loss="bernoulli", code=(1, 1, 2))
    every = np.array(list(itertools.product([0.0, 1.0], repeat=4)), "float32").reshape(-1, 2, 2, 1)
    code = np.random.default_rng(2).normal(size=(1, 1, 1, 2)).astype("float32")
    expected = np.exp(-ops.convert_to_numpy(layer.loss.call(every, layer(code.repeat(16, axis=0), every))))
    count = 40_000
    uniform = np.random.default_rng(7).uniform(size=(count, 2, 2, 1)).astype("float32")
    drawn = ops.convert_to_numpy(layer.draw(code.repeat(count, axis=0), uniform)).reshape(count, 4)
    found = np.bincount((drawn @ [8, 4, 2, 1]).astype(int), minlength=16) / count
    assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / count))
