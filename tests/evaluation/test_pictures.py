"""Pictures: the right images in the right places, written whole or not at all."""

import numpy as np
import pytest
import tensorflow as tf
from tiny import tiny

import zoo
from zoo.modalities.image import image_file_shape
from zoo.publishing.pictures import draws_images, latent_plane, samples_grid, side_by_side


def read(path):
    return tf.io.decode_png(path.read_bytes()).numpy()


def cells(picture, rows, columns, side=8):
    """The images of a picture of rows close together."""
    return [[picture[2 + r * (side + 2) :][:side, 2 + c * (side + 2) :][:, :side] for c in range(columns)] for r in range(rows)]


def test_reconstructions_lie_below_their_images(images, tmp_path):
    model = tiny("ae_mlp")
    side_by_side(model, images[:3], tmp_path / "p.png", columns=3)
    picture = read(tmp_path / "p.png")
    assert picture.shape == (2 + 2 * 10, 2 + 3 * 10, 1)
    above, below = cells(picture, 2, 3)
    np.testing.assert_array_equal(above, images[:3])
    np.testing.assert_array_equal(below, np.round(model.reconstruct(images[:3]) * 255))


def test_more_images_than_columns_go_below(images, tmp_path):
    side_by_side(tiny("ae_mlp"), images[:5], tmp_path / "p.png", columns=3)
    picture = read(tmp_path / "p.png")
    assert picture.shape == (2 + 4 * 10 + 6, 2 + 3 * 10, 1)
    np.testing.assert_array_equal(cells(picture[26:], 1, 2), [images[3:5]])
    assert (picture[26:, 22:] == 255).all(), "a place without an image is not white"


def test_a_denoising_model_shows_its_noise_between(images, tmp_path):
    model = tiny("dae_mlp", noise="masking", level=0.5)
    state = model.corruption.seed_generator.state.numpy()
    side_by_side(model, images[:3], tmp_path / "p.png", columns=3)
    side_by_side(model, images[:3], tmp_path / "q.png", columns=3)
    assert (tmp_path / "p.png").read_bytes() == (tmp_path / "q.png").read_bytes(), "other noise each time"
    clean, noisy, made = np.array(cells(read(tmp_path / "p.png"), 3, 3))
    lit = clean > 0
    assert 0.3 < (noisy[lit] == 0).mean() < 0.7 and (noisy[~lit] == 0).all()
    np.testing.assert_allclose(made, model.reconstruct(noisy) * 255, atol=1)
    np.testing.assert_array_equal(model.corruption.seed_generator.state.numpy(), state)


def test_samples_are_the_models_own(tmp_path):
    model = tiny("vae_mlp", input_shape=(8, 8, 3))
    samples_grid(model, tmp_path / "s.png", n=5, seed=4)
    picture = read(tmp_path / "s.png")
    assert picture.shape == (22, 32, 3)
    found = np.concatenate(cells(picture, 2, 3))[:5]
    np.testing.assert_array_equal(found, np.round(model.sample(5, seed=4) * 255))


def test_a_latent_plane_is_drawn(digits, tmp_path):
    images, labels = digits
    latent_plane(tiny("ae_mlp", latent_dim=2), images[:50], labels[:50], tmp_path / "plane.png", side=3)
    assert read(tmp_path / "plane.png").shape == (620, 1300, 4)
    with pytest.raises(zoo.ZooError, match=r"code of shape \(4,\), expected 2"):
        latent_plane(tiny("ae_mlp"), images[:50], labels[:50], tmp_path / "no.png")
    assert [p.name for p in tmp_path.iterdir()] == ["plane.png"]


def test_what_cannot_be_drawn_is_one_clear_error(images, tmp_path):
    vectors = zoo.create("ae", "mlp", input_shape=(9,), hidden=(), latent_dim=2)
    with pytest.raises(zoo.ZooError, match=r"model of images.*got inputs of shape \(9,\)"):
        side_by_side(vectors, np.zeros((2, 9), "float32"), tmp_path / "p.png")
    with pytest.raises(zoo.ZooError, match="1 or 3 channels, got 2"):
        side_by_side(tiny("ae_mlp", input_shape=(8, 8, 2)), np.zeros((2, 8, 8, 2), "uint8"), tmp_path / "p.png")
    with pytest.raises(zoo.ZooError, match="no prior"):
        samples_grid(tiny("ae_mlp"), tmp_path / "p.png")
    with pytest.raises(zoo.ZooError, match="ends in .png"):
        side_by_side(tiny("ae_mlp"), images[:2], tmp_path / "p.jpg")
    with pytest.raises(zoo.ZooError, match="cannot write the image .*: No such file"):
        side_by_side(tiny("ae_mlp"), images[:2], tmp_path / "nowhere" / "p.png")
    assert not list(tmp_path.iterdir())
    assert [image_file_shape(s) is not None for s in ((8, 8, 1), (8, 8, 3), (8, 8, 2), (9,))] == [True, True, False, False]


@pytest.mark.parametrize(
    "name, drawn",
    [("vae_mlp", True), ("vq_vae_mlp", True), ("vq_vae_conv", False), ("gumbel_vae_conv", False), ("ae_mlp", False)],
)
def test_texture_is_not_called_samples(name, drawn):
    assert draws_images(tiny(name)) == drawn
