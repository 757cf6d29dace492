"""The PixelCNN: what it may see, what it learns, and what it draws."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.samplers.pixelcnn import PixelCNNNetwork, PixelCNNSampler

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 5), (1, 9), (6, 1)], ids=str)
def test_no_place_sees_itself_or_a_later_one(shape):
    keras.utils.set_random_seed(0)
    network = PixelCNNNetwork(shape, 7, layers=6, filters=8)
    network.build((None, *shape))
    grid = RNG.integers(0, 7, (1, *shape))
    count = grid.size
    changed = np.repeat(grid, count, axis=0).reshape(count, count)
    changed[np.arange(count), np.arange(count)] = (changed[np.arange(count), np.arange(count)] + 3) % 7
    logits = ops.convert_to_numpy(network(np.concatenate([grid, changed.reshape(count, *shape)]))).reshape(count + 1, count, 7)
    moves = np.abs(logits[1:] - logits[:1]).max(axis=-1)  # (place that was changed, place that is looked at)
    seen = np.triu(np.ones((count, count)), 1) > 0
    # Rounding alone may tell batches apart; a place that sees another moves by far more.
    assert moves[~seen].max() < 1e-6
    assert np.all(moves[seen] > 1e-6), "and every earlier place is seen: there is no blind spot"


def test_it_learns_a_deterministic_sequence():
    keras.utils.set_random_seed(0)
    # The first index is chance; each of the others is its predecessor's successor.
    grids = ((RNG.integers(0, 5, (256, 1, 1)) + np.arange(6)) % 5).astype(np.int32).reshape(256, 2, 3)
    sampler = PixelCNNSampler(layers=3, filters=16, epochs=25, batch_size=32, learning_rate=1e-2).fit_indices(grids, 5)
    # Nothing can be known of one index in six.
    assert sampler.history[-1] == pytest.approx(np.log(5) / 6, abs=0.03)
    drawn = sampler.draw_indices(100, seed=1).reshape(100, 6)
    assert np.mean((drawn[:, 1:] - drawn[:, :-1]) % 5 == 1) > 0.98
    shares = np.bincount(drawn[:, 0], minlength=5) / 100
    assert np.abs(shares - 0.2).max() < 0.15
    np.testing.assert_array_equal(sampler.draw_indices(100, seed=1).reshape(100, 6), drawn)
    assert np.any(sampler.draw_indices(100, seed=2).reshape(100, 6) != drawn)


@pytest.mark.parametrize("name", ["vq_vae_conv", "rq_vae_conv", "fsq_vae_mlp", "gumbel_vae_mlp"])
def test_it_samples_from_every_kind_of_code(name, images):
    keras.utils.set_random_seed(0)
    model = tiny(name)
    sampler = PixelCNNSampler(layers=1, filters=4, epochs=1).fit(model, images)
    samples = sampler.sample(3, seed=0)
    assert samples.shape == (3, 8, 8, 1) and np.isfinite(samples).all()
    codes = sampler.draw(3, seed=0)
    assert codes.shape == (3, *model.bottleneck.code_shape) and codes.dtype == np.float32


def test_one_trace_serves_every_place():
    sampler = PixelCNNSampler(layers=1, filters=4, epochs=1).fit_indices(RNG.integers(0, 5, (8, 3, 3)), 5)
    sampler.draw_indices(4, seed=0)
    sampler.draw_indices(4, seed=1)
    assert sampler._step.experimental_get_tracing_count() == 1


def test_a_continuous_code_is_refused(images):
    with pytest.raises(ZooError, match="no discrete code"):
        PixelCNNSampler(epochs=1).fit(tiny("ae_mlp"), images)
    with pytest.raises(ZooError, match="filters=0"):
        PixelCNNSampler(filters=0)


def test_a_seed_decides_everything():
    grids = RNG.integers(0, 3, (40, 2, 2))
    fitted = []
    for seed in (1, 1, 2):
        sampler = PixelCNNSampler(layers=2, filters=8, epochs=2, seed=seed)
        sampler.fit_indices(grids, 3)
        fitted.append([ops.convert_to_numpy(v) for v in sampler.network.trainable_variables])
    first, again, other = fitted
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(first, other))
