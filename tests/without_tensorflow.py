"""Training, encoding, sampling and fine-tuning in a process that has JAX and no TensorFlow; run by test_without_tensorflow.py.

Any attempt to import TensorFlow raises ImportError, as where it is not installed.
"""

import os
import sys
from importlib.abc import MetaPathFinder

os.environ["KERAS_BACKEND"] = "jax"


class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_datasets", "tf2onnx"):
            raise ImportError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, Blocked())

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from tiny_recipe import tiny_recipe  # noqa: E402

import zoo  # noqa: E402
from zoo.cli.main import main  # noqa: E402
from zoo.finetuning.finetune import Settings, finetune  # noqa: E402
from zoo.samplers import PixelCNNSampler  # noqa: E402
from zoo.training.fit import fit  # noqa: E402


def run(folder):
    folder = Path(folder)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 8, 8, 1)).astype(np.uint8)
    labels = np.arange(32) % 2

    recipe = tiny_recipe(epochs=1)
    trained, checkpoint = fit(recipe, images, folder / "run")
    again, resumed = fit(recipe, images, folder / "run")
    assert checkpoint.epoch == resumed.epoch == 1
    np.testing.assert_array_equal(trained.encode(images), again.encode(images))

    zoo.save(trained, folder / "model")
    np.testing.assert_allclose(zoo.extract_features(folder / "model", images), trained.encode(images), rtol=1e-5, atol=1e-5)

    settings = Settings(epochs=1, batch_size=8, mixup=0.2, cutmix=0.5, transforms=("flip",))
    classifier, report = finetune(trained, images, labels, ["a", "b"], folder / "tuned", settings)
    assert report["epochs"] == 1 and classifier.classify(images).shape == (32, 2)

    sampler = PixelCNNSampler(layers=1, filters=4, epochs=1, batch_size=8)
    grids = sampler.fit_indices(rng.integers(0, 3, (16, 2, 2)), 3).draw_indices(2, seed=0)
    assert grids.shape == (2, 2, 2) and grids.max() < 3

    np.save(folder / "images.npy", images)
    model, source = str(folder / "model"), str(folder / "images.npy")
    assert main(["encode", model, source, "--output", str(folder / "rows.npy")]) == 0
    for argv in (
        ["encode", model, "mnist", "--output", str(folder / "other.npy")],
        ["export", model, "--format", "onnx", "--output", str(folder / "a.onnx")],
    ):
        assert main(argv) == 2
    assert "tensorflow" not in sys.modules
    print("done")


if __name__ == "__main__":
    run(sys.argv[1])
