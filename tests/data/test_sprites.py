"""The rendered data set: its labels are what can be read off its pictures, and its splits are what they are said to be."""

import itertools

import numpy as np
import pytest

from zoo.data import sources, sprites
from zoo.errors import ZooError

# Every shape, scale and orientation, at the same place.
FORMS = np.array([[*form, 10, 20] for form in itertools.product(*map(range, sprites.SIZES[:3]))])


@pytest.fixture(scope="module")
def forms():
    """White pixels of `FORMS`, float (720, 64, 64)."""
    return sprites.render(FORMS)[..., 0] / 255.0


def value(name, factors):
    return np.asarray(sprites.FACTORS[name])[factors[:, list(sprites.FACTORS).index(name)]]


def centres(images):
    """Mean place (x, y) of the white of each."""
    places = np.arange(64)
    area = images.sum(axis=(1, 2))
    return (images.sum(axis=1) @ places) / area, (images.sum(axis=2) @ places) / area


def test_images_are_black_and_white():
    images = sprites.render(FORMS[::50])
    assert images.dtype == np.uint8 and images.shape == (15, 64, 64, 1) and images.flags.writeable
    assert set(np.unique(images)) == {0, 255}


def test_the_order_is_lexicographic():
    assert sprites.COUNT == 737_280 and sprites.SIZES == (3, 6, 40, 32, 32)
    ends = sprites.factors(np.array([0, 1, 32, 1024, 40 * 1024, 6 * 40 * 1024, sprites.COUNT - 1]))
    wanted = np.vstack([np.zeros(5, int), np.eye(5, dtype=int)[::-1], np.array(sprites.SIZES) - 1])
    np.testing.assert_array_equal(ends, wanted)


def test_no_two_forms_are_the_same_and_places_only_move_them(forms):
    assert len(np.unique(forms.reshape(len(forms), -1), axis=0)) == len(forms)
    some = FORMS[::37].copy()
    for x, y in ((0, 0), (31, 31), (0, 31), (17, 4)):
        some[:, 3:] = x, y
        moved = np.roll(forms[::37], (y - 20, x - 10), axis=(1, 2))
        np.testing.assert_array_equal(sprites.render(some)[..., 0] / 255, moved)
        # Nothing was rolled over an edge: the whole shape is in the picture.
        assert np.all(np.abs(np.array(centres(moved)) - (16 + np.array([[x], [y]]))) < 1.5)


def test_the_centre_of_mass_is_at_x_and_y(forms):
    x, y = centres(forms)
    assert np.abs(x - value("x", FORMS)).max() < 0.4 and np.abs(y - value("y", FORMS)).max() < 0.4
    assert abs((x - value("x", FORMS)).mean()) < 0.02 and abs((y - value("y", FORMS)).mean()) < 0.02


def test_the_area_grows_with_the_square_of_the_scale(forms):
    area = forms.sum(axis=(1, 2))
    full = {"square": 2.0, "ellipse": np.pi / 2, "heart": 3.662 / 1.29348**2}
    wanted = np.array([full[shape] for shape in value("shape", FORMS)]) * (15.5 * value("scale", FORMS)) ** 2
    np.testing.assert_allclose(area, wanted, rtol=0.08)
    by_scale = area.reshape(3, 6, 40).mean(axis=2)
    np.testing.assert_allclose(by_scale, wanted.reshape(3, 6, 40).mean(axis=2), rtol=0.01)


def apart(angle, other, period):
    """Distance of two angles that mean the same every `period`."""
    return np.abs((angle - other + period / 2) % period - period / 2)


def from_centre(factors):
    """Every pixel's place as seen from the centre, right + i down, (N, 64, 64)."""
    down, across = np.mgrid[:64, :64]
    return (across[None] - value("x", factors)[:, None, None]) + 1j * (down[None] - value("y", factors)[:, None, None])


def angular_moment(images, factors, order):
    """Direction of the white's moment of that order, in radians, clockwise from the right; it repeats every 2π / order."""
    return np.angle((images * from_centre(factors) ** order).sum(axis=(1, 2))) / order


def test_the_orientation_is_that_of_the_moments(forms):
    angle = value("orientation", FORMS)
    ellipses, squares, hearts = (np.flatnonzero(FORMS[:, 0] == shape) for shape in (1, 0, 2))
    # The long axis lies along the orientation.
    found = angular_moment(forms[ellipses], FORMS[ellipses], 2)
    assert apart(found, angle[ellipses], np.pi).max() < 0.06
    # The corners lie an eighth of a turn from it.
    found = angular_moment(forms[squares], FORMS[squares], 4)
    assert apart(found, angle[squares] + np.pi / 4, np.pi / 2).max() < 0.09
    # The tip points a quarter clockwise of it: down for a heart that is not turned. Of a third order, so that the lobes count.
    found = angular_moment(forms[hearts], FORMS[hearts], 3)
    assert apart(found, angle[hearts] + np.pi / 2, 2 * np.pi / 3).max() < 0.2


