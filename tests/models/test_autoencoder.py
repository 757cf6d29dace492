"""The five components together: one compiled fit, clear refusals, and the encoder as a part of other models."""

import copy
import functools
import logging
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

import zoo
from zoo import losses
from zoo.errors import ZooError
from zoo.models.base.encoder import Encoder


@pytest.fixture(scope="module")
def model():
    """An untrained autoencoder with a Bernoulli likelihood and a prior; tests change nothing about it."""
    keras.utils.set_random_seed(0)
    return tiny("vae_mlp")


@pytest.fixture
def count(monkeypatch):
    """count(cls): a list that grows by one, whether eager, each time Python runs `cls.call`."""

    def start(cls):
        runs, original = [], cls.call

        @functools.wraps(original)
        def call(self, *args, **kwargs):
            runs.append(tf.executing_eagerly())
            return original(self, *args, **kwargs)

        monkeypatch.setattr(cls, "call", call)
        return runs

    return start


# -- compiled once


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_fit_is_one_graph_that_is_never_traced_again(images, monkeypatch, steps_per_execution):
    graphs, function = [], tf.function

    def recorded(*args, **kwargs):
        made = function(*args, **kwargs)
        graphs.append(made)
        return made

    model = tiny("beta_vae_mlp", warmup_steps=5)
    model.compile("adam", steps_per_execution=steps_per_execution)
    monkeypatch.setattr(tf, "function", recorded)
    steps, apply = [], model.optimizer.apply
    monkeypatch.setattr(model.optimizer, "apply", lambda *a, **k: steps.append(tf.executing_eagerly()) or apply(*a, **k))
    # 40 images in batches of 16: the last is smaller.
    model.fit(images, batch_size=16, epochs=1, verbose=0)
    traced = len(steps)
    assert traced and not any(steps), "the whole step, optimizer included, is in the graph"
    # Of the functions that Keras nests for a step, the outermost, made last, is what an epoch calls.
    assert graphs[-1].experimental_get_tracing_count() == 1
    made = len(graphs)
    model.fit(images, batch_size=16, epochs=3, verbose=0)
    assert graphs[-1].experimental_get_tracing_count() == 1 and len(graphs) == made and len(steps) == traced
    assert int(model.optimizer.iterations) == 4 * 3


def test_the_optimizers_state_is_made_before_the_step_is_traced(images, monkeypatch):
    model = tiny("ae_mlp")
    made, build = [], model.optimizer.build
    monkeypatch.setattr(model.optimizer, "build", lambda *a: made.append(tf.executing_eagerly()) or build(*a))
    model.fit(images, batch_size=16, verbose=0)
    assert made[0] is True
    count = len(model.optimizer.variables)
    model.fit(images, batch_size=16, verbose=0)
    assert len(model.optimizer.variables) == count


def test_encode_is_traced_once_whatever_the_number_of_images(images, count):
    runs = count(Encoder)
    model = tiny("ae_mlp")
    runs.clear()
    for n in (40, 16, 33, 17):
        assert model.encode(images[:n], batch_size=16).shape == (n, 4)
    assert runs == [False]


def test_training_shows_in_what_was_compiled_before(images):
    model = tiny("ae_mlp")
    before = model.encode(images), model.reconstruct(images)
    model.fit(images, batch_size=20, verbose=0)
    assert np.any(model.encode(images) != before[0])
    assert np.any(model.reconstruct(images) != before[1])


def test_many_models_are_not_taken_for_one_that_retraces(images, monkeypatch):
    from tensorflow.python.eager.polymorphic_function import polymorphic_function

    monkeypatch.setattr(polymorphic_function, "FREQUENT_TRACING_WARNING_MAX_WARNING_PER_DETECTOR", 10**6)
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        for _ in range(7):
            tiny("ae_mlp", hidden=()).encode(images)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert not [m for m in messages if "retracing" in m]


# -- fit


