"""Batches: every image once an epoch, a function of the seed and the step alone."""

import numpy as np
import pytest

import zoo
from zoo.data.pipeline import fixed_batches, hold_out, training_batches


@pytest.fixture(scope="module")
def numbered():
    """37 images, each of its own number."""
    return np.tile(np.arange(37, dtype=np.uint8)[:, None, None, None], (1, 2, 4, 1))


def seen(images, first=0, steps=8, seed=0, size=5, transforms=()):
    return np.stack(list(training_batches(images, size, seed, first, steps, transforms).as_numpy_iterator()))


def test_every_epoch_sees_each_image_once_in_another_order(numbered):
    order = seen(numbered, steps=15)[..., 0, 0, 0].reshape(-1)[: 2 * 37].reshape(2, 37)
    assert all(sorted(epoch) == list(range(37)) for epoch in order)
    assert (order[0] != order[1]).mean() > 0.8 and (order[0] != np.arange(37)).mean() > 0.8


def test_a_batch_depends_on_the_seed_and_its_number_alone(numbered):
    whole = seen(numbered, steps=20, transforms=("binarize", "flip"))
    np.testing.assert_array_equal(seen(numbered, first=13, steps=7, transforms=("binarize", "flip")), whole[13:])
    assert not np.array_equal(seen(numbered, steps=20, seed=1, transforms=("binarize", "flip")), whole)


def test_binarize_draws_each_pixel_by_its_value_anew():
    images = np.full((20, 10, 10, 1), 64, np.uint8)
    drawn = seen(images, steps=40, size=20, transforms=("binarize",))
    assert drawn.dtype == np.float32 and set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(64 / 255, abs=0.01)
    assert not np.array_equal(drawn[0], drawn[1])
    for value in (0, 255):
        assert (seen(np.full((5, 3, 3, 1), value, np.uint8), steps=1, transforms=("binarize",)) == value / 255).all()


def test_flip_mirrors_half_of_the_images_left_to_right(numbered):
    images = numbered.copy()
    images[:, :, 0] += 100
    drawn = seen(images, steps=40, transforms=("flip",)).reshape(-1, 2, 4, 1)
    flipped = drawn[:, 0, 3, 0] >= 100
    assert 0.35 < flipped.mean() < 0.65
    straight = np.where(flipped[:, None, None, None], drawn[:, :, ::-1], drawn)
    np.testing.assert_array_equal(straight, images[straight[:, 0, 1, 0]])


def test_validation_batches_are_whole_and_in_order(numbered):
    batches = list(fixed_batches(numbered, 8).as_numpy_iterator())
    assert [len(b) for b in batches] == [8] * 4
    np.testing.assert_array_equal(np.concatenate(batches), numbered[:32])
    assert [len(b) for b in fixed_batches(numbered[:3], 8).as_numpy_iterator()] == [3]


def test_held_out_images_are_the_last(numbered):
    rest, held = hold_out(numbered, 7)
    np.testing.assert_array_equal(rest, numbered[:30])
    np.testing.assert_array_equal(held, numbered[30:])
    assert hold_out(numbered, 0)[0] is numbered and len(hold_out(numbered, 0)[1]) == 0
    for count in (-1, 37):
        with pytest.raises(zoo.ZooError, match=f"{count} images to hold out of 37"):
            hold_out(numbered, count)


def test_what_cannot_be_is_one_clear_error(numbered):
    with pytest.raises(zoo.ZooError, match="37 images, expected at least one batch of 38"):
        training_batches(numbered, 38, 0, 0, 1)
    with pytest.raises(zoo.ZooError, match="transform 'binarise'.*Did you mean 'binarize'"):
        training_batches(numbered, 5, 0, 0, 1, ("binarise",))
