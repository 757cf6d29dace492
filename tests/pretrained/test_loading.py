"""Weights by name or path: what is saved comes back, what is broken is refused, and nothing is half done."""

import hashlib
import json
import os
import pickle
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import mostly_slow, tiny

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import arrays as weights
from zoo.pretrained import loading, manifest, verification

KINDS = ["linear_mlp", "stacked_mlp", "vae_mlp", "contractive_mlp", "ae_conv", "wta_conv", "ae_resnet"]
NAME = "ae_mlp.test"


def shaken(name, seed=1, **options):
    """A tiny model none of whose variables is as it was made."""
    keras.utils.set_random_seed(seed)
    model = tiny(name, **options)
    rng = np.random.default_rng(seed)
    for _, variable in sorted(weights.named_variables(model).items()):
        change = rng.uniform(0.01, 0.1, variable.shape)
        variable.assign(keras.ops.convert_to_numpy(variable) + change.astype(variable.dtype))
    return model


def arrays_of(model):
    return {key: np.array(variable) for key, variable in weights.named_variables(model).items()}


def assert_same_arrays(model, arrays):
    now = arrays_of(model)
    assert now.keys() == arrays.keys()
    for key in now:
        np.testing.assert_array_equal(now[key], arrays[key], err_msg=key)


def tree(folder):
    """Everything under a folder, hidden or not."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else ("link", str(p.readlink())) if p.is_symlink() else "folder"
        for p in folder.rglob("*")
    }


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture(scope="module")
def model():
    """Read by many tests, changed by none."""
    return shaken("ae_mlp")


# -- the mapping


@pytest.mark.parametrize("name", mostly_slow(KINDS, ("linear_mlp", "vae_mlp", "wta_conv")))
def test_every_variable_has_a_path_that_does_not_depend_on_what_was_built_before(name):
    first, second = tiny(name), tiny(name)
    mapping = weights.named_variables(first)
    assert {id(v) for v in first.weights} == {id(v) for v in mapping.values()}
    assert [(k, tuple(v.shape)) for k, v in mapping.items()] == [
        (k, tuple(v.shape)) for k, v in weights.named_variables(second).items()
    ]


def test_paths_are_the_models_own_attributes(images):
    model = tiny("ae_mlp")
    layers = ["decoder/backbone/stages/0", "decoder/backbone/stages/1", "encoder/backbone/stages/1", "encoder/bottleneck/dense"]
    paths = sorted(f"{layer}/{name}" for layer in layers for name in ("bias", "kernel"))
    assert sorted(weights.named_variables(model)) == paths, "published files and those that users saved have these"
    model.encode(images)
    assert sorted(weights.named_variables(model)) == paths, "use adds none"


def test_optimizer_metrics_and_seeds_are_no_part_of_it(images):
    model = tiny("vae_mlp", dropout=0.5)
    before = list(weights.named_variables(model))
    model.compile("adam", metrics=["mae"], run_eagerly=True)
    model.fit(images[:8], verbose=0)
    assert model.optimizer.variables and len(model.variables) > len(model.weights)
    assert list(weights.named_variables(model)) == before


def dense(units=2):
    layer = keras.layers.Dense(units)
    layer.build((None, 3))
    return layer


class Holder(keras.layers.Layer):
    def __init__(self, **held):
        super().__init__(name="holder")
        for name, value in held.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    "held, paths",
    [
        (lambda: {"heads": {"mean": dense(), "scale": dense()}}, ["heads/mean", "heads/scale"]),
        (lambda: {"heads": [{"a": dense()}, {"a": dense()}]}, ["heads/0/a", "heads/1/a"]),
        (lambda: {"heads": {"x": [dense(), (dense(),)]}}, ["heads/x/0", "heads/x/1/0"]),
        (lambda: {"heads": {1: dense(), 2: dense()}}, ["heads/1", "heads/2"]),
        (lambda: {"layers": [dense()]}, ["layers/0"]),
        (lambda: {"_inner": dense()}, ["inner"]),
        (lambda: {"net": keras.Sequential([keras.Input((3,)), dense(3), keras.Sequential([dense()])])}, None),
        (lambda: {"net": functional()}, None),
    ],
    ids=[
        "mapping",
        "mappings in a list",
        "lists in a mapping",
        "numbers as keys",
        "layers",
        "private",
        "sequential",
        "functional",
    ],
)
def test_layers_are_found_wherever_keras_lets_them_be_held(held, paths):
    layer = Holder(**held())
    found = weights.named_variables(layer)
    assert {id(v) for v in found.values()} == {id(v) for v in layer.weights} and found
    assert list(found) == list(weights.named_variables(Holder(**held())))
    if paths:
        assert sorted(found) == sorted(f"{path}/{name}" for path in paths for name in ("kernel", "bias"))


def functional():
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Dense(4)(keras.layers.Dense(5)(x)))


def test_what_would_be_left_out_is_an_error():
    with pytest.raises(ZooError, match="holder has variables without an attribute path: .*kernel, .*bias"):
        weights.named_variables(Holder(heads={dense()}))


@pytest.mark.parametrize("held", [lambda: {"a": dense(), "_a": dense()}, lambda: {"a": {1: dense(), "1": dense()}}])
def test_two_variables_with_one_path_are_an_error(held):
    with pytest.raises(ZooError, match="two variables of holder share the path 'a/(1/)?(kernel|bias)'"):
        weights.named_variables(Holder(**held()))


def test_scalars_and_whole_numbers_come_back_as_they_were(tmp_path):
    def layer(value):
        result = Holder()
        result.scale = result.add_weight(shape=(), name="scale")
        result.count = result.add_weight(shape=(2,), dtype="int32", name="count", trainable=False)
        result.scale.assign(value)
        result.count.assign([value, -value])
        return result

    weights.save_arrays(layer(7), tmp_path / "a")
    assert load_file(tmp_path / "a")["scale"].shape == ()
    other = layer(1)
    weights.load_arrays(other, tmp_path / "a")
    assert float(other.scale) == 7 and np.array(other.count).tolist() == [7, -7]


def test_bfloat16_comes_back_exactly(tmp_path):
    def layer(value):
        result = Holder()
        result.w = result.add_weight(shape=(3,), dtype="bfloat16", name="w")
        result.w.assign([value, 2 * value, 1e38])
        return result

    weights.save_arrays(layer(0.3), tmp_path / "a")
    other = layer(0)
    weights.load_arrays(other, tmp_path / "a")
    np.testing.assert_array_equal(keras.ops.cast(other.w, "float32"), keras.ops.cast(layer(0.3).w, "float32"))


# -- files of arrays


def write_arrays(change):
    """A writer of the model's arrays after `change`, which gets them and the key of the last to be set."""

    def write(path, arrays):
        change(arrays, list(arrays)[-1])
        save_file(arrays, path)

    return write


