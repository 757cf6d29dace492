"""JPEG compression inside the graph: held against real JPEG files, and what it leaves alone."""

import io

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image
from scipy.ndimage import gaussian_filter
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.corruptions.jpeg import jpeg

RNG = np.random.default_rng(0)


def made_up(channels, shape=(75, 99)):
    """An image with shapes of all sizes, uint8; neither side is a multiple of 8."""
    noise = [gaussian_filter(RNG.normal(size=(*shape, channels)), (size, size, 0)) * size for size in (1, 3, 10)]
    return np.clip(128 + 60 * sum(noise), 0, 255).astype(np.uint8)


def in_files(image, quality):
    """The image after it was in a JPEG file of Pillow."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(image.shape)


def compressed(image, quality):
    made = jpeg(quality, image.shape)(image[None].astype(np.float32) / 255, training=True)
    return 255 * ops.convert_to_numpy(made)[0]


def differences(image, quality):
    """Mean absolute differences in levels of 0..255: of ours to the file, and of the file to the image."""
    file = in_files(image, quality)
    return np.abs(compressed(image, quality) - file).mean(), np.abs(image - file.astype(float)).mean()


@pytest.mark.parametrize("channels, allowed", [(1, 0.35), (3, 0.65)])
@pytest.mark.parametrize("quality", [5, 10, 40, 75, 95])
def test_the_result_is_that_of_a_file(channels, allowed, quality):
    ours, theirs = differences(made_up(channels), quality)
    assert ours < allowed and ours < theirs / 2


@pytest.mark.parametrize("name, allowed", [("kodak/kodim05.png", 0.45), ("bsd68/test003.png", 0.2)])
def test_the_result_for_a_photograph_is_that_of_a_file(real_data, name, allowed):
    image = np.asarray(Image.open(real_data / "images" / name))
    image = image.reshape(*image.shape[:2], -1)
    for quality in (10, 20, 30, 40):
        ours, theirs = differences(image, quality)
        assert ours < allowed and ours < theirs / 15


def test_quality_differs_by_image_and_reaches_both_ends():
    keras.utils.set_random_seed(0)
    image = made_up(1, (16, 16))
    possible = {compressed(image, quality).tobytes(): quality for quality in (30, 31, 32)}
    assert len(possible) == 3
    many = 255 * ops.convert_to_numpy(jpeg((30, 32), image.shape)(np.repeat(image[None] / np.float32(255), 60, 0), training=True))
    counts = np.unique([possible[one.tobytes()] for one in many], return_counts=True)
    assert counts[0].tolist() == [30, 31, 32] and min(counts[1]) > 8


def test_nothing_happens_outside_training_or_to_flat_images():
    image = made_up(3)[None].astype(np.float32) / 255
    np.testing.assert_array_equal(jpeg(1, image.shape[1:])(image), image)
    flat = np.full((1, 9, 17, 3), 200 / 255, np.float32)
    np.testing.assert_allclose(jpeg(50, (9, 17, 3))(flat, training=True), flat, atol=1.1 / 255)


@pytest.mark.parametrize("quality", [0, 101, 10.5, (40, 10), (0, 5), (1, 2, 3), True])
def test_impossible_qualities_are_refused(quality):
    with pytest.raises(ZooError, match="JPEG quality of"):
        jpeg(quality, (8, 8, 3))


def test_a_model_learns_to_remove_what_it_compresses():
    keras.utils.set_random_seed(0)
    images = np.stack([made_up(1, (24, 24)) for _ in range(40)])
    model = tiny("artifact_removal_conv", (24, 24, 1), quality=5, filters=(16,), strides=(1,))
    degraded = np.stack([in_files(image, 5) for image in images])
    before = np.square(degraded / 255 - images / 255).mean()
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(images, epochs=30, batch_size=20, verbose=0)
    assert np.square(model.reconstruct(degraded) - images / 255).mean() < 0.97 * before
    with pytest.raises(ZooError, match=r"shape \(8, 8, 4\), expected images \(height, width, 1 or 3\)"):
        tiny("artifact_removal_conv", (8, 8, 4))


def test_batches_of_several_qualities_are_compressed_in_a_graph():
    # TensorFlow broadcasts fewer axes in a graph than elsewhere.
    layer, images = jpeg((5, 95), (16, 24, 3)), np.stack([made_up(3, (16, 24)) for _ in range(5)])
    model = keras.Sequential([keras.Input((16, 24, 3)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(images / 255.0, images[..., :1] / 255.0, batch_size=5, verbose=0)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
