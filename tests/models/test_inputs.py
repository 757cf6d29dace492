"""Raw data on Keras's own paths: what breaks the rule is refused before a graph sees it, with XLA and without."""

import inspect
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import cover, mostly_slow, tiny

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.models.base.classifier import classifier
from zoo.models.base.resizing import ResizingEncoder

BYTES = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
GOOD = (BYTES / 255).astype(np.float32)
BAD = {"below 0": GOOD * 2 - 1, "to 255": GOOD * 255, "NaN": np.where(GOOD > 0.9, np.float32(np.nan), GOOD)}
MESSAGE = "got (floats|NaN)"


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays, **kwargs):
        super().__init__(**kwargs)
        self.arrays = arrays

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return tuple(array[8 * index : 8 * index + 8] for array in self.arrays)


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(8)


def generator(*arrays):
    return (tuple(array[i : i + 8] for array in arrays) for i in (0, 8))


def threads(*arrays):
    return Batches(*arrays, workers=2)


# Functions of a model, the images to refuse and good ones.
ON_ARRAYS = {
    "fit": lambda m, x, good: m.fit(x, verbose=0),
    "the x of fit": lambda m, x, good: m.fit(x, good, verbose=0),
    "the y of fit": lambda m, x, good: m.fit(good, x, verbose=0),
    "tensors": lambda m, x, good: m.fit(tf.constant(x), verbose=0),
    "validation": lambda m, x, good: m.fit(good, validation_data=(x,), verbose=0),
    "validation, by position": lambda m, x, good: m.fit(good, good, 8, 1, 0, None, 0.0, (good, x)),
    "evaluate": lambda m, x, good: m.evaluate(x, verbose=0),
    "predict": lambda m, x, good: m.predict(x, verbose=0),
    "train_on_batch": lambda m, x, good: m.train_on_batch(x),
    "test_on_batch": lambda m, x, good: m.test_on_batch(x),
    "predict_on_batch": lambda m, x, good: m.predict_on_batch(x),
    "the encoder": lambda m, x, good: m.encoder.predict(x, verbose=0),
    "the encoder's batch": lambda m, x, good: m.encoder.predict_on_batch(x),
    "a depth": lambda m, x, good: m.encoder.at("hidden1").predict(x, verbose=0),
    "a resizing encoder": lambda m, x, good: ResizingEncoder(m.encoder, m.data_shape).predict(x[:, :7], verbose=0),
    "a classifier": lambda m, x, good: classifier(m, "ab").predict(x, verbose=0),
}


@pytest.fixture(scope="module")
def model():
    made = tiny("vae_mlp")
    made.compile("adam", jit_compile=True)
    return made


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("path", ON_ARRAYS)
def test_arrays_of_another_range_are_refused(path, what, model):
    with pytest.raises(ZooError, match=MESSAGE):
        ON_ARRAYS[path](model, BAD[what], GOOD)


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("kind", [dataset, Batches, threads, generator])
def test_batches_of_another_range_are_refused(kind, what, eagerly):
    model = tiny("ae_mlp")
    for run in (
        lambda: model.fit(kind(BAD[what]), verbose=0),
        lambda: model.fit(kind(GOOD, BAD[what]), verbose=0),
        lambda: model.fit(GOOD, validation_data=kind(BAD[what]), verbose=0),
        lambda: model.evaluate(kind(BAD[what]), verbose=0),
        lambda: model.predict(kind(BAD[what]), verbose=0),
        lambda: model.encoder.predict(kind(BAD[what], np.zeros(16)), verbose=0),
    ):
        with pytest.raises(ZooError, match=MESSAGE):
            run()


# Parts of a model, inputs of a wrong shape, and the shape that they expect.
WRONG_SHAPES = {
    "the model": (lambda m: m, (9, 9, 1), r"\(None, 9, 9, 1\), expected \(N, 8, 8, 1\)"),
    "the encoder": (lambda m: m.encoder, (8, 8, 3), r"\(None, 8, 8, 3\), expected \(N, 8, 8, 1\).*resize=True"),
    "flat images": (lambda m: m.encoder, (64,), r"\(None, 64\), expected \(N, 8, 8, 1\)"),
    "unknown sizes": (lambda m: m.encoder, (None, None, 1), r"\(None, None, None, 1\), expected \(N, 8, 8, 1\).*resize=True"),
    "the decoder": (lambda m: m.decoder, (5,), r"\(None, 5\), expected \(N, 4\)"),
    "a depth": (lambda m: m.encoder.at("hidden1"), (8, 8), r"\(None, 8, 8\), expected \(N, 8, 8, 1\). Add the channel axis"),
    "a resizing encoder": (
        lambda m: ResizingEncoder(m.encoder, m.data_shape),
        (9, 7, 3),
        r"\(None, 9, 7, 3\), expected \(N, height, width, 1\)",
    ),
    "a classifier": (lambda m: classifier(m, "ab"), (16, 8, 1), r"\(None, 16, 8, 1\), expected \(N, 8, 8, 1\)"),
}


