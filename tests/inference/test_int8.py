"""int8 features: near those of float32, made once, the same for every part of a source, and left off where they do not pay."""

import numpy as np
import pytest

import zoo
from zoo.data.sources import ArrayStream
from zoo.errors import ZooError
from zoo.inference import runtimes
from zoo.inference.calibration import calibration_images
from zoo.inference.features import FeatureStream, extract_features
from zoo.inference.runtimes import graphs, int8
from zoo.inference.runtimes.int8 import Effect, int8_graph
from zoo.inference.runtimes.subject import Subject


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved model with convolutions, and the cache that its graphs are in."""
    place = tmp_path_factory.mktemp("model") / "resnet"
    options = dict(filters=(8, 16), blocks=1, latent_dim=8, activation="relu")
    zoo.save(zoo.create("ae", backbone="resnet", input_shape=(8, 8, 1), **options), place)
    return place


@pytest.fixture(scope="module")
def many(digits):
    """300 digits, uint8 (300, 8, 8, 1)."""
    return digits[0][:300]


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b - b.mean(axis=0))


@pytest.mark.parametrize("scale", (1, np.float32(255)), ids=("uint8", "float32"))
def test_features_are_near_those_of_float32(folder, many, scale):
    exact = extract_features(folder, many / scale if scale != 1 else many, "onnxruntime")
    rough = extract_features(folder, many / scale if scale != 1 else many, "onnxruntime", dtype="int8")
    assert rough.dtype == np.float32 and rough.shape == exact.shape
    assert 0 < relative(rough, exact) < 0.1


def test_a_part_is_computed_by_the_graph_of_the_whole(folder, many):
    stream = FeatureStream(folder, many, runtime="onnxruntime", dtype="int8")
    whole = np.concatenate([rows for _, rows in stream])
    part = FeatureStream(folder, many, runtime="onnxruntime", dtype="int8").part(200, 260)
    np.testing.assert_allclose(np.concatenate([rows for _, rows in part]), whole[200:260], atol=1e-6)


def test_a_graph_is_quantized_once_for_what_decides_it(folder, many, monkeypatch):
    subject = Subject(folder)
    first, effect = int8_graph(subject, "uint8", many)
    assert effect.speedup > 0 and 0 < effect.difference < 0.1
    written, write = [], int8._write
    monkeypatch.setattr(int8, "_write", lambda exact, path, batches: (written.append(path), write(exact, path, batches)))
    assert int8_graph(subject, "uint8", many) == (first, effect) and not written
    found = {first, int8_graph(subject, "uint8", many[:-1])[0]}
    monkeypatch.setattr(int8, "processor", lambda: "another")
    found.add(int8_graph(subject, "uint8", many)[0])
    version = graphs._version
    monkeypatch.setattr(graphs, "_version", lambda name: "0" if name == "onnxruntime" else version(name))
    found.add(int8_graph(subject, "uint8", many)[0])
    assert len(found) == 4 and len(written) == 3
    first.write_bytes(b"damaged")
    monkeypatch.undo()
    assert int8_graph(subject, "uint8", many)[0].read_bytes() != b"damaged"


def test_auto_leaves_it_off_where_it_does_not_pay(folder, many, monkeypatch):
    exact = extract_features(folder, many, "onnxruntime")
    monkeypatch.setattr(int8, "_LEAST_SPEEDUP", 1e9)
    with pytest.warns(
        zoo.ZooWarning, match=r"runs in float32, because int8 is .* times as fast here and changes the features by"
    ):
        np.testing.assert_allclose(extract_features(folder, many, dtype="int8"), exact, atol=1e-5)
    rough = extract_features(folder, many, "onnxruntime", dtype="int8")
    assert np.abs(rough - exact).max() > 1e-4, "who names the runtime decides"
    monkeypatch.setattr(int8, "_LEAST_SPEEDUP", 0)
    np.testing.assert_array_equal(extract_features(folder, many, dtype="int8"), rough)


def test_what_pays():
    assert Effect(2.0, 0.02).pays
    assert not Effect(1.1, 0.02).pays and not Effect(2.0, 0.2).pays and not Effect(2.0, float("nan")).pays


def test_auto_falls_back_where_the_graph_cannot_be_quantized(folder, many, monkeypatch):
    def broken(*_):
        raise ValueError("no such node")

    monkeypatch.setattr(int8, "_write", broken)
    expected = zoo.load(folder).encode(many[:290])
    with pytest.warns(
        zoo.ZooWarning, match="runs on tensorflow, because onnxruntime failed: .* cannot be quantized .* no such node"
    ):
        got = extract_features(folder, many[:290], dtype="int8")
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_calibration_images_are_spread_over_the_source():
    numbers = np.arange(1000, dtype=np.float32)[:, None]
    found = calibration_images(ArrayStream(numbers, 64), np.asarray, "float32")
    assert found.shape == (256, 1) and len(np.unique(found)) == 256
    assert found[0] == 0 and found[-1] == 999 and np.abs(np.diff(found[::8, 0]) - 32).max() <= 1
    assert len(calibration_images(ArrayStream(numbers[:100], 64), np.asarray, "float32")) == 100


def test_calibration_images_have_the_type_that_the_graph_takes(many):
    stream = ArrayStream(many, 64)
    as_bytes, as_floats = (calibration_images(stream, np.asarray, values) for values in ("uint8", "float32"))
    assert as_bytes.dtype == np.uint8 and as_floats.dtype == np.float32
    np.testing.assert_array_equal(calibration_images(ArrayStream(as_floats, 9), np.asarray, "uint8"), as_bytes)


@pytest.mark.parametrize("runtime", ("openvino", "tensorflow"))
def test_other_runtimes_do_not_compute_in_int8(folder, many, runtime):
    with pytest.raises(ZooError, match="got dtype='int8' for runtime=.*, expected 'onnxruntime' or 'auto'"):
        extract_features(folder, many, runtime, dtype="int8")


def test_errors(folder, many, monkeypatch):
    with pytest.raises(ZooError, match="got an iterator; give what can be read twice"):
        extract_features(folder, (many for _ in range(2)), dtype="int8")
    monkeypatch.setattr(runtimes, "installed", lambda name: name != "onnxruntime")
    with pytest.raises(ZooError, match="dtype='int8' requires the package onnxruntime"):
        extract_features(folder, many, dtype="int8")
