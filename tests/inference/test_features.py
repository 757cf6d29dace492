"""Features at full speed: every runtime gives what `encode` gives, in order, in flat memory, from any source."""

import itertools
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.errors import ZooError
from zoo.inference import runtimes
from zoo.inference.export import writing
from zoo.inference.features import FeatureStream, extract_features
from zoo.inference.runtimes import graphs
from zoo.inference.runtimes.graphs import graph
from zoo.inference.runtimes.subject import Subject
from zoo.pretrained.verification import reference_input
from zoo.utils.devices import processors
from zoo.utils.precision import computing_in

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
    monkeypatch.setattr(writing, "write", lambda *_: pytest.fail("exported again"))
    assert graph(Subject(folders / "mlp"), "openvino", "uint8") == first
    with pytest.raises(pytest.fail.Exception):
        graph(Subject(folders / "mlp", "code", "mean"), "openvino", "uint8")


@pytest.mark.parametrize("kind, runtime", [("onnx", "onnxruntime"), pytest.param("openvino", "openvino", marks=pytest.mark.slow)])
def test_a_damaged_graph_is_made_again(folders, images, kind, runtime):
    file = graph(Subject(folders / "mlp"), kind, "uint8")
    whole = file.read_bytes()
    for damage in (lambda: file.write_bytes(whole[:50]), lambda: file.write_bytes(whole[:-9] + b"123456789"), file.unlink):
        damage()
        assert graph(Subject(folders / "mlp"), kind, "uint8") == file
        expected = zoo.load(folders / "mlp").encode(images)
        np.testing.assert_allclose(extract_features(folders / "mlp", images, runtime), expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "graphs"


@pytest.fixture
def written(monkeypatch):
    """In place of an export: a file of a few bytes; gives what was written."""
    files = []

    def write(model, path, *rest):
        path.write_bytes(b"graph %d" % len(files))
        files.append(path)
        return 0.0

    monkeypatch.setattr(writing, "write", write)
    return files


def test_all_that_decides_a_graph_is_in_its_key(folders, cache, written, monkeypatch):
    subject = Subject(folders / "mlp")
    made = [graph(subject, "onnx", "uint8"), graph(subject, "onnx", "float32"), graph(subject, "openvino", "uint8")]
    before, version = graphs.keras_settings(), graphs._version
    for changed in (dict(image_data_format="channels_first"), dict(floatx="float64"), dict(epsilon=1e-3), dict(backend="jax")):
        monkeypatch.setattr(graphs, "keras_settings", lambda changed=changed: {**before, **changed})
        made.append(graph(subject, "onnx", "uint8"))
    monkeypatch.setattr(graphs, "keras_settings", lambda: before)
    for package in ("keras", "tensorflow", "tf2onnx", "onnx"):
        monkeypatch.setattr(graphs, "_version", lambda name, changed=package: "0" if name == changed else version(name))
        made.append(graph(subject, "onnx", "uint8"))
    assert len(set(made)) == len(made) == len(written)
    assert graph(subject, "onnx", "uint8") == made[-1] and len(written) == len(made)


def test_a_graph_without_its_proof_is_made_again(folders, cache, written):
    file = graph(Subject(folders / "mlp"), "onnx", "uint8")
    record = file.with_name("record.json")
    for spoil in (
        record.unlink,
        lambda: record.write_text("{"),
        lambda: record.write_text(json.dumps({**json.loads(record.read_text()), "facts": {}})),
        lambda: file.with_name("more").touch(),
    ):
        count = len(written)
        spoil()
        assert graph(Subject(folders / "mlp"), "onnx", "uint8") == file and len(written) == count + 1


def test_a_graph_of_other_features_than_the_card_states_is_not_kept(folders, cache, written, monkeypatch):
    """As where a setting of Keras changes what a model computes: the graph would be the same as Keras, and wrong."""
    subject = Subject(folders / "mlp")
    reference_features = {"seed": 0, "n": 2, "tolerance": 1e-3}
    entry = {"sha256": subject._checkpoint.sha256(), "config": subject.config, "reference_features": reference_features}
    right = zoo.load(folders / "mlp").encode(reference_input(entry))
    for features, message in ((right.tolist(), None), ((right + 0.1).tolist(), "differ from its reference features")):
        known = {"mlp": {**entry, "reference_features": {**reference_features, "features": features}}}
        monkeypatch.setattr("zoo.pretrained.manifest.read", lambda directory=None, known=known: known)
        if message is None:
            record = json.loads(graph(subject, "onnx", "uint8").with_name("record.json").read_text())
            assert record["largest differences"]["reference features"] < 1e-5
            continue
        shutil.rmtree(cache)
        with pytest.raises(ZooError, match=message):
            graph(subject, "onnx", "uint8")
        # Nor is Keras's backend asked instead, whose features are as wrong.
        with pytest.raises(ZooError, match=message):
            runtimes.open_engine(subject, "auto")
        assert not cache.exists() or not list(cache.iterdir())


def test_graphs_of_models_in_memory_do_not_pile_up(cache, written, images):
    model = zoo.create("ae_mlp", input_shape=(8, 8, 1), hidden=(4,), latent_dim=2)
    first = graph(Subject(model), "onnx", "uint8")
    for _ in range(graphs._MOST_IN_MEMORY + 3):
        model.encoder.trainable_variables[0].assign_add(np.ones(model.encoder.trainable_variables[0].shape))
        last = graph(Subject(model), "onnx", "uint8")
    assert not first.exists() and last.exists()
    assert len(list((cache / "in-memory").iterdir())) == graphs._MOST_IN_MEMORY
    assert graph(Subject(model), "onnx", "uint8") == last and len(written) == graphs._MOST_IN_MEMORY + 4


def test_precision_decides_the_graph_of_a_model_in_memory():
    def digest(policy):
        keras.utils.set_random_seed(0)
        with computing_in(policy):
            return Subject(zoo.create("ae_mlp", input_shape=(8, 8, 1), hidden=(4,), latent_dim=2)).digest()

    assert digest("float32") == digest("float32") != digest("mixed_bfloat16")


def test_auto_is_the_fastest_that_is_installed(folders, images, monkeypatch):
    stream = FeatureStream(folders / "mlp", images)
    list(stream)
    assert stream.runtime == runtimes.automatic() == "onnxruntime"
    assert runtimes.automatic("bfloat16") == "openvino", "which computes in it"
    monkeypatch.setattr(runtimes, "installed", lambda name: name in ("openvino", "tensorflow"))
    assert runtimes.automatic() == "openvino"
    monkeypatch.setattr(runtimes, "installed", lambda name: False)
    assert runtimes.automatic() == "tensorflow"
    monkeypatch.setattr(runtimes, "has_gpu", lambda: True)
    assert runtimes.automatic() == "tensorflow"


def test_auto_falls_back_on_keras_and_says_so(images, monkeypatch):
    def broken(*_):
        raise writing.ExportError("it cannot be exported")

    monkeypatch.setattr(writing, "write", broken)
    model = zoo.create("ae_mlp", input_shape=(8, 8, 1), hidden=(16,), latent_dim=4)
    with pytest.warns(UserWarning, match="ae_mlp runs on tensorflow, because .* failed: it cannot be exported"):
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
    stream = iter(FeatureStream(folders / "mlp", endless, runtime="openvino", batch_size=40))
    for done in range(1, 60):
        next(stream)
        # What the counter has given so far, without moving it.
        assert read.__reduce__()[1][0] - done <= processors() + 3


def test_data_sets_of_pairs_and_of_mappings(folders, images):
    expected = extract_features(folders / "mlp", images)
    labels = np.arange(len(images))
    of = tf.data.Dataset.from_tensor_slices
    sources = (
        of((images, labels)).batch(16),
        of({"image": images, "label": labels}).batch(16),
        of({"pixels": images}).batch(16),
        of(({"images": images}, labels)).batch(16),
        [(images[:20], labels[:20]), [images[20:], labels[20:]]],
        {"image": images},
    )
    for source in sources:
        np.testing.assert_array_equal(extract_features(folders / "mlp", source), expected)
        assert sum(len(rows) for _, rows in FeatureStream(folders / "mlp", source)) == len(images)
    with pytest.raises(ZooError, match="mapping with a, b, expected images called 'image'"):
        extract_features(folders / "mlp", [{"a": images, "b": labels}])


def test_a_stream_has_a_number_of_images_and_no_length(folders, images):
    stream = FeatureStream(folders / "mlp", images, batch_size=np.int64(16))
    assert stream.total == 40 and not hasattr(stream, "__len__") and len(list(stream)) == 3
    assert FeatureStream(folders / "mlp", iter([images])).total is None


def test_what_was_left_out_is_said(folders, images, tmp_path):
    from PIL import Image

    Image.fromarray(images[0, ..., 0]).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    with (
        pytest.warns(zoo.ZooWarning, match="skipped 1 in total"),
        pytest.warns(zoo.ZooWarning, match="skipped b.png: unreadable"),
    ):
        assert len(extract_features(folders / "mlp", tmp_path, skip_unreadable=True)) == 1


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
        (dict(split="train"), "got split with images in memory, expected files"),
        (dict(layer="stage7"), "there is no feature layer 'stage7'"),
    ],
)
def test_wrong_arguments(folders, images, options, message):
    with pytest.raises(ZooError, match=message):
        extract_features(folders / "conv", images, **{"runtime": "tensorflow", **options})


def test_what_is_no_source_or_no_model(folders, images):
    with pytest.raises(ZooError, match="got 7 for a source"):
        extract_features(folders / "mlp", 7)
    with pytest.raises(ZooError, match="the source contains no images"):
        extract_features(folders / "mlp", iter(()))
    with pytest.raises(ZooError, match="expected the name of a weight set, the folder of a model, or a model"):
        extract_features(7, images)
    with pytest.raises(ZooError, match="a model in memory"):
        extract_features(zoo.load(folders / "mlp"), images, "tensorflow", dtype="bfloat16")


def test_a_runtime_that_is_not_installed(folders, images, monkeypatch):
    monkeypatch.setattr(runtimes, "installed", lambda name: False)
    with pytest.raises(ZooError, match="pip install onnxruntime"):
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