@pytest.mark.parametrize("what", WRONG_SHAPES)
def test_inputs_of_another_shape_are_refused_in_models_of_the_users(what, model):
    part, shape, message = WRONG_SHAPES[what]
    layer = part(model)
    for build in (lambda x: keras.Sequential([x, layer]), layer):
        with pytest.raises(ZooError, match=f"^got inputs of shape {message}"):
            build(keras.Input(shape))
    x = tf.ones((2, *(n or 5 for n in shape)))
    for run in (layer, tf.function(layer, autograph=False)):
        with pytest.raises(ZooError, match="got inputs of shape"):
            run(x)


def test_images_beside_labels_have_the_models_shape():
    with pytest.raises(ZooError, match=r"shape \(2, 9, 9, 1\), expected \(N, 8, 8, 1\)"):
        tiny("cvae_mlp")({"images": np.zeros((2, 9, 9, 1), "float32"), "labels": np.zeros(2)})


def test_xla_does_not_lose_the_check_of_a_data_set(model):
    encoder = model.encoder
    encoder.jit_compile, encoder.predict_function = True, None
    for x in BAD.values():
        with pytest.raises(ZooError, match=MESSAGE):
            encoder.predict(dataset(x), verbose=0)
    np.testing.assert_allclose(encoder.predict(dataset(GOOD), verbose=0), model.encode(BYTES), rtol=1e-4, atol=1e-5)


def test_a_bad_batch_is_found_wherever_it_is(eagerly):
    late = np.concatenate([GOOD[:8], BAD["below 0"][:8]])
    for kind in (dataset, Batches, threads, generator):
        with pytest.raises(ZooError, match="got floats from -"):
            tiny("ae_mlp").fit(kind(late), verbose=0)


@pytest.mark.parametrize("x", [BYTES, GOOD], ids=["bytes", "floats"])
def test_good_data_pass_in_every_form(x, eagerly):
    model = tiny("ae_mlp")
    right = model.evaluate(BYTES, batch_size=8, verbose=0)
    one = tf.data.Dataset.from_tensor_slices((x,)).batch(8)
    for data in (x, one, dataset(x), dataset(x, x), dataset(x, x, np.ones(16)), Batches(x), threads(x, x), generator(x)):
        extra = {"batch_size": np.int64(8)} if data is x else {}
        assert model.evaluate(data, verbose=0, **extra) == pytest.approx(right, rel=1e-5)
    history = model.fit(x, validation_data=dataset(x), epochs=2, batch_size=8, verbose=0).history
    assert len(history["val_loss"]) == 2
    np.testing.assert_allclose(model.predict(dataset(x), verbose=0), model.reconstruct(x), atol=1e-6)


def test_a_py_dataset_hears_of_its_epochs(eagerly):
    heard = []

    class Told(Batches):
        def on_epoch_end(self):
            heard.append("end")

    tiny("ae_mlp").fit(Told(BYTES), epochs=2, verbose=0)
    assert len(heard) >= 2


def test_the_rule_travels_to_workers(model):
    rule = pickle.loads(pickle.dumps(model.input_rule))
    with pytest.raises(ZooError, match=MESSAGE):
        rule.check(BAD["to 255"])
    rule.check(BYTES)


def test_vectors_have_any_range_but_where_they_are_probabilities(eagerly):
    x = np.random.default_rng(0).normal(size=(16, 10)).astype(np.float32)
    for kind in (np.asarray, dataset, Batches, generator):
        tiny("ae_mlp", (10,)).fit(kind(x), verbose=0)
        model = tiny("vae_mlp", (10,))
        model.predict(kind(x), verbose=0)
        with pytest.raises(ZooError, match="but the loss requires values in 0..1"):
            model.fit(kind(x), verbose=0)
        with pytest.raises(ZooError, match="NaN"):
            tiny("ae_mlp", (10,)).fit(kind(np.where(x > 1, np.float32(np.nan), x)), verbose=0)


# -- labels

LABELS = np.arange(16) % 10
WRONG = {
    "from 1 on": (np.arange(16) % 10 + 1, "labels from 1 to 10, expected whole numbers from 0 to 9, or -1.*subtract 1"),
    "99": (np.full(16, 99), "to 99, expected"),
    "-2": (np.full(16, -2), "from -2"),
    "halves": (LABELS + 0.5, r"got the label \d.5, expected whole"),
    "NaN": (np.full(16, np.nan), "got the label nan"),
    "a column": (LABELS[:, None], r"labels of shape \(\d+, 1\), expected one integer per image"),
}


