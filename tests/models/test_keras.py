"""Models of the zoo are Keras models like any other: saved, copied, cloned, summed up, exported by Keras's own means."""

import copy
import json
import pickle
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from tiny import mostly_slow, tiny

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.models.base.classifier import classifier
from zoo.models.base.resizing import ResizingEncoder

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def models():
    """One of each kind, by name, around one autoencoder."""
    keras.utils.set_random_seed(0)
    model = tiny("ae_conv")
    extractor = model.encoder.at("stage1", "mean")
    image = keras.Input((8, 8, 1), dtype="uint8")
    return {
        "autoencoder": model,
        "encoder": model.encoder,
        "decoder": model.decoder,
        "extractor": extractor,
        "resizing": ResizingEncoder(extractor, model.data_shape),
        "classifier": classifier(model, ["a", "b"], "stage1", "mean"),
        "sequential": keras.Sequential([image, model.encoder, keras.layers.Dense(3)]),
        "functional": keras.Model(image, keras.layers.Concatenate()([model.encoder(image), extractor(image)])),
    }


KINDS = ("autoencoder", "encoder", "decoder", "extractor", "resizing", "classifier", "sequential", "functional")


def inputs(kind, images):
    return np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4) if kind == "decoder" else images[:2]


def run(model, x):
    return np.asarray(model(x))


