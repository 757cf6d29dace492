"""Python of README and the documentation, and the names that it takes for granted."""

import re
from pathlib import Path

import keras
import numpy as np

from zoo.data.writers import ImageFolder

ROOT = Path(__file__).parents[1]


def python_of(page):
    """The blocks of Python of a page. Those that fetch public models run in test_convert, with others in their place."""
    text = page.read_text(encoding="utf-8")
    return [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "hf://" not in block]


def run(block, page):
    """Run a block in the current folder, which gets the folder `photos`; returns its names."""
    with ImageFolder("photos") as folder:
        folder.write(np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8))
    code = block if "import zoo" in block or "from zoo" in block else f"import zoo\n{block}"
    exec(compile(code, str(page), "exec"), scope := names(block))
    return scope


def names(block):
    """Images of the size that the block's weight set takes, digits, labels and so on."""
    rng = np.random.default_rng(0)
    shape = (32, 32, 3) if "cifar10" in block else (28, 28, 1)
    images, digits = (rng.integers(0, 256, (20, *s), dtype=np.uint8) for s in (shape, (28, 28, 1)))
    photos = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    holes = photos * (np.indices((32, 32)).sum(axis=0) > 20).astype(np.uint8)[..., None]
    known = {"keras": keras, "images": images, "digits": digits, "labels": np.arange(20) % 10}
    known |= {"normal_digits": digits, "table": rng.normal(size=(20, 6))}
    known |= {"photographs": rng.integers(0, 256, (4, 96, 64, 3), dtype=np.uint8)}
    known |= {"normal": np.sin(np.arange(300) / 5), "new": np.sin(np.arange(200) / 5)}
    return {**known, "photos": photos, "photos_with_black_holes": holes}