@pytest.mark.parametrize("name", ["cvae_mlp", "m2_vae_mlp"])
def test_labels_beyond_the_classes_are_refused(name, eagerly):
    model = tiny(name)
    for labels, message in WRONG.values():
        x = {"images": BYTES, "labels": labels}
        data = tf.data.Dataset.from_tensor_slices(x).batch(8)
        for run in (model.fit, model.evaluate):
            for given in (x, data):
                with pytest.raises(ZooError, match=message):
                    run(given, verbose=0)
        for run in (model.train_on_batch, model.test_on_batch):
            with pytest.raises(ZooError, match=message):
                run(x)
        with pytest.raises(ZooError, match=message):
            model.fit(BYTES, validation_data=(x,), verbose=0)
    with pytest.raises(ZooError, match="got floats from"):
        model.fit({"images": GOOD * 255, "labels": LABELS}, verbose=0)


@pytest.mark.parametrize("name", ["cvae_mlp", "m2_vae_mlp"])
def test_labels_of_the_classes_pass_in_any_kind_of_number(name, eagerly):
    model = tiny(name)
    for labels in (LABELS, LABELS.astype(np.uint8), LABELS.astype(np.float32), np.full(16, -1), LABELS > 4):
        x = {"images": BYTES, "labels": labels}
        assert np.isfinite(model.evaluate(x, verbose=0, return_dict=True)["loss"])
        assert np.isfinite(model.evaluate(tf.data.Dataset.from_tensor_slices(x).batch(8), verbose=0, return_dict=True)["loss"])
    np.testing.assert_allclose(model.predict(x, verbose=0), model.reconstruct(BYTES), atol=1e-5)


def test_a_mapping_is_for_models_that_read_labels():
    with pytest.raises(ZooError, match="a mapping of images, labels, expected images only"):
        tiny("ae_mlp").fit({"images": BYTES, "labels": LABELS}, verbose=0)


# -- predict

_QUICK = {"vae_mlp", "superres_resnet", "m2_vae_mlp", "gumbel_vae_mlp"}


@pytest.mark.parametrize("name", mostly_slow(cover(_QUICK), _QUICK))
def test_predict_gives_images(name, eagerly):
    model = tiny(name)
    shapes = {model.data_shape, model.degraded_shape}
    for shape in shapes:
        x = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
        found = model.predict(x, batch_size=2, verbose=0)
        assert found.shape == (5, *model.data_shape) and found.dtype == np.float32
        assert found.min() >= 0 and found.max() <= 1
        np.testing.assert_allclose(found, model.reconstruct(x), atol=1e-5)
        np.testing.assert_allclose(model.predict_on_batch(x), found, atol=1e-5)
        np.testing.assert_array_equal(found, model.predict(x, batch_size=2, verbose=0))


def test_predict_follows_the_loss_and_training():
    model = tiny("ae_mlp")
    for _ in range(2):
        np.testing.assert_allclose(model.predict(BYTES, verbose=0), model.reconstruct(BYTES), atol=1e-6)
        model.fit(BYTES, verbose=0)
    model.compile("adam", loss="bce")
    np.testing.assert_allclose(model.predict(BYTES, verbose=0), model.reconstruct(BYTES), atol=1e-6)


# -- losses beside divergences


@pytest.mark.parametrize("name", ["vae_mlp", "iwae_mlp", "gumbel_vae_mlp", "svae_mlp"])
def test_a_model_with_a_mean_beside_a_divergence_is_not_made(name):
    with pytest.raises(ZooError, match="is a mean over pixels.*use 'gaussian'"):
        tiny(name, loss="mse")


@pytest.mark.slow
def test_a_mean_over_pixels_does_not_stand_beside_a_divergence():
    for variant in registry.variants():
        module = registry._module(variant)
        if "loss" not in inspect.signature(module.build).parameters:
            continue
        name = f"{variant}_{module.BACKBONES[0]}"
        model = tiny(name)
        if not model.bottleneck.in_nats:
            continue
        assert model.reconstruction_loss.is_likelihood, "the variant's own loss"
        for loss in ("mse", "mae", "bce", "huber"):
            with pytest.raises(ZooError, match="is a mean over pixels.*use 'gaussian'"):
                model.compile("adam", loss)
        if variant != "m2_vae":
            model.compile("adam", "gaussian")


@pytest.mark.slow
def test_every_code_that_is_drawn_is_beside_a_likelihood():
    """Variants whose history has a divergence either refuse a mean over pixels, or have no such choice, or weigh it anew."""
    for name in cover():
        model = tiny(name)
        terms = {term.rpartition("_")[0] or term for layer in model.loss_layers() for term in layer.loss_names}
        if terms & {"kl", "capacity_gap", "dimension_kl"} and "loss" in model.config and not name.startswith("autoencoder_kl"):
            assert model.bottleneck.in_nats, name


def test_a_loss_of_another_size_needs_another_beta():
    model = tiny("autoencoder_kl_ldm")
    with pytest.raises(ZooError, match="β of autoencoder_kl_ldm is set for 'mae'"):
        model.compile("adam", "gaussian")
    model.compile("adam", "mse")
    assert zoo.create(**model.config).bottleneck.beta == model.bottleneck.beta