@pytest.mark.parametrize("kind", KINDS)
def test_saved_copied_and_pickled_it_gives_the_same(models, kind, images, tmp_path):
    model, x = models[kind], inputs(kind, images)
    model.save(tmp_path / "m.keras")
    for again in (keras.saving.load_model(tmp_path / "m.keras"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(again) is type(model) and again.name == model.name
        np.testing.assert_array_equal(run(again, x), run(model, x))
    assert not {id(v) for v in copy.copy(model).variables} & {id(v) for v in model.variables}


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.list_models())
def test_every_variant_on_every_backbone_is_saved_and_copied(name, images, tmp_path):
    keras.utils.set_random_seed(0)
    model = tiny(name)
    model.save(tmp_path / "m.keras")
    codes, made = model.encode(images[:4]), model.reconstruct(images[:4])
    for again in (keras.saving.load_model(tmp_path / "m.keras"), pickle.loads(pickle.dumps(model))):
        assert again.config == model.config
        np.testing.assert_array_equal(again.encode(images[:4]), codes)
        np.testing.assert_array_equal(again.reconstruct(images[:4]), made)


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_clone_takes_the_weights(models, kind, images, tmp_path):
    model, x = models[kind], inputs(kind, images)
    model.save_weights(tmp_path / "m.weights.h5")
    clone = keras.models.clone_model(model)
    clone.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(run(clone, x), run(model, x))
    if kind != "sequential":
        # Plain data, as a file has it.
        assert type(model).from_config(json.loads(json.dumps(model.get_config()))).get_config() == model.get_config()


def test_layers_that_share_an_encoder_share_it_when_loaded(models, tmp_path):
    models["functional"].save(tmp_path / "m.keras")
    _, encoder, extractor, _ = keras.saving.load_model(tmp_path / "m.keras").layers
    assert extractor.encoder is encoder


SHAPES = {
    "autoencoder": ((8, 8, 1), (8, 8, 1)),
    "encoder": ((8, 8, 1), (4,)),
    "decoder": ((4,), (8, 8, 1)),
    "extractor": ((8, 8, 1), (4,)),
    "resizing": ((None, None, 1), (4,)),
    "classifier": ((8, 8, 1), (2,)),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_are_known_and_summaries_whole(models, kind):
    lines = []
    models[kind].summary(print_fn=lines.append)
    assert not [line for line in "\n".join(lines).splitlines() if "?" in line or "unbuilt" in line]
    assert (models[kind].input_shape[1:], models[kind].output_shape[1:]) == SHAPES[kind]


def test_keras_exports_an_extractor(images, tmp_path):
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    model = tiny("ae_mlp").encoder.at("hidden1")
    model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    served = loaded.serve(images[:2].astype("float32") / 255)
    np.testing.assert_allclose(served, run(model, images[:2]), rtol=1e-5, atol=1e-6)


def test_a_picture_of_a_model(models):
    pytest.importorskip("pydot")
    assert "Encoder" in keras.utils.model_to_dot(models["functional"], expand_nested=True).to_string()


def test_training_goes_on_where_it_was_saved(images, tmp_path):
    model = tiny("ae_mlp")
    model.compile("adam", metrics=["mse"])
    model.encoder.trainable = False
    model.encoder.bottleneck.trainable = True
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "m.keras")
    model.fit(images, batch_size=20, verbose=0, callbacks=[checkpoint])
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.config["loss"] == "mse" and again.optimizer.momentum == 0.9
    assert [v.trainable for v in again.weights] == [v.trainable for v in model.weights]
    for one in (model, again):
        one.fit(images, batch_size=20, shuffle=False, verbose=0)
    for one, other in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_a_loaded_encoder_is_fine_tuned(models, images, tmp_path):
    models["encoder"].save(tmp_path / "m.keras")
    encoder = keras.saving.load_model(tmp_path / "m.keras")
    model = keras.Sequential([keras.Input((8, 8, 1), dtype="uint8"), encoder, keras.layers.Dense(2)])
    before = encoder.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(images, np.ones((40, 2)), verbose=0)
    assert any(np.any(a != b) for a, b in zip(before, encoder.get_weights()))


def test_precision_is_kept(tmp_path, policy, images):
    policy("mixed_bfloat16")
    model = tiny("vae_mlp")
    policy("float32")
    model.encoder.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.dtype_policy.name == "mixed_bfloat16" and keras.config.dtype_policy().name == "float32"
    np.testing.assert_array_equal(np.float32(again(images[:2])), np.float32(model.encoder(images[:2])))


def test_a_quantized_model_says_that_it_cannot_be_saved(tmp_path):
    model = zoo.quantize(tiny("ae_mlp"))
    for act in (lambda: model.save(tmp_path / "m.keras"), lambda: copy.deepcopy(model), model.encoder.get_config):
        with pytest.raises(ZooError, match="is quantized"):
            act()


def test_importing_the_zoo_is_enough_to_load(models, tmp_path):
    models["sequential"].save(tmp_path / "m.keras")
    code = (
        "import sys, zoo; assert 'keras' not in sys.modules; import keras; assert 'zoo.models.registry' not in sys.modules;"
        "print(type(keras.saving.load_model(sys.argv[1]).layers[0]).__module__)"
    )
    ran = subprocess.run([sys.executable, "-c", code, tmp_path / "m.keras"], capture_output=True, text=True, timeout=300)
    assert ran.stdout.strip() == "zoo.models.base.encoder", ran.stderr


@pytest.fixture(scope="module")
def file(models, tmp_path_factory):
    """The .keras file of the encoder."""
    path = tmp_path_factory.mktemp("file") / "m.keras"
    models["encoder"].save(path)
    return path


_LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {}}}}


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["config"]["config"].update(activation=_LAMBDA),
        lambda c: c["config"]["config"].update(activation={"module": "os", "class_name": "function", "config": "system"}),
        lambda c: c["config"]["config"].update(variant="../../evil"),
        lambda c: c["config"]["config"].update(variant="os"),
        lambda c: c["config"]["config"].update(variant=_LAMBDA),
        lambda c: c["config"]["config"].update(loss={"name": "mse", "module": _LAMBDA}),
        lambda c: c["config"].update(config={"class_name": "Lambda", "config": {}}),
        lambda c: c["config"].update(dtype=_LAMBDA),
        lambda c: c["config"].update(name=_LAMBDA),
    ],
)
def test_a_file_runs_no_code(file, change, tmp_path):
    _changed(file, tmp_path / "evil.keras", change)
    with pytest.raises(ZooError):
        keras.saving.load_model(tmp_path / "evil.keras")


def test_an_extractor_takes_encoders_of_the_zoo_only(models, tmp_path):
    models["extractor"].save(tmp_path / "m.keras")
    _changed(tmp_path / "m.keras", tmp_path / "evil.keras", lambda c: c["config"].update(encoder=_LAMBDA))
    with pytest.raises(ZooError, match="expected an encoder of the zoo"):
        keras.saving.load_model(tmp_path / "evil.keras")


def _changed(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)


def test_classifiers_are_built_by_name(models, images):
    config = json.loads(json.dumps(models["classifier"].config))
    assert config["variant"] == "classifier" and registry.build(config).classes == ["a", "b"]
    assert not zoo.list_models("classifier*") and "classifier" not in registry.variants()
    with pytest.raises(ZooError, match="has no option 'clases'"):
        registry.create("classifier", model=config["model"], clases=["a", "b"])


