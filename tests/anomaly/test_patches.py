"""The patch detector: what it keeps of normal images, what it measures, and that it finds what is not normal."""

import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.anomaly import PatchDetector, patches
from zoo.anomaly.coreset import coreset
from zoo.errors import ZooError
from zoo.models.base.features import FeatureModel

RNG = np.random.default_rng(0)
BOX = slice(12, 22)


def test_each_row_of_the_coreset_is_the_farthest_from_those_before():
    rows = RNG.normal(50, 1, (60, 4)).astype(np.float32)
    chosen = coreset(rows, 10)
    for i in range(1, 10):
        nearest = np.linalg.norm(rows[:, None] - rows[chosen[:i]][None], axis=2).min(axis=1)
        assert nearest[chosen[i]] == pytest.approx(nearest.max(), rel=1e-3)
    np.testing.assert_array_equal(coreset(rows, 10), chosen)
    assert coreset(rows, 10, seed=1)[0] != chosen[0]


def test_a_coreset_has_no_row_twice():
    rows = np.repeat(RNG.normal(100, 1, (5, 3)), 4, axis=0).astype(np.float32)
    assert len(coreset(rows, 20)) == 5
    assert sorted(coreset(RNG.normal(size=(9, 3)).astype(np.float32), 9)) == list(range(9))


def test_a_projected_coreset_covers_every_group():
    centers = RNG.normal(0, 10, (12, 300))
    rows = (centers.repeat(20, axis=0) + RNG.normal(0, 0.1, (240, 300))).astype(np.float32)
    assert set(coreset(rows, 12) // 20) == set(range(12))


@pytest.fixture(scope="module")
def striped():
    """A model, images of horizontal stripes, and images with a box of vertical stripes in them."""
    model = tiny("ae_conv", (32, 32, 1))
    stripes = 255 * (np.arange(32) // 2 % 2)[None, :, None, None] * np.ones((14, 1, 32, 1))
    normal = np.abs(stripes - RNG.uniform(0, 60, stripes.shape)).astype(np.uint8)
    anomalous = normal[10:].copy()
    anomalous[:, BOX, BOX] = anomalous[:, BOX, BOX].transpose(0, 2, 1, 3)
    return model, normal[:10], normal[10:], anomalous


def test_a_map_shows_where_an_image_is_not_normal(striped):
    model, normal, fresh, anomalous = striped
    assert PatchDetector(model).layers == ("stage1", "stage2")
    detector = PatchDetector(model, ["stage1"], coreset=0.5).fit(normal)
    maps, scores = detector.maps_and_scores(anomalous)
    assert maps.shape == (4, 32, 32) and maps.dtype == np.float32 and scores.shape == (4,)
    inside = np.zeros((32, 32), bool)
    inside[BOX, BOX] = True
    assert maps[:, inside].mean() > 2 * maps[:, ~inside].mean()
    assert scores.min() > detector.score(fresh).max()
    np.testing.assert_array_equal(detector.anomaly_map(anomalous), maps)
    np.testing.assert_array_equal(detector.score_samples(anomalous), -scores)


def test_distances_and_weights_are_those_of_a_plain_search(striped):
    model, normal, fresh, _ = striped
    detector = PatchDetector(model, ["stage2"], coreset=0.3, neighbours=4, sigma=0).fit(normal)
    maps = model.encoder.maps(fresh, "stage2")
    pooled = ops.average_pool(ops.cast(maps, "float32"), 3, strides=1, padding="same")
    rows = ops.convert_to_numpy(pooled) * detector._scale
    distances = np.linalg.norm(rows[..., None, :] - detector._bank, axis=-1)
    nearest = distances.min(axis=-1)
    found, scores = detector._compared(rows)
    np.testing.assert_allclose(found, nearest, rtol=1e-4, atol=1e-6)
    for i, score in enumerate(scores):
        place = np.unravel_index(nearest[i].argmax(), nearest[i].shape)
        index = distances[i][place].argmin()
        around = np.argsort(np.linalg.norm(detector._bank - detector._bank[index], axis=1))[:4]
        exponentials = np.exp(distances[i][place][around].astype(np.float64))
        assert index == around[0]
        assert score == pytest.approx(nearest[i][place] * (1 - exponentials[0] / exponentials.sum()), rel=1e-4)
    plain = PatchDetector(model, ["stage2"], coreset=0.3, neighbours=1).fit(normal)
    np.testing.assert_allclose(plain.score(fresh), nearest.max(axis=(1, 2)), rtol=1e-4)


def test_every_depth_has_the_same_weight(striped):
    model, normal, *_ = striped
    detector = PatchDetector(model, coreset=1).fit(normal)
    channels = [model.encoder.maps(normal, layer).shape[-1] for layer in detector.layers]
    rows = np.concatenate(list(detector._features(normal, 8))).reshape(-1, sum(channels)) * detector._scale
    variances = np.split(rows.var(axis=0), np.cumsum(channels)[:-1])
    np.testing.assert_allclose([part.sum() for part in variances], 1, rtol=0.01)


def test_features_without_variance_are_no_division_by_zero(striped):
    model, normal, *_ = striped
    detector = PatchDetector(model)
    assert np.isfinite(detector._scales(np.zeros(sum(detector._channels)))).all()
    same = np.zeros_like(normal)
    assert not detector.fit(same).score(same).any()


def test_more_patches_than_are_kept_are_sampled(striped, monkeypatch):
    model, normal, *_ = striped
    monkeypatch.setattr(patches, "_CANDIDATES", 50)
    monkeypatch.setattr(patches, "_IMAGES", 3)
    detector = PatchDetector(model, coreset=1).fit(normal)
    assert 40 <= len(detector._bank) <= 50
    np.testing.assert_array_equal(PatchDetector(model, coreset=1).fit(normal)._bank, detector._bank)


def test_tokens_are_maps_and_an_encoder_alone_is_enough():
    whole = tiny("mae_vit", (8, 8, 3))
    model = FeatureModel(whole.encoder, {}, name="features")
    images = RNG.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    detector = PatchDetector(model).fit(images)
    assert detector.layers == ("block1", "block2") and detector.anomaly_map(images).shape == (6, 8, 8)
    tokens = model.encoder.at("block1", "flatten")(images)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.encoder.maps(images, "block1")).reshape(6, -1),
        ops.convert_to_numpy(tokens)[:, 8:],
        rtol=1e-5,
    )


