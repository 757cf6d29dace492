"""Images with planted defects, reproducible by a seed, and the masks of the defects: test data for anomaly maps."""

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image import unit_array

KINDS = ("scratch", "blob", "swap", "blur")
# A pixel belongs to a defect if a channel changed by more than this number of levels.
_VISIBLE = 12
# Fraction of the pixels that a defect has at least, and number of places tried for it.
_LEAST, _TRIES = 0.005, 30


def plant(images, kinds=KINDS, seed=0):
    """Plant one defect in each of the images (N, H, W, C).

    The kinds take turns:

    - "scratch": a straight line of 1/30 of the shorter side, at least one pixel wide, black or white;
    - "blob": an ellipse with semi-axes from 1/16 to 1/6 of the sides, of a random color, mixed with the image by half or more;
    - "swap": two squares of 1/5 to 1/3 of the shorter side, from different places of the image, exchanged;
    - "blur": a square of 1/4 to 1/2 of the shorter side, whose pixels are averaged over 1/10 of that side in both directions, at
      least 3 pixels.

    A defect that is too small to see where it was placed, such as blur of a plain area, is placed elsewhere; after 30 tries, the
    image gets a blob.

    Returns:
        Images with defects, uint8, and masks (N, H, W), bool: the pixels that changed visibly, by more than 12 of 255 levels.

    Raises:
        ZooError: if a kind is unknown, or a side has fewer than 8 pixels.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ZooError(f"got the defects {', '.join(map(repr, kinds))}, expected some of {', '.join(KINDS)}.")
    if min(images.shape[1:3]) < 8:
        raise ZooError(f"got images of {images.shape[1]} x {images.shape[2]}, expected sides of at least 8 pixels.")
    made = np.round(unit_array(images) * 255).astype(np.uint8)
    masks = np.zeros(made.shape[:3], bool)
    for i, clean in enumerate(made.copy()):
        # A generator for each image, so that its defect does not depend on the others.
        rng = np.random.default_rng((seed, i))
        made[i], masks[i] = _planted(clean, kinds[i % len(kinds)], rng)
    return made, masks


def _planted(clean, kind, rng):
    """An image with a visible defect, and its mask."""
    for attempt in range(2 * _TRIES):
        plant_one = _PLANTS[kind if attempt < _TRIES else "blob"]
        found = np.round(np.clip(plant_one(clean.astype(np.float32), rng), 0, 255)).astype(np.uint8)
        mask = (np.abs(found.astype(int) - clean) > _VISIBLE).any(axis=-1)
        if mask.mean() >= _LEAST:
            break
    return found, mask


def _scratch(image, rng):
    height, width = image.shape[:2]
    ends = rng.uniform(0, 1, (2, 2)) * (height, width)
    rows, columns = np.mgrid[:height, :width] + 0.5
    (y, x), (dy, dx) = ends[0], ends[1] - ends[0]
    along = np.clip(((rows - y) * dy + (columns - x) * dx) / max(dy * dy + dx * dx, 1e-6), 0, 1)
    distance = np.hypot(rows - y - along * dy, columns - x - along * dx)
    thickness = max(1.0, min(height, width) / 30)
    color = 255.0 * rng.integers(2)
    # The edge of the line is antialiased over one pixel.
    opacity = np.clip(thickness / 2 + 0.5 - distance, 0, 1)[..., None]
    return image * (1 - opacity) + color * opacity


def _blob(image, rng):
    height, width, channels = image.shape
    center = rng.uniform(0, 1, 2) * (height, width)
    semi_axes = rng.uniform(1 / 16, 1 / 6, 2) * (height, width)
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside = ((rows - center[0]) / semi_axes[0]) ** 2 + ((columns - center[1]) / semi_axes[1]) ** 2 < 1
    opacity = rng.uniform(0.5, 1) * inside[..., None]
    return image * (1 - opacity) + rng.uniform(0, 255, channels) * opacity


def _swap(image, rng):
    side = _side(image, 1 / 5, 1 / 3, rng)
    found = image.copy()
    # Two squares that do not overlap may not be found at once.
    for _ in range(_TRIES):
        (a, b), (c, d) = (_corner(image, side, rng) for _ in range(2))
        if max(abs(a - c), abs(b - d)) >= side:
            found[a : a + side, b : b + side] = image[c : c + side, d : d + side]
            found[c : c + side, d : d + side] = image[a : a + side, b : b + side]
            break
    return found


def _blur(image, rng):
    side = _side(image, 1 / 4, 1 / 2, rng)
    a, b = _corner(image, side, rng)
    radius = max(3, round(min(image.shape[:2]) / 10)) // 2
    total = np.zeros((side, side, image.shape[-1]), np.float32)
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    for i in range(2 * radius + 1):
        for j in range(2 * radius + 1):
            total += padded[a + i : a + i + side, b + j : b + j + side]
    found = image.copy()
    found[a : a + side, b : b + side] = total / (2 * radius + 1) ** 2
    return found


def _side(image, least, most, rng):
    return max(2, round(rng.uniform(least, most) * min(image.shape[:2])))


def _corner(image, side, rng):
    return tuple(int(rng.integers(length - side + 1)) for length in image.shape[:2])


_PLANTS = {"scratch": _scratch, "blob": _blob, "swap": _swap, "blur": _blur}