def test_degraded_to_clean(images):
    clean = images.astype(np.float32) / 255
    degraded = np.zeros_like(clean)
    model = tiny("ae_mlp")
    expected = ((ops.convert_to_numpy(model(degraded)) - clean) ** 2).mean()
    assert model.fit(degraded, images, batch_size=40, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_a_dataset_of_images_or_of_pairs(images):
    model = tiny("ae_mlp")
    alone = tf.data.Dataset.from_tensor_slices(images).batch(20)
    pairs = tf.data.Dataset.from_tensor_slices((images, images)).batch(20)
    assert model.evaluate(alone, verbose=0) == pytest.approx(model.evaluate(pairs, verbose=0), rel=1e-6)
    assert np.isfinite(model.fit(alone, verbose=0).history["loss"]).all()


@pytest.mark.slow
def test_metrics_see_images(images):
    model = tiny("ae_mlp", loss="bce")
    model.compile("adam", metrics=[keras.metrics.MeanSquaredError(name="error")])
    expected = ((model.reconstruct(images) - images / 255) ** 2).mean()
    assert model.evaluate(images, verbose=0, return_dict=True)["error"] == pytest.approx(expected, rel=1e-4)


def test_weighted_images(images):
    model = tiny("ae_mlp")
    model.compile(keras.optimizers.SGD(0.0))
    weights = np.concatenate([np.ones(20), np.zeros(20)]).astype(np.float32)
    each = model.anomaly_score(images)
    history = model.fit(images, images, sample_weight=weights, batch_size=40, verbose=0).history
    assert history["reconstruction"][0] == pytest.approx(each[:20].sum() / 40, rel=1e-4)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_labels_are_no_targets(images, run_eagerly):
    model = tiny("ae_mlp")
    model.compile("adam", run_eagerly=run_eagerly)
    with pytest.raises(ZooError, match=r"targets of shape \(.*\), expected images \(N, 8, 8, 1\); call fit\(images\)"):
        model.fit(images, np.zeros(40, np.int64), verbose=0)


def test_integers_are_no_images(images):
    with pytest.raises(ZooError, match="dtype int(32|64), expected uint8 0..255 or floats 0..1"):
        tiny("ae_mlp").fit(images.astype(np.int64), verbose=0)


# -- compile


def test_another_loss_changes_what_the_outputs_mean(images, tmp_path):
    model = tiny("ae_mlp")
    logits = ops.convert_to_numpy(model(images, training=False))
    codes = model.encode(images)
    np.testing.assert_allclose(model.reconstruct(images), np.clip(logits, 0, 1), atol=1e-6)
    model.decoder.predict(codes, verbose=0)
    model.compile("adam", loss="bce")
    link = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(model.reconstruct(images), link, atol=1e-6)
    np.testing.assert_allclose(model.decode(codes), link, atol=1e-6)
    np.testing.assert_allclose(model.decoder.predict(codes, verbose=0), link, atol=1e-6)
    x = images / 255
    expected = (np.log1p(np.exp(logits)) - x * logits).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(model.anomaly_score(images), expected, rtol=1e-4)
    assert model.config["loss"] == "bce"
    zoo.save(model, tmp_path / "model")
    np.testing.assert_array_equal(zoo.load(tmp_path / "model").reconstruct(images), model.reconstruct(images))


def test_a_loss_of_other_outputs_is_refused(images):
    model = tiny("ae_mlp")
    with pytest.raises(ZooError, match=r"'logistic_mixture', which requires 15 decoder outputs per pixel, but this one has 1"):
        model.compile("adam", loss="logistic_mixture")
    with pytest.raises(ZooError, match="got the loss 'ms_sim'.*Did you mean 'ms_ssim'"):
        model.compile("adam", loss="ms_sim")
    assert np.isfinite(model.fit(images, verbose=0).history["loss"]).all(), "a refusal leaves the model as it was"


@pytest.mark.parametrize(
    "name, loss, message",
    [
        ("dae_conv", "contrast_mse", "built for 'mse'; give it to zoo.create"),
        ("wta_conv", "contrast_mse", "built for 'mse'; give it to zoo.create"),
        ("denoising_unet", "bce", "expected one of mse, mae, huber, ms_ssim"),
        ("superres_resnet", "bernoulli", "expected one of mse, mae, huber, ms_ssim"),
        ("iwae_mlp", "mse", "is a mean over pixels"),
        ("m2_vae_mlp", "gaussian", "estimates sigma over the reconstructions of all classes"),
    ],
)
def test_a_loss_that_the_variant_is_not_made_for_is_refused(name, loss, message, images, tmp_path):
    model = tiny(name)
    before, config = model.reconstruct(images), dict(model.config)
    with pytest.raises(ZooError, match=message):
        model.compile("adam", loss=loss)
    assert model.config == config
    np.testing.assert_array_equal(model.reconstruct(images), before)
    zoo.save(model, tmp_path / "model")
    np.testing.assert_array_equal(zoo.load(tmp_path / "model").reconstruct(images), before)


@pytest.mark.parametrize("made", ["created", "compiled"])
@pytest.mark.parametrize(
    "loss, spec",
    [
        (losses.Gaussian(sigma=0.1), {"name": "gaussian", "sigma": 0.1}),
        (losses.Huber(delta=1.0), {"name": "huber", "delta": 1.0}),
        (losses.Gaussian(), "gaussian"),
    ],
    ids=["gaussian", "huber", "usual"],
)
def test_a_loss_keeps_its_settings(made, loss, spec, images, tmp_path):
    # Huber's is a mean over pixels, which a divergence needs.
    name, other = ("ae_mlp", "mse") if isinstance(loss, losses.Huber) else ("vae_mlp", losses.Gaussian(sigma=1.0))
    model = tiny(name, loss=loss if made == "created" else other)
    if made == "compiled":
        model.compile("adam", loss=loss)
    assert model.config["loss"] == spec
    zoo.save(model, tmp_path / "model")
    again = zoo.load(tmp_path / "model")
    np.testing.assert_array_equal(again.reconstruction_error(images), model.reconstruction_error(images))
    with pytest.raises(ZooError, match="the loss 'gaussian' has no setting 'sigmas', expected sigma"):
        losses.get({"name": "gaussian", "sigmas": 1})


def test_vectors_that_are_no_probabilities_are_not_taken_for_some(images):
    x = np.random.default_rng(0).normal(size=(64, 10)).astype("float32")
    with pytest.raises(Exception, match="but the loss requires values in 0..1; scale them to 0..1, or create the model with"):
        tiny("vae_mlp", (10,)).fit(x, verbose=0)
    assert np.isfinite(tiny("vae_mlp", (10,), loss="gaussian").fit(x, verbose=0).history["loss"]).all()
    assert np.isfinite(tiny("vae_mlp", (64,)).fit(images.reshape(40, -1) / 255, verbose=0).history["loss"]).all()


# -- encode, decode, reconstruct, sample, anomaly_score


BAD = {
    "wrong rank": (lambda x: x[0], r"shape \(8, 8, 1\), expected \(N, 8, 8, 1\)"),
    "channels first": (lambda x: np.zeros((4, 3, 8, 6), np.uint8), r"shape \(4, 3, 8, 6\), expected \(N, 8, 8, 1\)"),
    "no channel axis": (lambda x: x[..., 0], r"Add the channel axis"),
    "NaN": (lambda x: np.full(x.shape, np.nan), "NaN or infinite values in 40 of 40"),
    "0..255 floats": (lambda x: x.astype(float), "floats from 0 to 255, expected 0..1"),
    "int64": (lambda x: x.astype(np.int64), "dtype int64, expected uint8"),
    "empty": (lambda x: x[:0], "no images"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("method", ["encode", "reconstruct", "anomaly_score"])
def test_bad_images_are_refused(model, images, case, method):
    spoil, message = BAD[case]
    with pytest.raises(ZooError, match=message):
        getattr(model, method)(spoil(images))


def test_bad_codes_are_refused(model):
    for z in (np.zeros((3, 5)), np.zeros(4), np.zeros((0, 4))):
        with pytest.raises(ZooError, match=r"got codes of shape .*, expected \(N, 4\) with N >= 1"):
            model.decode(z)
    with pytest.raises(ZooError, match="n=0 samples, expected at least 1"):
        model.sample(0)


def test_samples_are_reproducible(model):
    samples = model.sample(7, seed=11)
    np.testing.assert_array_equal(model.sample(7, seed=11), samples)
    np.testing.assert_allclose(model.sample(7, seed=11, batch_size=2), samples, atol=1e-6)
    assert np.any(model.sample(7, seed=12) != samples)


def test_without_a_prior_there_is_nothing_to_sample():
    with pytest.raises(ZooError, match="the model has no prior to sample from"):
        tiny("ae_mlp").sample(3)


def test_reconstruction_is_the_decoded_code(model, images):
    np.testing.assert_allclose(model.reconstruct(images), model.decode(model.encode(images)), atol=1e-6)


def test_anomaly_score_is_the_loss_of_each_image(model, images):
    logits = ops.convert_to_numpy(model.decoder.backbone(model.encode(images)))
    x = images / 255
    expected = (np.log1p(np.exp(logits)) - x * logits).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.anomaly_score(images, batch_size=16), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["ksparse_mlp", "gumbel_vae_mlp", "denoising_unet", "mae_vit", "vq_vae_conv", "vae_conv"])
def test_a_code_is_pooled_without_what_is_no_feature(name, images):
    model = tiny(name)
    x = images / np.float32(255)
    own = ops.convert_to_numpy(model.encoder(x))
    whole = ops.convert_to_numpy(model.encoder.bottleneck.unpooled(model.encoder.backbone(x)))
    for pool in ("flatten", "mean"):
        found = ops.convert_to_numpy(model.encoder.at("code", pool)(x))
        if whole.ndim == 2:
            np.testing.assert_array_equal(found, own)
        elif pool == "mean":
            places = whole[:, 1:] if whole.ndim == 3 else whole  # without the token of no patch
            np.testing.assert_allclose(found, places.mean(axis=tuple(range(1, whole.ndim - 1))), atol=1e-6)
        else:
            np.testing.assert_array_equal(found, whole.reshape(40, -1))
    if name == "mae_vit":
        np.testing.assert_allclose(found, own, atol=1e-6)
    assert whole.shape[-1] == {"denoising_unet": 4, "mae_vit": 8}.get(name, whole.shape[-1])


def test_features_of_every_depth(images):
    model = tiny("ae_conv")
    assert model.encoder.feature_layers == ["stage1", "stage2", "code"]
    assert model.encoder.at() is model.encoder is model.encoder.at("code")
    maps = ops.convert_to_numpy(model.encoder.backbone.until(images.astype(np.float32) / 255, "stage1"))
    assert maps.shape == (40, 4, 4, 4)
    read = functools.partial(model.encoder.at, "stage1")
    np.testing.assert_allclose(read().predict(images, verbose=0), maps.reshape(40, -1), atol=1e-6)
    np.testing.assert_allclose(read(pool="mean")(images), maps.mean(axis=(1, 2)), atol=1e-6)
    quarters = maps.reshape(40, 2, 2, 2, 2, 4).mean(axis=(2, 4)).reshape(40, -1)
    np.testing.assert_allclose(read(pool=2)(images), quarters, atol=1e-6)
    code = ops.convert_to_numpy(model.encoder(images))
    np.testing.assert_array_equal(model.encoder.at("code", "flatten")(images), code)
    with pytest.raises(ZooError, match="no feature layer 'stage3'. Did you mean 'stage"):
        model.encoder.at("stage3")
    with pytest.raises(ZooError, match="pool='max', expected 'flatten', 'mean', 'token' or a positive number"):
        model.encoder.at("stage1", pool="max")
    with pytest.raises(ZooError, match="pool=5, expected at most 4"):
        read(pool=5)(images)
    with pytest.raises(ZooError, match="pool='token' for feature maps, expected 'mean'"):
        read(pool="token")(images)


def test_regions_of_a_transformers_tokens():
    model, images = tiny("mae_vit", (8, 4, 1)), np.random.default_rng(0).random((3, 8, 4, 1), dtype=np.float32)
    tokens = ops.convert_to_numpy(model.encoder.backbone.until(images, "block1"))
    assert tokens.shape == (3, 1 + 4 * 2, 8)
    regions = ops.convert_to_numpy(model.encoder.at("block1", 2)(images))
    # Two of the four rows and one of the two columns each.
    np.testing.assert_allclose(regions, tokens[:, 1:].reshape(3, 2, 2, 2, 8).mean(axis=2).reshape(3, -1), atol=1e-6)
    assert model.encoder.at("code", 2)(images).shape == (3, 4 * 8)
    with pytest.raises(ZooError, match="pool=3, expected at most 2: the feature map is 4 x 2"):
        model.encoder.at("block1", 3)(images)
    with pytest.raises(ZooError, match="tokens of a series, expected 'flatten', 'mean' or 'token'"):
        tiny("mae_vit", (12, 3)).encoder.at("block1", 2)(np.zeros((1, 12, 3), np.float32))


# -- the encoder as a part of other models


def test_a_functional_model_declared_uint8_gives_the_same_features(model, images):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    outer = keras.Model(inputs, model.encoder(inputs))
    np.testing.assert_allclose(outer.predict(images, verbose=0), model.encode(images), atol=1e-6)
    floats = keras.Input((8, 8, 1))
    outer = keras.Model(floats, model.encoder(floats))
    np.testing.assert_allclose(outer.predict(images / 255, verbose=0), model.encode(images), atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_undeclared_uint8_is_caught_in_the_graph(model, images, compiled):
    outer = keras.Sequential([keras.Input((8, 8, 1)), model.encoder, keras.layers.Dense(2)])
    outer.compile("adam", "mse", run_eagerly=not compiled)
    message = "float images outside 0..1, expected floats 0..1 or uint8; divide by 255"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        outer.predict(images, verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        outer.fit(images, np.zeros((40, 2)), verbose=0)
    assert np.isfinite(outer.predict(images / 255, verbose=0)).all()


def test_the_graph_also_runs_under_xla(model, images):
    compiled = tf.function(model.encoder, jit_compile=True)
    np.testing.assert_allclose(compiled(images.astype(np.float32) / 255), model.encode(images), rtol=1e-4, atol=1e-5)


def test_an_encoder_with_a_head_is_fine_tuned_by_plain_fit(digits):
    keras.utils.set_random_seed(0)
    images, labels = digits[0][:500], digits[1][:500]
    encoder = tiny("ae_mlp", latent_dim=16, hidden=(32,)).encoder
    before = [ops.convert_to_numpy(v) for v in encoder.trainable_variables]
    classifier = keras.Sequential([keras.Input((8, 8, 1), dtype="uint8"), encoder, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], steps_per_execution=10)
    history = classifier.fit(images, labels, batch_size=50, epochs=8, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert all(np.any(ops.convert_to_numpy(v) != b) for v, b in zip(encoder.trainable_variables, before))


def test_a_frozen_encoder_stays(digits):
    images, labels = digits[0][:100], digits[1][:100]
    encoder = tiny("ae_mlp").encoder
    encoder.trainable = False
    before = [ops.convert_to_numpy(v) for v in encoder.variables]
    classifier = keras.Sequential([keras.Input((8, 8, 1), dtype="uint8"), encoder, keras.layers.Dense(10)])
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    classifier.fit(images, labels, verbose=0)
    assert all(np.all(ops.convert_to_numpy(v) == b) for v, b in zip(encoder.variables, before))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"])
def test_what_is_frozen_is_frozen_in_a_copy(again):
    model = tiny("ae_conv", batch_norm=True)
    model.encoder.trainable = False
    decoder = model.decoder.backbone.stages
    next(layer for layer in decoder if layer.weights).kernel.trainable = False
    copied = again(model)
    assert [v.trainable for v in copied.weights] == [v.trainable for v in model.weights]
    assert [layer.trainable for layer in copied._flatten_layers()] == [layer.trainable for layer in model._flatten_layers()]
    assert not copied.encoder.trainable and copied.decoder.trainable
    x = np.random.default_rng(0).integers(0, 256, (8, *model.data_shape), dtype=np.uint8)
    before = copied.encode(x)
    copied.fit(x, verbose=0)
    # A frozen normalization does not follow the batch either.
    np.testing.assert_array_equal(copied.encode(x), before)