class Batches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return self.images[16 * i : 16 * (i + 1)], np.zeros(len(self.images[16 * i : 16 * (i + 1)]))


def test_data_sets_are_encoded(models, images):
    import tensorflow as tf

    model = models["autoencoder"]
    wanted = model.encode(images)
    plain = tf.data.Dataset.from_tensor_slices(images).batch(16)
    for source in (
        plain,
        plain.map(lambda x: (x, tf.zeros(16))),
        plain.map(lambda x: {"image": x, "label": 0}),
        plain.map(lambda x: {"images": x}),
        Batches(images),
    ):
        np.testing.assert_allclose(model.encode(source), wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            models["classifier"].encode(source)[:, 0], models["classifier"].encode(images)[:, 0], rtol=1e-5
        )
    with pytest.raises(ZooError, match="got an infinite tf.data.Dataset"):
        model.encode(plain.repeat())
    with pytest.raises(ZooError, match="contains no images"):
        model.encode(plain.take(0))
    with pytest.raises(ZooError, match="mapping with label, other, expected images called 'image'"):
        model.encode(plain.map(lambda x: {"label": 0, "other": 0}))


def test_what_was_compiled_holds_for_its_graph_only(images):
    model = tiny("ae_mlp")
    model.encode(images)
    model.encoder.bottleneck.dense.quantize("int8")
    by_hand = model.encode(images)
    model.__dict__.pop("_zoo_compiled", None)
    model.encoder.__dict__.pop("_zoo_compiled", None)
    np.testing.assert_array_equal(by_hand, model.encode(images))


def test_functions_of_one_name_are_not_taken_for_each_other():
    from zoo.utils.batching import apply_in_batches

    model, x = tiny("ae_mlp"), np.ones((2, 3), np.float32)

    def times(factor):
        return lambda batch: batch * factor

    assert [apply_in_batches(model, times(n), x, 2)[0, 0] for n in (2, 3, 2)] == [2, 3, 2]


WEIGHTED = ("ae_mlp", "vae_mlp", "rae_l2_mlp", "iwae_mlp", "m2_vae_mlp", "mae_vit", "vq_vae_conv", "cvae_mlp")


@pytest.mark.parametrize("name", mostly_slow(WEIGHTED, ("vae_mlp", "iwae_mlp", "m2_vae_mlp")))
def test_sample_weights_count_in_every_term(images, name):
    def fitted(**weights):
        keras.utils.set_random_seed(3)
        model = tiny(name)
        model.compile(keras.optimizers.SGD(0.05))
        return model, model.fit(images, batch_size=40, shuffle=False, verbose=0, **weights).history

    _, plain = fitted()
    _, ones = fitted(sample_weight=np.ones(40))
    model, none = fitted(sample_weight=np.zeros(40))
    assert {k: v[0] for k, v in ones.items()} == pytest.approx({k: v[0] for k, v in plain.items()}, rel=1e-5)
    assert all(value[0] == 0 for term, value in none.items() if term not in ("loss", "decoder_penalty"))
    assert model.evaluate(images, sample_weight=np.zeros(40), verbose=0, return_dict=True)["reconstruction"] == 0


@pytest.mark.parametrize("name, term", [("wae_mmd_mlp", "mmd"), ("aae_mlp", "adversarial"), ("annealed_vae_mlp", "capacity_gap")])
def test_terms_of_a_whole_batch_refuse_sample_weights(images, name, term):
    with pytest.raises(ZooError, match=f"terms of the whole batch .*{term}"):
        tiny(name).fit(images, sample_weight=np.ones(40), verbose=0)


def test_weights_of_classes_or_pixels_are_refused(images):
    model = tiny("ae_mlp")
    with pytest.raises(ZooError, match="got class_weight"):
        model.fit(images, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ZooError, match="expected one number per image"):
        model.fit(images, sample_weight=np.ones((40, 8, 8)), verbose=0)
    with pytest.raises(ZooError, match="got loss_weights"):
        model.compile(loss_weights=[2.0])


def test_held_out_images_have_weights_too(images):
    model = tiny("ae_mlp")
    history = model.fit(images, validation_data=(images, None, np.zeros(40)), verbose=0).history
    assert history["val_loss"] == [0] and history["loss"][0] > 0
