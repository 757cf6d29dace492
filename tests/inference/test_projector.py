"""What TensorBoard's projector reads: its own reader finds the features, the labels and the thumbnails."""

import numpy as np
import pytest
from PIL import Image

from zoo.errors import ZooError
from zoo.inference.projector import write_projector

rng = np.random.default_rng(0)
FEATURES = rng.normal(size=(10, 3)).astype(np.float32)


def test_tensorboard_reads_it(tmp_path, images):
    config = pytest.importorskip("tensorboard.plugins.projector.projector_config_pb2")
    text_format = pytest.importorskip("google.protobuf.text_format")
    write_projector(tmp_path, FEATURES, [f"digit\t{i}" for i in range(10)], images[:10])
    read = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), config.ProjectorConfig())
    [embedding] = read.embeddings
    assert list(embedding.sprite.single_image_dim) == [8, 8]
    rows = np.loadtxt(tmp_path / embedding.tensor_path, delimiter="\t", dtype=np.float32)
    np.testing.assert_array_equal(rows, FEATURES)
    assert (tmp_path / embedding.metadata_path).read_text().splitlines() == [f"digit {i}" for i in range(10)]
    picture = np.asarray(Image.open(tmp_path / embedding.sprite.image_path))
    # Ten images lie in rows of four.
    assert picture.shape == (32, 32, 3)
    np.testing.assert_array_equal(picture[8:16, 8:16, 0], images[5][..., 0])
    assert not picture[16:, 16:].any()


def test_several_columns_have_a_head(tmp_path):
    write_projector(tmp_path, FEATURES, {"class": range(10), "score": range(10, 20)})
    assert (tmp_path / "labels.tsv").read_text().splitlines()[:2] == ["class\tscore", "0\t10"]
    assert not (tmp_path / "images.png").exists()


def test_large_images_become_thumbnails(tmp_path):
    photos = rng.random((10, 100, 50, 3), dtype=np.float32)
    write_projector(tmp_path, FEATURES, images=photos)
    assert Image.open(tmp_path / "images.png").size == (4 * 16, 4 * 32)


@pytest.mark.parametrize(
    "features, labels, images, message",
    [
        (FEATURES[0], None, None, r"shape \(3,\), expected \(N, D\)"),
        (FEATURES * np.nan, None, None, "finite"),
        (FEATURES, range(9), None, "got 9 values of 'label' for 10 features"),
        (FEATURES, None, np.zeros((9, 8, 8, 1), np.uint8), "for 10 features"),
        (FEATURES, None, np.zeros((10, 8, 8, 2), np.uint8), "expected .10, H, W, 1 or 3."),
        (np.zeros((70_000, 2)), None, np.zeros((70_000, 32, 32, 1), np.uint8), "expected at most 65536 thumbnails of 32 x 32"),
    ],
)
def test_what_does_not_fit(tmp_path, features, labels, images, message):
    with pytest.raises(ZooError, match=message):
        write_projector(tmp_path, features, labels, images)
