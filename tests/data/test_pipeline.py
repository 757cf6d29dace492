"""Batch number k is a function of the seed and k alone, and every epoch a permutation."""

import numpy as np
import pytest

from zoo.data import pipeline
from zoo.data.fingerprint import fingerprint
from zoo.data.pipeline import fixed_batches, training_batches
from zoo.data.splitting import split
from zoo.data.transforms import binarize
from zoo.errors import ZooError

# Each image tells its number.
NUMBERED = np.arange(23, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)


def batches(images=NUMBERED, batch_size=5, seed=0, first=0, steps=14, transforms=()):
    return np.stack(list(training_batches(images, batch_size, seed, first, steps, transforms).as_numpy_iterator()))


def without_tensorflow(monkeypatch, *arguments, **options):
    """What a machine without it gets, as `fit` takes it: a list of tuples of one."""
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "installed", lambda name: False)
        return list(training_batches(*arguments, **options))


@pytest.mark.parametrize("transforms", [(), ("flip", "binarize"), ("crop",)], ids=str)
def test_without_tensorflow_batches_are_as_much_of_a_function_of_seed_and_number(monkeypatch, transforms):
    def some(seed, first, images=NUMBERED):
        return np.stack([x for (x,) in without_tensorflow(monkeypatch, images, 5, seed, first, 14 - first, transforms)])

    whole = some(0, 0)
    np.testing.assert_array_equal(some(0, 4), whole[4:])
    assert np.any(some(1, 0) != whole)
    if "binarize" in transforms:
        assert set(np.unique(whole)) <= {0.0, 1.0} and whole.dtype == np.float32
        return
    # 70 numbers are three permutations and a rest, the border of a batch wherever it falls.
    order = whole[..., 0, 0, 0].reshape(-1)[:69].reshape(3, 23)
    assert all(sorted(epoch) == list(range(23)) for epoch in order) and len({tuple(epoch) for epoch in order}) == 3


