"""Vector quantization: its codebook, its gradient, and what depth buys."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from other_backends import on_jax
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.bottlenecks.codebook import Codebook
from zoo.layers.bottlenecks.vector_quantizer import ResidualVectorQuantizer, VectorQuantizer
from zoo.pretrained.arrays import load_arrays, save_arrays

RNG = np.random.default_rng(0)


def built(codes=4, size=3, decay=0.9):
    keras.utils.set_random_seed(0)
    codebook = Codebook(codes, size, decay)
    codebook.build()
    return codebook


def state(codebook):
    return ops.convert_to_numpy(codebook.embeddings), ops.convert_to_numpy(codebook.counts)


def identity(kind=VectorQuantizer, size=3, **options):
    """A quantizer of grids (N, 2, 2, size) whose projection changes nothing."""
    keras.utils.set_random_seed(0)
    layer = kind(size, 4, **options)
    layer.build((None, 2, 2, size))
    layer.project.kernel.assign(np.eye(size)[None, None])
    return layer


def test_the_nearest_code_is_the_nearest():
    codebook = built(codes=16)
    x = RNG.normal(size=(50, 3)).astype(np.float32)
    expected = ((x[:, None] - state(codebook)[0]) ** 2).sum(axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(codebook.nearest(x), expected)


def test_the_update_is_the_moving_average_of_sums_over_that_of_counts():
    codebook = built()
    counts = np.array([3.0, 5.0, 2.0, 4.0], np.float32)
    embeddings, _ = state(codebook)
    codebook.counts.assign(counts)
    sums = counts[:, None] * embeddings
    for _ in range(3):
        x, indices = RNG.normal(size=(6, 3)).astype(np.float32), np.array([0, 1, 1, 3, 0, 1])
        codebook.update(ops.convert_to_tensor(x), ops.convert_to_tensor(indices))
        chosen = np.eye(4)[indices]
        counts = 0.9 * counts + 0.1 * chosen.sum(axis=0)
        sums = 0.9 * sums + 0.1 * chosen.T @ x
    np.testing.assert_allclose(state(codebook)[1], counts, rtol=1e-5)
    np.testing.assert_allclose(state(codebook)[0], sums / counts[:, None], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(state(codebook)[0][2], embeddings[2], "a code that nothing came to stays")


def test_k_means_starts_on_the_data_and_once():
    centres = np.array([[10, 0, 0], [0, 10, 0], [0, 0, 10], [-10, -10, 0]], np.float32)
    x = np.repeat(centres, 25, axis=0) + RNG.normal(scale=0.01, size=(100, 3)).astype(np.float32)
    codebook = built()
    codebook.start(ops.convert_to_tensor(x))
    embeddings, counts = state(codebook)
    np.testing.assert_allclose(embeddings, x.reshape(4, 25, 3).mean(axis=1), atol=1e-5)
    np.testing.assert_array_equal(counts, 25)
    codebook.start(ops.convert_to_tensor(-x))
    np.testing.assert_array_equal(state(codebook)[0], embeddings)


def test_k_means_takes_fewer_vectors_than_codes():
    codebook = built(codes=8)
    x = RNG.normal(size=(3, 3)).astype(np.float32)
    codebook.start(ops.convert_to_tensor(x))
    distances = np.abs(state(codebook)[0][:, None] - x).max(axis=-1)
    assert distances.min(axis=1).max() < 1e-6 and distances.min(axis=0).max() < 1e-6


def test_dead_codes_come_back_on_vectors_of_the_batch():
    codebook = built()
    codebook.counts.assign([2.0, 2.0, 1e-4, 2.0])
    alive = state(codebook)[0][3]
    x = RNG.normal(size=(8, 3)).astype(np.float32) + 5
    codebook.update(ops.convert_to_tensor(x), ops.convert_to_tensor(np.array([0, 1] * 4)))
    embeddings, counts = state(codebook)
    assert (embeddings[2] == x).all(axis=1).any(), "the dead code is one of the vectors"
    assert counts[2] == 2, "with an equal share of the batch"
    np.testing.assert_array_equal(embeddings[3], alive)


@pytest.mark.parametrize("options", [{}, {"depth": 3}, {"depth": 3, "shared": True}], ids=str)
def test_gradients_pass_straight_through(options):
    layer = identity(ResidualVectorQuantizer, commitment=0.0, **options)
    h = tf.constant(RNG.normal(size=(5, 2, 2, 3)), tf.float32)
    weights = tf.constant(RNG.normal(size=(5, 2, 2, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = tf.reduce_sum(weights * layer(h, training=True))
    np.testing.assert_allclose(tape.gradient(value, h), weights, rtol=1e-6)


def test_the_commitment_and_its_gradient():
    layer = identity(commitment=0.5)
    h = tf.constant(RNG.normal(size=(5, 2, 2, 3)), tf.float32)
    code = layer.code(h)
    with tf.GradientTape() as tape:
        tape.watch(h)
        layer(h, training=False)
        loss = layer.losses[0]
    assert float(loss) == pytest.approx(0.5 * float(tf.reduce_mean((h - code) ** 2)), rel=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, h), (h - code) / tf.size(h, tf.float32), rtol=1e-4, atol=1e-7)


def test_only_training_moves_the_codebook():
    layer, h = identity(), RNG.normal(size=(5, 2, 2, 3)).astype(np.float32)
    before = state(layer.codebooks[0])
    layer(h, training=False)
    layer(h)
    layer.code(h)
    for a, b in zip(before, state(layer.codebooks[0])):
        np.testing.assert_array_equal(a, b)
    layer(h, training=True)
    assert np.any(state(layer.codebooks[0])[0] != before[0])


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_the_error_falls_with_depth(shared):
    x = RNG.normal(size=(64, 2, 2, 3)).astype(np.float32)
    errors = []
    for depth in (1, 2, 4):
        layer = identity(ResidualVectorQuantizer, depth=depth, shared=shared, decay=0.8)
        for _ in range(30):
            layer(x, training=True)
        indices = ops.convert_to_numpy(layer.indices(x))
        assert indices.shape == (64, 2, 2, depth) and indices.min() >= 0 and indices.max() < 4
        errors.append(float(np.mean((ops.convert_to_numpy(layer.code(x)) - x) ** 2)))
    assert errors[1] < 0.8 * errors[0] and errors[2] < 0.8 * errors[1]


def test_depths_add_up():
    layer = identity(ResidualVectorQuantizer, depth=2)
    indices = np.array([[[[0, 3], [1, 2]], [[2, 1], [3, 0]]]])
    first, second = (state(codebook)[0] for codebook in layer.codebooks)
    np.testing.assert_allclose(layer.from_indices(indices), first[indices[..., 0]] + second[indices[..., 1]], rtol=1e-6)


def test_one_code_a_position_is_depth_one():
    x = RNG.normal(size=(6, 2, 2, 3)).astype(np.float32)
    flat, deep = identity(), identity(ResidualVectorQuantizer, depth=1)
    deep.codebooks[0].embeddings.assign(flat.codebooks[0].embeddings)
    np.testing.assert_array_equal(flat.indices(x), ops.convert_to_numpy(deep.indices(x))[..., 0])
    np.testing.assert_array_equal(flat.code(x), deep.code(x))


def test_indices_make_the_code_and_uniform_ones_the_prior(images):
    for name in ("vq_vae_mlp", "vq_vae_conv", "rq_vae_mlp"):
        model = tiny(name)
        h = model.encoder.backbone(images / np.float32(255))
        indices = model.bottleneck.indices(h)
        assert tuple(indices.shape[1:]) == tuple(model.bottleneck.index_shape)
        np.testing.assert_array_equal(model.bottleneck.from_indices(indices), model.bottleneck.code(h))
        codes = model.bottleneck.sample_prior(50, seed=1)
        assert codes.shape == (50, *model.bottleneck.code_shape)
        np.testing.assert_array_equal(codes, model.bottleneck.sample_prior(50, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("name, least", [("vq_vae_conv", 0.7), ("rq_vae_mlp", 0.7)])
def test_it_learns_digits(digits, name, least, tmp_path):
    keras.utils.set_random_seed(0)
    x = digits[0][:1024]
    model = tiny(name, latent_dim=8, codes=32)
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(x, batch_size=64, epochs=12, verbose=0).history
    assert history["reconstruction"][-1] < least * history["reconstruction"][0]
    samples = model.sample(5, seed=0)
    assert np.isfinite(samples).all() and samples.std() > 0

    save_arrays(model, tmp_path / "a.safetensors")
    again = tiny(name, latent_dim=8, codes=32)
    load_arrays(again, tmp_path / "a.safetensors")
    for codebook, copy in zip(model.bottleneck.codebooks, again.bottleneck.codebooks):
        for a, b in zip(state(codebook), state(copy)):
            assert a.tobytes() == b.tobytes()
        assert state(copy)[1].sum() > 0, "a loaded codebook does not start anew"


def test_bfloat16_keeps_the_averages_in_float32(images, policy):
    policy("mixed_bfloat16")
    model = tiny("vq_vae_conv")
    model.compile("adam")
    model.fit(images, batch_size=16, epochs=2, verbose=0)
    embeddings, counts = state(model.bottleneck.codebooks[0])
    assert embeddings.dtype == counts.dtype == np.float32
    assert np.any(embeddings != np.asarray(ops.cast(ops.cast(embeddings, "bfloat16"), "float32")))


def test_bad_options_say_so():
    for options, words in [({"depth": 0}, "depth=0"), ({"codes": 1}, "at least 2 codes"), ({"decay": 1.0}, "decay=1.0")]:
        with pytest.raises(ZooError, match=words):
            tiny("rq_vae_mlp", **options)


_ON_JAX = """
import json, keras, numpy as np
from keras import ops
from tiny import tiny
x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
keras.utils.set_random_seed(0)
model = tiny("vq_vae_conv")
codebook = model.bottleneck.codebooks[0]
seen = [ops.convert_to_numpy(codebook.embeddings)]
for _ in range(3):
    model.fit(x, batch_size=20, verbose=0)
    seen.append(ops.convert_to_numpy(codebook.embeddings))
z = ops.convert_to_numpy(model.bottleneck.vectors(model.encoder.backbone(x / np.float32(255)))).reshape(-1, 4)
print(json.dumps({"moved": [float(abs(a - b).max()) for a, b in zip(seen, seen[1:])],
                  "far": float(abs(seen[1]).max() / abs(z).max()), "counts": float(ops.sum(codebook.counts))}))
"""


@pytest.mark.slow
def test_the_codebook_learns_on_jax():
    found = on_jax("-c", _ON_JAX)
    assert min(found["moved"]) > 0
    assert found["far"] < 1.5, "the codes lie where the encoder's vectors do"
    assert found["counts"] > 1
