"""What README says: its Python runs, its commands parse, the pictures and links it shows are there."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo.cli.main import main
from zoo.data.writers import ImageFolder
from zoo.pretrained import manifest
from zoo.publishing.readme import rendered

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
# That of the public models, which have to be fetched, runs in test_convert with others in their place.
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "hf://" not in block]


def names(block):
    """What a block takes for granted: images of the size that its weight set wants, digits, labels."""
    rng = np.random.default_rng(0)
    shape = (32, 32, 3) if "cifar10" in block else (28, 28, 1)
    images, digits = (rng.integers(0, 256, (20, *s), dtype=np.uint8) for s in (shape, (28, 28, 1)))
    photos = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    holes = photos * (np.indices((32, 32)).sum(axis=0) > 20).astype(np.uint8)[..., None]
    known = {"keras": keras, "images": images, "digits": digits, "labels": rng.integers(0, 10, 20)}
    known |= {"normal_digits": digits, "table": rng.normal(size=(20, 6))}
    known |= {"photographs": rng.integers(0, 256, (4, 96, 64, 3), dtype=np.uint8)}
    return {**known, "photos": photos, "photos_with_black_holes": holes}


def test_there_are_blocks():
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_python_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ImageFolder("photos") as folder:
        folder.write(np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8))
    code = block if "import zoo" in block else f"import zoo\n{block}"
    exec(compile(code, "README.md", "exec"), scope := names(block))
    if "features" in scope:
        assert scope["features"].shape[0] == 20 and np.isfinite(scope["features"]).all()


def test_features_are_the_same_from_either_kind_of_images():
    import zoo

    images = names("")["images"]
    encoder = zoo.load_encoder("ae_conv.mnist")
    np.testing.assert_allclose(encoder.predict(images, verbose=0), encoder.predict(images / 255, verbose=0), rtol=1e-4, atol=1e-5)


def test_its_tables_are_those_of_the_manifest():
    assert rendered(ROOT, manifest.read(ROOT / "weights")) == TEXT, "render it again: python -m zoo.publishing.readme"


def test_what_it_links_to_exists():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_first_command_ends_in_features(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = next(line for line in TEXT.splitlines() if "/zoo sample" in line)
    steps = [step.split("/zoo ")[1].split() for step in line.split("&&") if "/zoo " in step]
    assert [step[0] for step in steps] == ["sample", "encode"]
    for step in steps:
        assert main(step) == 0
    with np.load("features.npz") as file:
        assert file["features"].shape[0] == len(file["ids"]) == 64
