"""Large images in tiles: the same as whole where the model is local, no seams elsewhere, and one clear error for the rest."""

import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.inference import tiling
from zoo.pretrained.arrays import load_arrays, save_arrays
from zoo.utils.tiles import along


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A local model for tiles of 64 x 64, and the same for a whole image of 104 x 144."""
    model = tiny("autoencoder_tiny_taesd", input_shape=(64, 64, 3))
    path = tmp_path_factory.mktemp("tiles") / "weights.safetensors"
    save_arrays(model, path)
    whole = tiny("autoencoder_tiny_taesd", input_shape=(104, 144, 3))
    load_arrays(whole, path)
    return model, whole


@pytest.fixture(scope="module")
def images():
    """Two images, (2, 104, 144, 3), uint8."""
    return np.random.default_rng(0).integers(0, 256, (2, 104, 144, 3), dtype=np.uint8)


def test_a_local_model_says_the_same_of_tiles_and_of_the_whole(pair, images):
    model, whole = pair
    expected = whole.encode(images).reshape(2, 52, 72, -1)
    # A place depends on 13 pixels around it, fewer than the quarter of the overlap that counts for nothing.
    np.testing.assert_allclose(tiling.encode(model, images, overlap=0.9, batch_size=40), expected, atol=1e-5)
    np.testing.assert_allclose(tiling.decode(model, expected, overlap=0.9, batch_size=40), whole.decode(expected), atol=1e-5)
    assert np.abs(tiling.decode(model, expected, overlap=0.0) - whole.decode(expected)).max() > 1e-2, "without overlap seams show"


def test_one_tile_is_the_model_itself(pair, images):
    model, _ = pair
    x = images[:, :64, :64]
    np.testing.assert_allclose(tiling.reconstruct(model, x), model.reconstruct(x), atol=1e-6)


def test_a_last_group_of_fewer_tiles_is_filled_and_says_the_same(pair, images, monkeypatch):
    model, _ = pair
    expected, seen, code = tiling.encode(model, images, batch_size=1), set(), model.code

    def watched(x):
        seen.add(tuple(x.shape))
        return code(x)

    monkeypatch.setattr(model, "code", watched)
    # 2 x 3 tiles an image, 12 in all.
    np.testing.assert_allclose(tiling.encode(model, images, batch_size=5), expected, atol=1e-6)
    assert seen == {(5, 64, 64, 3)}


@pytest.mark.parametrize("size, side, overlap", [(9, 4, 0.25), (9, 4, 0.0), (4, 4, 0.5), (100, 8, 0.5), (13, 6, 0.9)])
def test_tiles_cover_everything_and_overlap(size, side, overlap):
    axis = along(size, side, overlap, factor=2)
    starts = list(axis)
    assert starts[0] == 0 and starts[-1] == size - side
    assert all(0 < b - a <= max(1, side - round(side * overlap)) for a, b in zip(starts, starts[1:]))
    total = np.zeros(2 * size)
    for start, weights in axis.items():
        total[2 * start : 2 * (start + side)] += weights
    assert total.min() > 0


def test_what_does_not_fit_is_said(pair):
    model, _ = pair
    with pytest.raises(ZooError, match=r"expected \(N, H, W, 3\) with H >= 64 and W >= 64, multiples of 2"):
        tiling.encode(model, np.zeros((1, 24, 64, 3), np.uint8))
    with pytest.raises(ZooError, match="multiples of 2"):
        tiling.encode(model, np.zeros((1, 65, 64, 3), np.uint8))
    with pytest.raises(ZooError, match=r"got codes of shape \(1, 8, 8, 4\)"):
        tiling.decode(model, np.zeros((1, 8, 8, 4), np.float32))
    with pytest.raises(ZooError, match="got overlap=1"):
        tiling.encode(model, np.zeros((1, 64, 64, 3), np.uint8), overlap=1)
    with pytest.raises(ZooError, match="tiles need codes that are feature maps"):
        tiling.encode(zoo.create("ae", input_shape=(8, 8, 1), latent_dim=2), np.zeros((1, 8, 8, 1), np.uint8))
