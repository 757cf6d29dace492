"""Holes: where they lie, how large they are, and that they are seen as what they are."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.errors import ZooError
from zoo.layers.corruptions.holes import Box, FreeForm, holes, holes_of


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def masks(layer, count=200, size=(20, 16)):
    result = ops.convert_to_numpy(layer.mask(count, size))
    assert result.shape == (count, *size, 1) and set(np.unique(result)) == {0.0, 1.0}
    return result[..., 0]


def test_a_box_is_one_rectangle_of_the_size_asked_for():
    found = masks(Box((0.25, 0.5)), 3000)
    for mask in found:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert 5 <= len(rows) <= 10 and 4 <= len(columns) <= 8
        assert mask.sum() == len(rows) * len(columns) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    # Boxes reach all of the image, its corners, too.
    assert found.any(axis=0).all() and len(np.unique(found, axis=0)) > 1500


def test_a_box_of_a_fixed_size():
    assert (masks(Box((0.5, 0.5))).sum(axis=(1, 2)) == 80).all()


def test_strokes_are_of_one_piece_and_as_wide_as_asked():
    ndimage = pytest.importorskip("scipy.ndimage")
    thin, thick = masks(FreeForm((0.1, 0.1)), size=(40, 40)), masks(FreeForm((0.3, 0.3)), size=(40, 40))
    assert all(ndimage.label(mask, np.ones((3, 3)))[1] <= 1 for mask in thick)
    assert 0.02 < thin.mean() < thick.mean() < 0.6
    # No point of a stroke lies further from its edge than half of the brush; corners where pieces join reach a little more.
    inside = max(ndimage.distance_transform_edt(np.pad(mask, 1, constant_values=1))[1:-1, 1:-1].max() for mask in thick[:50])
    assert inside > 4


def test_both_gives_boxes_and_strokes():
    found = masks(holes("both"))
    boxes = [m.sum() == m.any(axis=1).sum() * m.any(axis=0).sum() for m in found]
    assert 0.3 < np.mean(boxes) < 0.75


@pytest.mark.parametrize("kind", ["box", "free_form", "both"])
def test_degraded_in_training_only_and_recognized_as_holes(kind):
    x = np.random.default_rng(0).uniform(0.1, 1, (30, 12, 12, 3)).astype("float32")
    layer = holes(kind)
    np.testing.assert_array_equal(layer(x), x)
    degraded = ops.convert_to_numpy(layer(x, training=True))
    seen = ops.convert_to_numpy(holes_of(degraded))
    assert 0 < seen.mean() < 0.6
    np.testing.assert_array_equal(degraded, np.where(seen, 0, x))


@pytest.mark.parametrize(
    "arguments, message",
    [(("boxes",), "'boxes', expected one of box, free_form, both. Did you mean 'box'"), (("box", 0), "hole size of 0"),
     (("box", (0.5, 0.2)), "hole size"), (("box", 2.0), r"fraction of the image's side in \(0, 1\]")],
)  # fmt: skip
def test_impossible_holes_are_refused(arguments, message):
    with pytest.raises(ZooError, match=message):
        holes(*arguments)