def test_a_heart_that_is_not_turned_stands_on_its_tip(forms):
    heart = forms[np.flatnonzero((FORMS[:, :3] == (2, 5, 0)).all(axis=1))[0]]
    rows = np.flatnonzero(heart.any(axis=1))
    assert heart[rows[-1]].sum() <= 5 and heart[rows[0] : rows[0] + 4].sum() > 20
    np.testing.assert_allclose(heart.sum(axis=0)[12:42], heart.sum(axis=0)[12:42][::-1], atol=6)


def test_a_turn_is_a_whole_one(forms):
    """A third of a turn leaves a heart's third order as it is, but not its notch: there, opposite the tip, it has least white."""
    assert list(sprites.FACTORS["orientation"]) == sorted(set(sprites.FACTORS["orientation"]))
    assert 0 == sprites.FACTORS["orientation"][0] < sprites.FACTORS["orientation"][-1] < 2 * np.pi
    hearts = np.flatnonzero(FORMS[:, 0] == 2)
    direction = np.angle(from_centre(FORMS[hearts]))
    notch = value("orientation", FORMS[hearts]) - np.pi / 2
    wedges = [apart(direction, (notch + turn)[:, None, None], 2 * np.pi) < 0.55 for turn in (0, 2 * np.pi / 3, -2 * np.pi / 3)]
    white = np.array([(forms[hearts] * wedge).sum(axis=(1, 2)) for wedge in wedges])
    assert np.all(white[0] < white[1]) and np.all(white[0] < white[2])


def test_rendering_is_a_function_of_the_factors_alone():
    chosen = sprites.factors(np.random.default_rng(0).integers(sprites.COUNT, size=300))
    images = sprites.render(chosen)
    np.testing.assert_array_equal(sprites.render(chosen[::-1])[::-1], images)
    for i in (0, 7, 299):
        np.testing.assert_array_equal(sprites.render(chosen[i : i + 1])[0], images[i])
    images[:] = 7
    assert sprites.render(chosen).max() == 255, "what a caller does to his images is his own affair"


@pytest.mark.parametrize(
    "factors, message",
    [
        ([[0, 0, 0, 0]], "shape \\(1, 4\\)"),
        ([0, 0, 0, 0, 0], "shape \\(5,\\)"),
        ([[0.0, 0, 0, 0, 0]], "dtype float64"),
        ([[3, 0, 0, 0, 0]], "out of range"),
        ([[0, 0, 0, 0, -1]], "out of range"),
    ],
)
def test_factors_that_are_none(factors, message):
    with pytest.raises(ZooError, match=message):
        sprites.render(np.array(factors))


def test_the_splits_share_nothing_and_each_has_all_values():
    train, test = sprites.split_indices("train"), sprites.split_indices("test")
    assert (len(train), len(test)) == (250_000, 10_100)
    assert len(np.unique(train)) == len(train) and not np.intersect1d(train, test).size
    for split in (train, test, train[-5000:]):
        for column, size in zip(sprites.factors(split).T, sprites.SIZES):
            share = np.bincount(column, minlength=size) / len(split) * size
            assert len(share) == size and 0.7 < share.min() < share.max() < 1.3
    np.testing.assert_array_equal(sprites.split_indices("train"), train)
    with pytest.raises(ZooError, match="no split 'tset', expected train or test. Did you mean 'test'"):
        sprites.split_indices("tset")


def test_it_loads_by_name():
    data = sources.load("sprites", "test")
    assert (data.name, data.version) == ("sprites", "1.0.0") and data.images.shape == (10_100, 64, 64, 1)
    factors = sprites.factors(np.array([int(i) for i in data.ids]))
    np.testing.assert_array_equal(sprites.render(factors[5000:5010]), data.images[5000:5010])
    np.testing.assert_array_equal(data.labels, factors[:, 0])
    assert data.class_names == ["square", "ellipse", "heart"]
    stream = sources.stream("sprites", 4000, None, split="test")
    batches = list(stream)
    assert stream.total == 10_100 and [len(ids) for ids, _ in batches] == [4000, 4000, 2100] and not stream.skipped
    assert [i for ids, _ in batches for i in ids] == data.ids
    np.testing.assert_array_equal(np.concatenate([images for _, images in batches]), data.images)


def test_a_folder_of_that_name_goes_first(tmp_path, monkeypatch):
    assert sources.kind_of("sprites") == "sprites"
    (tmp_path / "sprites").mkdir()
    monkeypatch.chdir(tmp_path)
    assert sources.kind_of("sprites") == "folder"
