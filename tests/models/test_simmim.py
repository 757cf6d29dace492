"""SimMIM: a learned token hides squares of the image, and one linear layer finds their pixels."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.blocks.tokens import patchify
from zoo.pretrained.arrays import named_variables

MOMENTS = {"mean": (0.5, 0.4, 0.3), "deviation": (0.2, 0.3, 0.25)}


def model_of(**options):
    keras.utils.set_random_seed(0)
    return tiny("simmim_swin", (16, 16, 3), **MOMENTS, **options)


def shown(chosen):
    """The places (1, 16, 16, 1) of squares of 4 x 4 that `chosen` (1, seen, 16) shows."""
    return np.asarray(chosen)[0].sum(axis=0).reshape(4, 4).repeat(4, axis=0).repeat(4, axis=1)[None, :, :, None]


def test_pixels_of_hidden_squares_are_not_seen():
    model = model_of()
    a, b = np.random.default_rng(0).random((2, 1, 16, 16, 3), dtype=np.float32)
    chosen = model.corruption.complementary()[0][None]
    backbone = model.encoder.backbone
    maps = [ops.convert_to_numpy(backbone.seen(backbone.patches(x), chosen)) for x in (a, np.where(shown(chosen), a, b), b)]
    assert maps[0].shape == (1, 4, 4, 8)
    np.testing.assert_array_equal(maps[0], maps[1])
    assert np.abs(maps[0] - maps[2]).max() > 1e-3


def test_without_hidden_squares_the_maps_are_those_of_the_image(eagerly):
    model = model_of()
    x = np.random.default_rng(0).random((2, 16, 16, 3), dtype=np.float32)
    every = np.eye(16, dtype=np.float32)[None].repeat(2, axis=0)
    backbone = model.encoder.backbone
    seen = ops.convert_to_numpy(backbone.seen(backbone.patches(x), every))
    np.testing.assert_allclose(seen, ops.convert_to_numpy(model.code(x)), atol=1e-6)
    np.testing.assert_allclose(model.encode(x), seen.mean(axis=(1, 2)), atol=1e-5)
    image = model.decoder.backbone.image(model.decoder.backbone.found(seen, every))
    np.testing.assert_allclose(model.decode(seen), np.clip(image, 0, 1), atol=1e-5)


def test_the_loss_is_the_mean_absolute_error_of_hidden_pixels_standardized(eagerly):
    model = model_of(mask_ratio=0.5)
    x = np.random.default_rng(0).random((3, 16, 16, 3), dtype=np.float32)
    chosen = np.eye(16, dtype=np.float32)[np.random.default_rng(1).permutation(16)[:8]][None].repeat(3, axis=0)
    model.corruption.call = lambda patches: ops.convert_to_tensor(chosen)
    reported = model.evaluate(x, verbose=0, return_dict=True)["reconstruction"]
    standardized = (x - np.array(MOMENTS["mean"])) / np.array(MOMENTS["deviation"])
    backbone = model.encoder.backbone
    found = ops.convert_to_numpy(model.found(backbone.patches(x), chosen))
    error = np.abs(found - ops.convert_to_numpy(patchify(standardized.astype("float32"), 4)))
    hidden = 1 - chosen.sum(axis=1)
    assert reported == pytest.approx(float((error.mean(axis=-1) * hidden).sum() / hidden.sum()), rel=1e-4)


def test_what_is_found_of_a_square_does_not_depend_on_it(eagerly):
    model = model_of()
    x = np.random.default_rng(0).random((1, 16, 16, 3), dtype=np.float32)
    other = x.copy()
    other[:, :4, :4] = 0.5
    np.testing.assert_allclose(model.reconstruct(x)[:, :4, :4], model.reconstruct(other)[:, :4, :4], atol=1e-6)
    assert np.abs(model.reconstruct(x) - model.reconstruct(other)).max() > 1e-5
    assert model.anomaly_score(x).shape == (1,)


def test_every_part_of_it_is_trained(eagerly):
    model = model_of()
    before = {path: np.array(variable) for path, variable in named_variables(model).items()}
    x = np.random.default_rng(0).random((8, 16, 16, 3), dtype=np.float32)
    assert np.isfinite(model.fit(x, batch_size=4, epochs=2, verbose=0).history["loss"]).all()
    assert not [path for path, variable in named_variables(model).items() if np.array_equal(variable, before[path])]


@pytest.mark.slow
def test_it_learns_to_find_what_is_hidden():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    # Stripes, dark first or bright first: any square that is seen tells of all others.
    stripes = np.arange(16)[None, :, None, None] % 2 * np.ones((512, 16, 16, 1), np.float32)
    x = np.where(rng.random((512, 1, 1, 1)) < 0.5, stripes, 1 - stripes)
    model = tiny("simmim_swin", (16, 16, 1), width=16)
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(x, batch_size=32, epochs=10, verbose=0).history
    assert history["reconstruction"][-1] < 0.5 * history["reconstruction"][0]


@pytest.mark.parametrize("size", [0, 3, 12])
def test_squares_that_do_not_fit_are_refused(size):
    with pytest.raises(ZooError, match=f"mask_size={size} for images of 16 x 16 and patch_size=2, expected a multiple"):
        model_of(mask_size=size)
