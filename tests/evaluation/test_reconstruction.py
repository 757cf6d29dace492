"""Reconstruction errors: the standard definitions, against independent ones."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.decomposition import PCA

import zoo
from zoo.evaluation.pca import pca_mse
from zoo.evaluation.reconstruction import reconstruction_metrics, ssim


@pytest.mark.parametrize("shape", [(12, 12, 1), (11, 17, 3), (40, 23, 3)])
def test_ssim_is_scikit_images(shape):
    rng = np.random.default_rng(0)
    x = rng.random((4, *shape))
    y = np.clip(x + rng.normal(0, [[[[0.01]]], [[[0.1]]], [[[0.3]]], [[[1.0]]]], x.shape), 0, 1)
    theirs = []
    for a, b in zip(x, y):
        options = dict(gaussian_weights=True, use_sample_covariance=False, data_range=1, channel_axis=-1, full=True)
        window = structural_similarity(a, b, **options)[1] if min(shape[:2]) > 11 else None
        # Its own mean leaves out a frame of 5 pixels: the places where the window overhangs.
        theirs.append(window[5:-5, 5:-5].mean() if window is not None else structural_similarity(a, b, **options)[0])
    np.testing.assert_allclose(ssim(x, y), theirs, rtol=1e-6)


def test_ssim_of_an_image_with_itself_is_one():
    x = np.random.default_rng(0).random((3, 15, 15, 1))
    np.testing.assert_allclose(ssim(x, x), 1)
    with pytest.raises(zoo.ZooError, match="at least 11"):
        ssim(x[:, :8], x[:, :8])


def test_metrics_are_their_definitions():
    images = np.random.default_rng(0).integers(0, 256, (700, 13, 12, 1)).astype("uint8")
    model = zoo.create("ae", "mlp", input_shape=(13, 12, 1), hidden=(), latent_dim=3)
    made, x = model.reconstruct(images).astype("float64"), images / 255
    metrics = reconstruction_metrics(model, images)
    assert metrics["mse"] == pytest.approx(np.mean((x - made) ** 2), rel=1e-9)
    assert metrics["sse"] == pytest.approx(metrics["mse"] * 13 * 12)
    assert metrics["psnr"] == pytest.approx(np.mean([peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(x, made)]))
    assert metrics["ssim"] == pytest.approx(ssim(x, made).mean())
    assert reconstruction_metrics(model, x.astype("float32"))["mse"] == pytest.approx(metrics["mse"], rel=1e-5)


def test_vectors_and_small_images_have_no_ssim():
    for shape in ((9,), (8, 8, 1)):
        model = zoo.create("ae", "mlp", input_shape=shape, hidden=(), latent_dim=2)
        metrics = reconstruction_metrics(model, np.zeros((5, *shape), "float32"))
        assert set(metrics) == {"mse", "sse", "psnr"}
        assert all(np.isfinite(value) for value in metrics.values())


def test_pca_mse_is_scikit_learns():
    rng = np.random.default_rng(0)
    x = rng.random((500, 3)) @ rng.random((3, 36)) / 3 + 0.05 * rng.random((500, 36))
    train, test = x[:400].reshape(-1, 6, 6, 1), x[400:].reshape(-1, 6, 6, 1)
    theirs = PCA(2).fit(x[:400])
    made = np.clip(theirs.inverse_transform(theirs.transform(x[400:])), 0, 1)
    assert pca_mse(train, test, 2) == pytest.approx(np.mean((x[400:] - made) ** 2), rel=1e-9)
    with pytest.raises(zoo.ZooError, match="37"):
        pca_mse(train, test, 37)