def test_without_tensorflow_transforms_do_what_they_say(monkeypatch):
    image = np.arange(16 * 16, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = np.repeat(image, 400, axis=0)
    [(flipped,)] = without_tensorflow(monkeypatch, images, 400, 0, 0, 1, ("flip",))
    mirrored = (flipped == image[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((flipped == image).all(axis=(1, 2, 3)) ^ mirrored).all() and 0.4 < mirrored.mean() < 0.6
    [(moved,)] = without_tensorflow(monkeypatch, images, 400, 0, 0, 1, ("crop",))
    padded = np.pad(image[0], ((2, 2), (2, 2), (0, 0)), mode="reflect")
    places = [padded[i : i + 16, j : j + 16] for i in range(5) for j in range(5)]
    found = [[np.array_equal(x, place) for place in places] for x in moved]
    assert (np.sum(found, axis=1) == 1).all() and np.any(found, axis=0).all()
    [(turned,)] = without_tensorflow(monkeypatch, images, 400, 0, 0, 1, ("dihedral",))
    assert symmetries(turned, image[0]) == EIGHT
    with pytest.raises(ZooError, match="'affine' requires TensorFlow"):
        without_tensorflow(monkeypatch, images, 4, 0, 0, 1, ("affine",))


def test_without_tensorflow_a_share_of_every_batch_has_labels(monkeypatch):
    labels = np.where(np.arange(23) < 4, np.arange(23), -1)
    for (batch,) in without_tensorflow(monkeypatch, NUMBERED, 5, 0, 0, 9, (), labels, 0.4):
        numbers = batch["images"][:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(batch["labels"], labels[numbers])
        assert len(numbers) == 5 and (numbers[:2] < 4).all()


@pytest.mark.parametrize("first", (1, 4, 13))
@pytest.mark.parametrize("transforms", ((), ("flip", "binarize"), ("affine",), ("crop",)))
def test_a_run_goes_on_from_any_step(first, transforms):
    whole = batches(transforms=transforms)
    np.testing.assert_array_equal(batches(first=first, steps=14 - first, transforms=transforms), whole[first:])


def test_every_epoch_is_a_new_permutation():
    order = batches(steps=3 * 23)[..., 0, 0, 0].reshape(-1, 23)
    assert len(order) == 15
    for epoch in order:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(23))
    assert len({tuple(epoch) for epoch in order}) == len(order)


def test_an_image_stays_whole():
    found = batches()
    np.testing.assert_array_equal(found, found[..., :1, :1, :] * np.ones_like(found))
    assert found.dtype == np.uint8


def test_the_seed_decides_the_order():
    np.testing.assert_array_equal(batches(seed=3), batches(seed=3))
    assert (batches(seed=3) != batches(seed=4)).any()


def test_all_batches_have_one_static_shape():
    assert training_batches(NUMBERED, 5, 0, 0, 2).element_spec.shape == (5, 2, 3, 1)


def test_binarize_draws_each_pixel_by_its_value():
    value = 64 / 255
    for images in (np.full((8, 4, 4, 1), 64, np.uint8), np.full((8, 4, 4, 1), value, np.float32)):
        drawn = batches(images, batch_size=8, steps=200, transforms=("binarize",))
        assert drawn.dtype == np.float32
        assert set(np.unique(drawn)) == {0.0, 1.0}
        # Five standard errors of the mean of that many draws.
        assert abs(drawn.mean() - value) < 5 * np.sqrt(value * (1 - value) / drawn.size)
        assert (drawn[0] != drawn[1]).any()


def test_binarize_keeps_black_and_white():
    images = np.zeros((4, 2, 2, 1), np.uint8)
    images[:, 0] = 255
    drawn = batches(images, batch_size=4, steps=50, transforms=("binarize",))
    assert (drawn[:, :, 0] == 1).all() and (drawn[:, :, 1] == 0).all()


def test_flip_mirrors_about_half_of_the_images():
    images = np.zeros((10, 1, 2, 1), np.uint8)
    images[..., 0, :] = 7
    seen = batches(images, batch_size=10, steps=100, transforms=("flip",)).reshape(-1, 2)
    assert {tuple(row) for row in seen} == {(7, 0), (0, 7)}
    # Five standard errors of a thousand fair coins.
    assert abs((seen[:, 1] == 7).mean() - 0.5) < 5 * 0.5 / np.sqrt(1000)


# The rotations and reflections of a square, as (times rotated by 90 degrees, whether then mirrored).
EIGHT = {(times, mirrored) for times in range(4) for mirrored in (False, True)}


def symmetries(images, image):
    """The symmetries of a square that turn `image` into each of `images`; each image must be one of them."""
    known = {(k, m): np.rot90(image, k)[:, ::-1] if m else np.rot90(image, k) for k, m in EIGHT}
    found = [[key for key, made in known.items() if np.array_equal(x, made)] for x in images]
    assert all(len(keys) == 1 for keys in found)
    return {keys[0] for keys in found}


def test_dihedral_gives_the_eight_symmetries_of_a_square():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    seen = batches(np.repeat(image[None], 10, axis=0), batch_size=10, steps=20, transforms=("dihedral",))
    assert symmetries(seen.reshape(-1, 4, 4, 1), image) == EIGHT
    with pytest.raises(ZooError, match=r"rotates square images, got images of shape \(2, 3, 1\)"):
        batches(transforms=("dihedral",))


def centroids(images):
    """Centres of mass (N, 2), right and down of the middle, of images (N, H, W, 1)."""
    mass = images[..., 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    down, right = (np.arange(side) - (side - 1) / 2 for side in images.shape[1:3])
    return np.stack([mass.sum(axis=1) @ right, mass.sum(axis=2) @ down], axis=1)


def test_crop_moves_by_up_to_an_eighth_and_mirrors_what_comes_in():
    image = np.arange(16 * 24, dtype=np.float32).reshape(1, 16, 24, 1) / 400
    seen = batches(np.repeat(image, 2, axis=0), batch_size=2, steps=300, transforms=("crop",)).reshape(-1, 16, 24, 1)
    padded = np.pad(image[0], ((2, 2), (3, 3), (0, 0)), mode="reflect")
    every = {padded[i : i + 16, j : j + 24].tobytes() for i in range(5) for j in range(7)}
    assert {x.tobytes() for x in seen} == every


def test_affine_moves_half_of_the_images_about_their_middle():
    dots = np.zeros((2, 31, 31, 1), np.uint8)
    dots[0, 15, 15] = dots[1, 15, 25] = 255
    seen = batches(dots, batch_size=2, steps=500, transforms=("affine",)).reshape(-1, 31, 31, 1)
    assert seen.dtype == np.float32 and seen.min() >= 0 and seen.max() <= 1
    where = centroids(seen)
    middle = np.linalg.norm(where, axis=1) < 5
    assert np.abs(where[middle]).max() < 0.2, "the middle stays"
    right, down = where[~middle].T
    moved = np.abs(right - 10) + np.abs(down) > 1e-6
    # Five standard errors of five hundred fair coins.
    assert len(moved) == 500 and abs(moved.mean() - 0.5) < 5 * 0.5 / np.sqrt(500)
    # A turn of 10 degrees takes the dot 1.7 up or down, a scale of a tenth 1.1 to the side; half a pixel for the grid.
    assert 8.5 < right.min() < 9.5 and 10.5 < right.max() < 12
    assert -2.5 < down.min() < -1 and 1 < down.max() < 2.5


def test_vectors_go_through():
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    found = batches(vectors, batch_size=3, steps=2).reshape(6, 4)
    assert {row.tobytes() for row in found} == {row.tobytes() for row in vectors}


def test_bad_requests():
    with pytest.raises(ZooError, match="23 images, expected at least one batch of 24"):
        training_batches(NUMBERED, 24, 0, 0, 1)
    with pytest.raises(ZooError, match="'binarise'.*Did you mean 'binarize'"):
        training_batches(NUMBERED, 5, 0, 0, 1, ("binarise",))


def test_validation_keeps_the_order_and_whole_batches():
    found = list(fixed_batches(NUMBERED, 5).as_numpy_iterator())
    assert len(found) == 4
    np.testing.assert_array_equal(np.concatenate(found), NUMBERED[:20])
    assert fixed_batches(NUMBERED, 100).element_spec.shape == (23, 2, 3, 1)


def test_a_share_of_every_class_is_held_out():
    labels = np.repeat([0, 1, 2], [50, 10, 2])
    train, held = split(62, labels, 0.2, seed=0)
    assert sorted([*train, *held]) == list(range(62))
    assert np.bincount(labels[held]).tolist() == [10, 2, 1]
    np.testing.assert_array_equal(split(62, labels, 0.2, seed=0)[1], held)
    assert np.any(split(62, labels, 0.2, seed=1)[1] != held)
    with pytest.raises(ZooError, match="one image of class 1, expected at least two of each:"):
        split(3, [0, 0, 1], 0.5, seed=0)


def test_without_classes_a_share_of_all_is_held_out_from_everywhere():
    train, held = split(1000, None, 0.1, seed=0)
    assert sorted([*train, *held]) == list(range(1000)) and len(held) == 100
    assert np.histogram(held, bins=4, range=(0, 1000))[0].min() > 10
    with pytest.raises(ZooError, match="got one image, expected at least two:"):
        split(1, None, 0.5, seed=0)


def test_a_fingerprint_tells_arrays_apart():
    x = np.arange(6, dtype=np.uint8)
    others = (x + 1, x.astype(np.int16), x.reshape(2, 3), x[::-1], x[:0], None)
    assert len({fingerprint(array) for array in (x, *others)}) == 7
    assert fingerprint(x) == fingerprint(x.copy()) == fingerprint(np.arange(12, dtype=np.uint8)[:6])


def test_binarize_for_evaluation_is_held_still_by_its_seed():
    levels = np.full((50, 4, 4, 1), 64, np.uint8)
    drawn = binarize(levels, 3)
    assert drawn.dtype == np.float32 and drawn.shape == levels.shape and set(np.unique(drawn)) == {0.0, 1.0}
    assert abs(drawn.mean() - 64 / 255) < 5 * np.sqrt(64 / 255 * (1 - 64 / 255) / drawn.size)
    np.testing.assert_array_equal(binarize(levels, 3), drawn)
    np.testing.assert_array_equal(binarize(levels / np.float32(255), 3), drawn)
    assert (binarize(levels, 4) != drawn).any()
