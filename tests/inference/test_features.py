"""Features at full speed: every runtime gives what `encode` gives, in order, in flat memory, from any source."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.errors import ZooError
from zoo.inference import runtimes
from zoo.inference.export import exporting
from zoo.inference.features import FeatureStream, extract_features
from zoo.inference.runtimes.graphs import graph
from zoo.inference.runtimes.subject import Subject

RUNTIMES = ("openvino", "onnxruntime", "tensorflow")
OPTIONS = {
    "mlp": dict(variant="vae", hidden=(16,), latent_dim=4, activation="gelu"),
    "conv": dict(variant="ae", filters=(4, 8), latent_dim=4),
    "resnet": dict(variant="ae", filters=(4, 8), blocks=1, latent_dim=4, activation="silu"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Saved models, one a backbone."""
    place = tmp_path_factory.mktemp("models")
    for backbone, options in OPTIONS.items():
        zoo.save(zoo.create(backbone=backbone, input_shape=(8, 8, 1), **options), place / backbone)
    return place


def pairs():
    """Every runtime and every backbone; all pairs take half a minute."""
    for backbone in OPTIONS:
        for runtime in RUNTIMES:
            once = backbone == "conv" or runtime == "onnxruntime"
            yield pytest.param(backbone, runtime, marks=() if once else pytest.mark.slow)


@pytest.mark.parametrize("backbone, runtime", pairs())
def test_every_runtime_gives_what_encode_gives(folders, images, backbone, runtime):
    wanted = zoo.load(folders / backbone).encode(images)
    # 40 images in batches of 16: the last is padded, and three are under way at once.
    for x in (images, images / np.float32(255)):
        got = extract_features(folders / backbone, x, runtime=runtime, batch_size=16)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4 * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_depth_and_a_model_in_memory(folders, images, runtime):
    model = zoo.load(folders / "conv")
    wanted = np.asarray(model.encoder.at("stage1", 2)(images))
    got = extract_features(model, images, runtime, layer="stage1", pool=2)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_training_shows_in_the_next_features(images):
    model = zoo.create("ae_mlp", input_shape=(8, 8, 1), hidden=(16,), latent_dim=4)
    before = extract_features(model, images, "openvino")
    model.fit(images, epochs=1, batch_size=20, verbose=0)
    after = extract_features(model, images, "openvino")
    assert np.abs(before - after).max() > 1e-4
    np.testing.assert_allclose(after, model.encode(images), rtol=1e-4, atol=1e-4)


def test_a_graph_is_exported_once(folders, monkeypatch):
    first = graph(Subject(folders / "mlp"), "openvino", "uint8")
    monkeypatch.setattr(exporting, "write", lambda *_: pytest.fail("exported again"))
    assert graph(Subject(folders / "mlp"), "openvino", "uint8") == first
    with pytest.raises(pytest.fail.Exception):
        graph(Subject(folders / "mlp", "code", "mean"), "openvino", "uint8")