def test_it_is_saved_without_its_model(striped, tmp_path):
    model, normal, fresh, _ = striped
    detector = PatchDetector(model, coreset=0.3, sigma=1.5).fit(normal)
    path = tmp_path / "bank.safetensors"
    detector.save(path)
    first = path.read_bytes()
    detector.save(path)
    assert path.read_bytes() == first
    again = PatchDetector.load(path, model)
    assert (again.layers, again.coreset, again.neighbours, again.sigma, again.seed) == (detector.layers, 0.3, 9, 1.5, 0)
    np.testing.assert_array_equal(again.anomaly_map(fresh), detector.anomaly_map(fresh))
    with pytest.raises(ZooError, match="was fitted with another encoder"):
        PatchDetector.load(path, tiny("ae_conv", (32, 32, 1), latent_dim=3))


def test_nothing_else_is_overwritten_or_read(striped, tmp_path):
    model, normal, *_ = striped
    detector = PatchDetector(model, coreset=0.3).fit(normal)
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"weights")
    for act in (detector.save, lambda path: PatchDetector.load(path, model)):
        with pytest.raises(ZooError, match="is not a file written by PatchDetector.save"):
            act(other)
    assert other.read_bytes() == b"weights"
    with pytest.raises(ZooError, match="there is no file"):
        PatchDetector.load(tmp_path / "none.safetensors", model)
    with pytest.raises(ZooError, match="expected a name that ends in .safetensors"):
        detector.save(tmp_path / "bank.npz")


def test_bad_detectors_are_refused(striped):
    model, normal, *_ = striped
    with pytest.raises(ZooError, match="call fit with some first"):
        PatchDetector(model).anomaly_map(normal)
    with pytest.raises(ZooError, match="call fit with normal images first"):
        PatchDetector(model).save("bank.safetensors")
    with pytest.raises(ZooError, match=r"got coreset=0, expected a fraction in \(0, 1\]"):
        PatchDetector(model, coreset=0)
    with pytest.raises(ZooError, match="got neighbours=0"):
        PatchDetector(model, neighbours=0)
    with pytest.raises(ZooError, match="there is no feature layer 'stage3'. Did you mean"):
        PatchDetector(model, ["stage3"])
    with pytest.raises(ZooError, match="got no layers"):
        PatchDetector(model, [])
    with pytest.raises(ZooError, match="the features of 'hidden1' are vectors"):
        PatchDetector(tiny("ae_mlp"))
    with pytest.raises(ZooError, match="anomaly maps require images"):
        PatchDetector(tiny("ae_mlp", input_shape=(12,)))