def write_bytes(change):
    def write(path, arrays):
        save_file(arrays, path)
        path.write_bytes(change(path.read_bytes()))

    return write


def spoil(value):
    def change(arrays, key):
        arrays[key].flat[-1] = value

    return write_arrays(change)


BROKEN = {
    "missing": (write_arrays(lambda a, k: a.pop(k)), "does not fit ae_mlp: it lacks {key}"),
    "extra": (write_arrays(lambda a, k: a.update(more=np.zeros(2))), "does not fit .*: it has the unknown more"),
    "renamed": (write_arrays(lambda a, k: a.update(more=a.pop(k))), "it lacks {key} and has the unknown more"),
    "none": (write_arrays(lambda a, k: a.clear()), "does not fit .*: it lacks .*{key}"),
    "longer": (write_arrays(lambda a, k: a.update({k: np.append(a[k], 0)})), "{key} has shape .*, expected"),
    "another axis": (write_arrays(lambda a, k: a.update({k: a[k][None]})), "{key} has shape .*, expected"),
    "broadcastable": (write_arrays(lambda a, k: a.update({k: a[k][:1]})), "{key} has shape .*, expected"),
    "nan": (spoil(np.nan), "contains NaN or infinite values in {key}"),
    "infinite": (spoil(-np.inf), "contains NaN or infinite values in {key}"),
    "too large": (
        write_arrays(lambda a, k: a.update({k: a[k].astype("float64") + 1e300})),
        "contains NaN or infinite values in {key}",
    ),
    "whole numbers": (write_arrays(lambda a, k: a.update({k: a[k].astype("int32")})), "{key} is int32, expected float32"),
    "complex": (write_arrays(lambda a, k: a.update({k: a[k].astype("complex64")})), "{key} is complex64, expected float32"),
    "empty": (write_bytes(lambda b: b""), "cannot be read as a safetensors file"),
    "garbage": (write_bytes(lambda b: b"garbage " * 500), "cannot be read as a safetensors file"),
    "zeros": (write_bytes(lambda b: bytes(len(b))), "cannot be read as a safetensors file"),
    "pickle": (write_bytes(lambda b: pickle.dumps({"a": 1})), "cannot be read as a safetensors file"),
    "a byte short": (write_bytes(lambda b: b[:-1]), "cannot be read as a safetensors file"),
    "half": (write_bytes(lambda b: b[: len(b) // 2]), "cannot be read as a safetensors file"),
    "within the header": (write_bytes(lambda b: b[:50]), "cannot be read as a safetensors file"),
    "too long": (write_bytes(lambda b: b + b"x"), "cannot be read as a safetensors file"),
    "a huge header": (write_bytes(lambda b: b"\xff" * 7 + b"\x7f" + b[8:]), "cannot be read as a safetensors file"),
    "a folder": (lambda path, arrays: path.mkdir(), "cannot be read as a safetensors file"),
    "absent": (lambda path, arrays: None, "cannot be read as a safetensors file"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_clear_error_and_leaves_the_model_as_it_was(kind, model, tmp_path):
    write, words = BROKEN[kind]
    before = arrays_of(model)
    path = tmp_path / "a.safetensors"
    changed = {key: value + np.float32(1) for key, value in before.items()}
    write(path, changed)
    with pytest.raises(ZooError, match=words.format(key=list(before)[-1])) as error:
        weights.load_arrays(model, path)
    assert str(path) in one_line(error)
    assert_same_arrays(model, before)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_diverged_are_not_saved(value, tmp_path):
    model = shaken("ae_mlp")
    kernel = weights.named_variables(model)[next(iter(arrays_of(model)))]
    kernel.assign(np.full(kernel.shape, value))
    (tmp_path / "a").write_bytes(b"earlier")
    with pytest.raises(ZooError, match="contains NaN or infinite values; diverged weights are not saved"):
        weights.save_arrays(model, tmp_path / "a")
    assert tree(tmp_path) == {"a": b"earlier"}


def test_a_failed_write_leaves_the_earlier_file(model, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"earlier")
    monkeypatch.setattr(os, "fsync", cut_short(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        weights.save_arrays(model, tmp_path / "a")
    assert tree(tmp_path) == {"a": b"earlier"}


# -- publishing


def test_the_same_weights_are_the_same_bytes_under_the_name_of_their_hash(model, tmp_path):
    again = shaken("ae_mlp")
    written = weights.publish(model, NAME, tmp_path)
    before = tree(tmp_path)
    assert weights.publish(again, NAME, str(tmp_path)) == written
    assert tree(tmp_path) == before and list(before) == [written["file"]]
    data = before[written["file"]]
    assert written == {
        "file": f"{NAME}-{hashlib.sha256(data).hexdigest()[:8]}.safetensors",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    assert weights.publish(shaken("ae_mlp", seed=2), NAME, tmp_path)["sha256"] != written["sha256"]


def test_half_precision_on_disk_is_single_precision_in_use(model, images, tmp_path):
    whole, half = weights.publish(model, NAME, tmp_path), weights.publish(model, NAME, tmp_path, half=True)
    assert half["bytes"] < 0.6 * whole["bytes"]
    assert {a.dtype for a in load_file(tmp_path / half["file"]).values()} == {np.dtype("float16")}
    loaded = tiny("ae_mlp")
    weights.load_arrays(loaded, tmp_path / half["file"])
    assert {v.dtype for v in loaded.weights} == {"float32"}
    features, wanted = loaded.encode(images), model.encode(images)
    assert 0 < np.abs(features - wanted).max() < 5e-3 * np.abs(wanted).max()
    # What half precision holds it holds exactly: publishing what was loaded changes no bit.
    assert weights.publish(loaded, NAME, tmp_path, half=True) == half


def test_values_beyond_half_precision_are_refused(tmp_path):
    model = shaken("ae_mlp")
    key, variable = list(weights.named_variables(model).items())[-1]
    variable.assign(np.full(variable.shape, 7e4))
    with pytest.raises(ZooError, match=f"{key} of .* contains values too large for float16; save it with half=False"):
        weights.publish(model, NAME, tmp_path, half=True)
    assert tree(tmp_path) == {}
    weights.publish(model, NAME, tmp_path)


def test_a_count_of_steps_beyond_half_precision_is_kept(tmp_path):
    model = shaken("beta_vae_mlp", warmup_steps=5)
    model.bottleneck.step.assign(78_101.0)
    written = weights.publish(model, NAME, tmp_path, half=True)
    loaded = registry.build(model.config)
    weights.load_arrays(loaded, tmp_path / written["file"])
    assert float(loaded.bottleneck.step) == 78_101


# -- a model of one's own


@pytest.mark.parametrize("name", mostly_slow(KINDS, ("linear_mlp", "vae_mlp", "wta_conv")))
def test_a_saved_model_comes_back_the_same(name, images, tmp_path):
    model = shaken(name)
    zoo.save(model, tmp_path / "new" / "mine")
    assert sorted(tree(tmp_path)) == ["new", "new/mine", "new/mine/config.json", "new/mine/weights.safetensors"]
    loaded = zoo.load(str(tmp_path / "new" / "mine"))
    assert type(loaded) is type(model) and loaded.config == model.config
    assert_same_arrays(loaded, arrays_of(model))
    features = model.encode(images)
    np.testing.assert_array_equal(loaded.encode(images), features)
    np.testing.assert_allclose(loaded.encode((images / 255).astype("float32")), features, rtol=1e-5, atol=1e-6)


def test_an_encoder_alone_gives_the_features_of_its_model(model, images, tmp_path):
    zoo.save(model, tmp_path / "mine")
    encoder = zoo.load_encoder(tmp_path / "mine")
    assert isinstance(encoder, keras.Model)
    np.testing.assert_allclose(encoder(images), model.encode(images), rtol=1e-5, atol=1e-6)


def test_a_loaded_model_can_be_trained_on(model, images, tmp_path):
    zoo.save(model, tmp_path / "mine")
    loaded = zoo.load(tmp_path / "mine")
    loaded.run_eagerly = True
    loaded.fit(images, verbose=0)
    assert any(np.any(a != b) for a, b in zip(arrays_of(loaded).values(), arrays_of(model).values()))


@pytest.fixture
def mine(model, tmp_path):
    """A folder with the model, saved, in a folder with nothing else."""
    path = tmp_path / "models" / "mine"
    zoo.save(model, path)
    return path


def test_a_model_saved_before_is_replaced_whole(mine):
    zoo.save(shaken("vae_conv", seed=2), mine)
    assert sorted(tree(mine.parent)) == ["mine", "mine/config.json", "mine/weights.safetensors"]
    loaded = zoo.load(mine)
    assert loaded.config["variant"] == "vae"
    assert_same_arrays(loaded, arrays_of(shaken("vae_conv", seed=2)))


def test_a_link_to_a_saved_model_stays_a_link(mine, tmp_path):
    (tmp_path / "link").symlink_to(mine, target_is_directory=True)
    zoo.save(shaken("ae_mlp", seed=2), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "link").resolve() == mine
    assert_same_arrays(zoo.load(mine), arrays_of(shaken("ae_mlp", seed=2)))


def reword(**changes):
    def change(path):
        saved = json.loads((path / "config.json").read_text())
        saved = {key: value for key, value in {**saved, **changes}.items() if value is not None}
        (path / "config.json").write_text(json.dumps(saved))

    return change


def empty(path):
    (path / "config.json").unlink()
    (path / "weights.safetensors").unlink()


def plain(path):
    empty(path)
    path.rmdir()
    path.write_text("a plain file")


IN_THE_WAY = {
    "a folder of some other tool's": reword(schema=None, config=None, model_type="bert"),
    "no schema": reword(schema=None),
    "no config": reword(config=None),
    "a list": lambda path: (path / "config.json").write_text("[]"),
    "broken": lambda path: (path / "config.json").write_text("{"),
    "config alone": lambda path: (path / "weights.safetensors").unlink(),
    "weights alone": lambda path: (path / "config.json").unlink(),
    "something added": lambda path: (path / "notes.txt").write_text("mine"),
    "something hidden": lambda path: (path / ".git").mkdir(),
    "an empty folder": empty,
    "a plain file": plain,
}


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_saving_replaces_nothing_but_a_saved_model(kind, mine, model):
    IN_THE_WAY[kind](mine)
    before = tree(mine.parent)
    with pytest.raises(ZooError, match="exists and was not written by zoo.save; choose another path") as error:
        zoo.save(model, mine)
    assert str(mine) in one_line(error)
    assert tree(mine.parent) == before


def failing(error, partly=False, after=0):
    """A stand-in for a method of `Path` that works `after` times and then fails, perhaps half-way."""
    calls = []

    def method(self, *args, **kwargs):
        calls.append(self)
        if len(calls) <= after:
            return method.original(self, *args, **kwargs)
        if partly:
            with open(self, "w") as file:
                file.write("half a")
        raise error

    return method


def cut_short(error):
    """In place of `os.fsync`: half of the file is there when `error` comes."""

    def fsync(file):
        os.truncate(file, 6)
        raise error

    return fsync


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full disk", "interrupt"])
@pytest.mark.parametrize(
    "step, after, partly",
    [("fsync", 0, True), ("write_text", 0, True), ("rename", 0, False), ("rename", 1, False)],
    ids=["arrays", "config", "the old one aside", "the new one in place"],
)
def test_a_save_that_is_interrupted_leaves_the_old_model(step, after, partly, error, mine, monkeypatch):
    other = shaken("ae_mlp", seed=2)
    before = tree(mine.parent)
    with monkeypatch.context() as patch:
        method = failing(error, partly, after) if step != "fsync" else cut_short(error)
        method.original = getattr(Path, step, None)
        # The step that puts the old one back works: it is the third.
        if after:
            method = only_once(method, after)
        patch.setattr(os if step == "fsync" else Path, step, method)
        with pytest.raises(ZooError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            zoo.save(other, mine)
    if isinstance(error, OSError):
        assert f"could not be saved to {mine} (No space left on device)" in one_line(caught)
    assert tree(mine.parent) == before
    zoo.save(other, mine)
    assert_same_arrays(zoo.load(mine), arrays_of(other))


def only_once(method, after):
    calls = []

    def wrapped(self, *args):
        calls.append(self)
        return (method if len(calls) <= after + 1 else method.original)(self, *args)

    return wrapped


def test_a_first_save_that_fails_leaves_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "write_text", failing(OSError(28, "No space left on device"), partly=True))
    with pytest.raises(ZooError, match="No space left on device"):
        zoo.save(model, tmp_path / "mine")
    assert tree(tmp_path) == {}


def test_a_plain_file_in_place_of_the_parent(model, tmp_path):
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(ZooError, match="could not be saved to .*plain/mine"):
        zoo.save(model, tmp_path / "plain" / "mine")
    assert tree(tmp_path) == {"plain": b"a file"}


def test_a_model_that_diverged_does_not_replace_a_good_one(mine):
    bad = shaken("ae_mlp")
    bad.weights[0].assign(np.full(bad.weights[0].shape, np.nan))
    before = tree(mine.parent)
    with pytest.raises(ZooError, match="diverged weights are not saved"):
        zoo.save(bad, mine)
    assert tree(mine.parent) == before


def test_a_model_that_no_config_describes_is_refused(tmp_path):
    with pytest.raises(ZooError, match="expected a model of zoo.create or zoo.load"):
        zoo.save(keras.Sequential([keras.Input((3,)), dense()]), tmp_path / "mine")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "change, words",
    [
        (empty, "contains no readable config.json, expected a folder written by zoo.save"),
        (IN_THE_WAY["broken"], "contains no readable config.json"),
        (IN_THE_WAY["a list"], "contains no readable config.json"),
        (reword(schema=None), "contains no readable config.json"),
        (reword(schema=2, config=None), "has schema 2, expected 1; update autoencoder-zoo"),
        (reword(config=None), "has config=None, expected a mapping with the variant"),
        (reword(config=[1]), r"has config=\[1\], expected a mapping with the variant"),
        (reword(config={"latent_dim": 2}), "expected a mapping with the variant"),
        (reword(config={"variant": "vea"}), "there is no variant 'vea'. Did you mean 'vae'"),
        (reword(config={"variant": "vae", "latent_dims": 2}), "no option 'latent_dims'. Did you mean 'latent_dim'"),
        (IN_THE_WAY["config alone"], "weights.safetensors: not found; save the model again"),
        (
            lambda path: (path / "weights.safetensors").write_bytes(b"x" * 99),
            "weights.safetensors: wrong content .sha256",
        ),
        (
            lambda path: (reword(sha256=None)(path), (path / "weights.safetensors").write_bytes(b"x")),
            "cannot be read as a safetensors file",
        ),
    ],
)
def test_a_broken_folder_is_one_clear_error(change, words, mine):
    change(mine)
    with pytest.raises(ZooError, match=words) as error:
        zoo.load(mine)
    one_line(error)


def test_the_arrays_of_another_model_are_refused(mine, tmp_path, model):
    zoo.save(tiny("ae_mlp", latent_dim=5), tmp_path / "other")
    (tmp_path / "other" / "weights.safetensors").replace(mine / "weights.safetensors")
    with pytest.raises(ZooError, match="weights.safetensors: wrong content .*save the model again"):
        zoo.load(mine)
    reword(sha256=None)(mine)
    with pytest.raises(ZooError, match=r"does not fit .* has shape .*, expected"):
        zoo.load(mine)


def test_one_flipped_bit_is_seen(mine):
    data = bytearray((mine / "weights.safetensors").read_bytes())
    data[-3] ^= 1
    (mine / "weights.safetensors").write_bytes(data)
    with pytest.raises(ZooError, match="wrong content"):
        zoo.load_encoder(mine)


# -- by name


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A weights folder, an empty cache, no mirror; `shelf.put(name, model)` publishes with reference features."""
    folder, cache = tmp_path / "weights", tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(manifest, "weights_dir", lambda: folder)
    monkeypatch.setenv("ZOO_CACHE", str(cache))
    monkeypatch.delenv("ZOO_MIRRORS", raising=False)
    return Shelf(folder, cache)


class Shelf:
    def __init__(self, folder, cache):
        self.folder = folder
        self.cache = cache

    def put(self, name, model, half=False, **changes):
        written = weights.publish(model, name, self.folder, half=half)
        entry = {**written, "config": model.config, "reference_features": {"seed": 3, "n": 2, "tolerance": 1e-3}}
        if half:
            model = registry.build(model.config)
            weights.load_arrays(model, self.folder / written["file"])
        entry["reference_features"]["features"] = np.round(
            model.encode(verification.reference_input(entry))[:, :3].astype(float), 6
        ).tolist()
        manifest.write_entry(name, {**entry, **changes}, self.folder)
        return self.folder / written["file"]

    def to_cache(self, file):
        self.cache.mkdir(exist_ok=True)
        return file.rename(self.cache / file.name)

    def reword(self, name, change):
        path = self.folder / "manifest.json"
        text = json.loads(path.read_text())
        change(text["weights"][name])
        path.write_text(json.dumps(text))


@pytest.mark.parametrize("half", [False, True])
def test_a_name_gives_the_model_with_its_weights(shelf, model, images, half):
    shelf.put(NAME, model, half=half)
    assert zoo.list_weights() == [NAME]
    loaded = zoo.load(NAME)
    tolerance = 1e-2 if half else 0
    np.testing.assert_allclose(loaded.encode(images), model.encode(images), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(loaded.encode(images / 255), loaded.encode(images), rtol=1e-5, atol=1e-6)
    assert verification.verify_reference_features(NAME) < 1e-5


def test_an_unknown_name_comes_with_a_suggestion(shelf, model):
    shelf.put(NAME, model)
    for load in (zoo.load, zoo.load_encoder, zoo.info, verification.verify_reference_features):
        with pytest.raises(ZooError, match="there is no weight set 'ae_mpl.test'. Did you mean 'ae_mlp.test'") as error:
            load("ae_mpl.test")
        one_line(error)


@pytest.mark.parametrize("path", ["./nowhere", "../x", "no/where", "~/model", "/nowhere"])
def test_a_path_that_leads_nowhere_is_said_to_be_one(shelf, path, tmp_path, monkeypatch):
    # Whatever lies beside the checkout.
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ZooError, match=f"there is no saved model at {re.escape(path)}, expected a folder written by zoo.save"):
        zoo.load(path)


def test_a_manifest_entry_cannot_lead_out_of_the_folder(shelf, model, tmp_path):
    file = shelf.put(NAME, model)
    file.rename(tmp_path / "x.safetensors")
    for path in ("../x.safetensors", str(tmp_path / "x.safetensors")):
        shelf.reword(NAME, lambda entry, path=path: entry.update(file=path))
        with pytest.raises(ZooError, match=f"the manifest entry '{NAME}' has file=.*, expected a plain file name"):
            zoo.load(NAME)


def test_a_changed_file_is_never_loaded(shelf, model):
    file = shelf.put(NAME, model)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ZooError, match=f"weights of {NAME} were not found.*installed .*wrong content.*mirrors: none") as error:
        zoo.load(NAME)
    one_line(error)


def test_a_right_file_for_another_model_is_refused(shelf, model):
    shelf.put(NAME, model)
    shelf.reword(NAME, lambda entry: entry["config"].update(latent_dim=5))
    with pytest.raises(ZooError, match="does not fit .* has shape .*, expected"):
        zoo.load(NAME)


# -- verify


def verify():
    [(name, status, detail)] = verification.verify()
    assert name == NAME and "\n" not in detail
    return status, detail


def test_verify_finds_a_good_file_embedded_or_cached(shelf, model):
    file = shelf.put(NAME, model)
    assert verify() == ("ok", verify()[1]) and f"{file.stat().st_size:,} bytes" in verify()[1]
    shelf.to_cache(file)
    assert verify()[0] == "ok"
    assert verification.verify([NAME]) == verification.verify()


def test_verify_says_what_is_not_here(shelf, model):
    shelf.put(NAME, model).unlink()
    status, detail = verify()
    assert status == "absent" and "pip install . ./weights" in detail


def test_verify_names_a_corrupt_embedded_file(shelf, model):
    file = shelf.put(NAME, model)
    file.write_bytes(file.read_bytes()[:-1])
    status, detail = verify()
    assert status == "corrupt" and f"{file}: wrong content (sha256 " in detail and "delete it" in detail


@pytest.mark.parametrize("embedded", [True, False])
def test_verify_names_a_corrupt_cached_file_whatever_is_embedded(shelf, model, embedded):
    file = shelf.put(NAME, model)
    shelf.cache.mkdir()
    cached = shelf.cache / file.name
    cached.write_bytes(b"half a file")
    if not embedded:
        file.unlink()
    status, detail = verify()
    assert status == "corrupt" and f"{cached}: wrong content" in detail and str(file) not in detail
    assert cached.read_bytes() == b"half a file", "verify reports and changes nothing"


def test_verify_names_what_cannot_be_read(shelf, model):
    file = shelf.put(NAME, model)
    file.unlink()
    file.mkdir()
    assert verify()[0] == "corrupt" and "cannot be read" in verify()[1]


def test_verify_goes_over_all_or_the_names_asked_for(shelf, model):
    file = shelf.put(NAME, model)
    shelf.put("ae_mlp.another", model)
    file.unlink()
    assert [(name, status) for name, status, _ in verification.verify()] == [("ae_mlp.another", "ok"), (NAME, "absent")]
    assert [name for name, _, _ in verification.verify([NAME])] == [NAME]
    with pytest.raises(ZooError, match="Did you mean 'ae_mlp.another'"):
        verification.verify(["ae_mlp.anothr"])


# -- reference features


def test_features_that_drifted_are_told(shelf, model):
    shelf.put(NAME, model)
    shelf.reword(
        NAME,
        lambda entry: entry["reference_features"]["features"][1].__setitem__(
            2, entry["reference_features"]["features"][1][2] + 0.01
        ),
    )
    with pytest.raises(
        ZooError, match=f"the features of {NAME} differ from its reference features by 0.01, expected at most 0.001"
    ):
        verification.verify_reference_features(NAME)


def test_features_that_are_not_numbers_are_drift(shelf, model):
    shelf.put(NAME, model)
    shelf.reword(NAME, lambda entry: entry["reference_features"]["features"][1].__setitem__(2, float("nan")))
    with pytest.raises(ZooError, match="differ from its reference features by nan"):
        verification.verify_reference_features(NAME)


def test_a_model_that_gives_nan_has_drifted(shelf, model, monkeypatch):
    class Diverged:
        def encode(self, x):
            return np.full((len(x), 4), np.nan, np.float32)

    shelf.put(NAME, model)
    monkeypatch.setattr(loading, "load", lambda name: Diverged())
    with pytest.raises(ZooError, match="differ from its reference features by nan"):
        verification.verify_reference_features(NAME)


def test_features_of_another_width_are_told(shelf, model):
    shelf.put(NAME, model)
    shelf.reword(NAME, lambda entry: entry["reference_features"].update(features=[[0.0] * 9] * 2))
    with pytest.raises(ZooError, match=r"has features of shape \(2, 4\), but reference features of shape \(2, 9\)"):
        verification.verify_reference_features(NAME)


def test_an_entry_without_reference_features(shelf, model):
    shelf.put(NAME, model)
    shelf.reword(NAME, lambda entry: entry.pop("reference_features"))
    with pytest.raises(ZooError, match="has no reference features"):
        verification.verify_reference_features(NAME)