@pytest.mark.parametrize("kind, runtime", [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_damaged_graph_is_made_anew(folders, images, kind, runtime):
    file = graph(Subject(folders / "mlp"), kind, "uint8")
    whole = file.read_bytes()
    for damage in (lambda: file.write_bytes(whole[:50]), lambda: file.write_bytes(whole[:-9] + b"123456789"), file.unlink):
        damage()
        assert graph(Subject(folders / "mlp"), kind, "uint8") == file
        expected = zoo.load(folders / "mlp").encode(images)
        np.testing.assert_allclose(extract_features(folders / "mlp", images, runtime), expected, rtol=1e-4, atol=1e-4)


def test_auto_is_the_fastest_that_is_installed(folders, images, monkeypatch):
    stream = FeatureStream(folders / "mlp", images)
    list(stream)
    assert stream.runtime == runtimes.automatic() == "onnxruntime"
    assert runtimes.automatic("bfloat16") == "openvino", "which computes in it"
    monkeypatch.setattr(runtimes, "_installed", lambda name: name == "openvino")
    assert runtimes.automatic() == "openvino"
    monkeypatch.setattr(runtimes, "_installed", lambda name: False)
    assert runtimes.automatic() == "tensorflow"
    monkeypatch.setattr(runtimes, "has_gpu", lambda: True)
    assert runtimes.automatic() == "tensorflow"


def test_auto_falls_back_on_keras_and_says_so(images, monkeypatch):
    def broken(*_):
        raise ZooError("it cannot be exported")

    monkeypatch.setattr(exporting, "write", broken)
    model = zoo.create("ae_mlp", input_shape=(8, 8, 1), hidden=(16,), latent_dim=4)
    with pytest.warns(UserWarning, match="ae_mlp runs on tensorflow: it cannot be exported"):
        got = extract_features(model, images)
    np.testing.assert_allclose(got, model.encode(images), rtol=1e-5, atol=1e-5)
    with pytest.raises(ZooError, match="it cannot be exported"):
        extract_features(model, images, "openvino")


@pytest.mark.parametrize("runtime", ("openvino", "tensorflow"))
def test_bfloat16_comes_near_and_is_not_the_same(folders, images, runtime):
    exact = extract_features(folders / "conv", images, runtime)
    rough = extract_features(folders / "conv", images, runtime, dtype="bfloat16")
    scale = np.abs(exact).max()
    assert rough.dtype == np.float32
    assert np.abs(rough - exact).max() < 0.05 * scale
    if runtime == "tensorflow":
        assert np.abs(rough - exact).max() > 0


def test_sources_of_every_kind_give_the_same_rows(folders, images, tmp_path):
    name, wanted = folders / "mlp", zoo.load(folders / "mlp").encode(images)
    np.save(tmp_path / "images.npy", images)
    sources = {
        "array": images,
        "file": tmp_path / "images.npy",
        "tf.data": tf.data.Dataset.from_tensor_slices(images).batch(7),
        "generator": (images[i : i + 9] for i in range(0, len(images), 9)),
    }
    for kind, source in sources.items():
        np.testing.assert_allclose(extract_features(name, source), wanted, rtol=1e-4, atol=1e-4, err_msg=kind)


@pytest.mark.parametrize("suffix", (".npy", ".npz", ".parquet"))
def test_features_to_a_file(folders, images, tmp_path, suffix):
    path = tmp_path / f"features{suffix}"
    assert extract_features(folders / "mlp", images, output=path) == path
    if suffix == ".parquet":
        table = __import__("pyarrow.parquet").parquet.read_table(path)
        ids, rows = table["id"].to_pylist(), np.stack([table[f"feature{i}"].to_numpy() for i in range(4)], 1)
        assert ids == [str(i) for i in range(40)]
    else:
        rows = np.load(path)
        rows = rows if suffix == ".npy" else rows["features"]
    np.testing.assert_allclose(rows, zoo.load(folders / "mlp").encode(images), rtol=1e-4, atol=1e-4)


def test_memory_is_flat_as_few_batches_are_read_ahead(folders, images):
    read = itertools.count()
    endless = (images for _ in read)
    stream = iter(FeatureStream(folders / "mlp", endless, "openvino", batch_size=40))
    for done in range(1, 60):
        next(stream)
        # What the counter has given so far, without moving it.
        assert read.__reduce__()[1][0] - done <= runtimes.processors() + 3


def test_an_error_in_the_middle_leaves_no_file(folders, images, tmp_path):
    def batches():
        yield images
        yield images[:, :4]

    with pytest.raises(ZooError, match=r"got an array of shape \(40, 4, 8, 1\), expected \(N, 8, 8, 1\)"):
        extract_features(folders / "mlp", batches(), output=tmp_path / "rows.npy")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(runtime="openvin"), "Did you mean 'openvino'"),
        (dict(runtime="jax"), "Keras runs on tensorflow; set the environment variable KERAS_BACKEND=jax"),
        (dict(runtime="onnxruntime", dtype="bfloat16"), "computes in float32"),
        (dict(dtype="float61"), "expected one of float32, bfloat16"),
        (dict(batch_size=0), "expected a positive number or 'auto'"),
        (dict(split="train"), "got split for images in memory"),
        (dict(layer="stage7"), "there is no feature layer 'stage7'"),
    ],
)
def test_wrong_arguments(folders, images, options, message):
    with pytest.raises(ZooError, match=message):
        extract_features(folders / "conv", images, **{"runtime": "tensorflow", **options})


def test_what_is_no_source_or_no_model(folders, images):
    with pytest.raises(ZooError, match="got 7 for a source"):
        extract_features(folders / "mlp", 7)
    with pytest.raises(ZooError, match="the source gave no images"):
        extract_features(folders / "mlp", iter(()))
    with pytest.raises(ZooError, match="expected the name of a weight set, the folder of a model, or a model"):
        extract_features(7, images)
    with pytest.raises(ZooError, match="a model in memory"):
        extract_features(zoo.load(folders / "mlp"), images, "tensorflow", dtype="bfloat16")


def test_a_runtime_that_is_not_installed(folders, images, monkeypatch):
    monkeypatch.setattr(runtimes, "_installed", lambda name: False)
    with pytest.raises(ZooError, match=r"pip install 'autoencoder-zoo\[onnx\]'"):
        extract_features(folders / "mlp", images, "onnxruntime")


def test_a_cached_graph_needs_no_framework(folders, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    argv = ["encode", str(folders / "mlp"), str(tmp_path / "images.npy"), "--output", str(tmp_path / "rows.npy")]
    extract_features(folders / "mlp", images)
    program = (
        f"import sys; from zoo.cli.main import main; "
        f"code = main({argv}); print(code, {{'keras', 'tensorflow'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 set()", done.stdout + done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "rows.npy"), zoo.load(folders / "mlp").encode(images), rtol=1e-4, atol=1e-4)
