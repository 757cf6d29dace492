"""Heat maps: one scale for a run, the names of the images, and nothing overwritten."""

import numpy as np
import pytest
from PIL import Image

from zoo.anomaly.heat_maps import HeatMaps, over
from zoo.errors import ZooError

IMAGES = np.zeros((4, 6, 5, 3), np.uint8)
MAPS = np.arange(4 * 6 * 5, dtype=np.float32).reshape(4, 6, 5)
BATCHES = [(["a.png", "sub/b.jpg"], IMAGES[:2]), (["c.png", "d.png"], IMAGES[2:])]


def written(path, maps=MAPS):
    with HeatMaps(path, "error") as drawn:
        for start in (0, 2):
            drawn.add(maps[start : start + 2])
        drawn.draw(BATCHES)
    return drawn


def test_all_pictures_have_the_same_scale(tmp_path):
    drawn = written(tmp_path / "maps")
    assert (drawn.count, drawn.low, drawn.high) == (4, 0, 119)
    names = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png"))
    assert names == ["maps.legend.png", *(f"maps/{name}" for name in ("a.png", "c.png", "d.png", "sub/b.jpg.png"))]
    pictures = [np.asarray(Image.open(tmp_path / "maps" / name), int) for name in ("a.png", "sub/b.jpg.png", "c.png", "d.png")]
    # The sum of a color map whose lightness increases increases, too.
    brightness = np.concatenate([picture.sum(axis=-1).ravel() for picture in pictures])
    assert np.polyfit(np.arange(120), brightness, 1)[0] > 0 and brightness[0] < 20 and brightness[-1] > 400
    np.testing.assert_allclose(pictures[0][0, 0] / 0.6, np.array([0.0015, 0.0005, 0.0139]) * 255, atol=1)


def test_the_image_is_seen_below_the_colors():
    flat = np.zeros((1, 2, 2), np.float32)
    black, white = (over(np.full((1, 2, 2, 1), level, np.uint8), flat, 0.0, 1.0) for level in (0, 255))
    np.testing.assert_allclose(white - black, 0.4, atol=1e-6)


def test_equal_maps_are_no_division_by_zero(tmp_path):
    assert written(tmp_path / "maps", np.ones_like(MAPS)).count == 4


def test_nothing_is_overwritten(tmp_path):
    written(tmp_path / "maps")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.png")}
    with pytest.raises(ZooError, match="maps exists, and heat maps do not overwrite anything"):
        HeatMaps(tmp_path / "maps", "error")
    (tmp_path / "other.legend.png").write_bytes(b"mine")
    with pytest.raises(ZooError, match="other.legend.png exists"):
        HeatMaps(tmp_path / "other", "error")
    assert {p: p.read_bytes() for p in before} == before


def test_after_an_error_nothing_is_left(tmp_path):
    with pytest.raises(RuntimeError), HeatMaps(tmp_path / "maps", "error") as drawn:
        drawn.add(MAPS[:2])
        drawn.draw(BATCHES[:1])
        raise RuntimeError
    assert not list(tmp_path.iterdir())
