"""From a trained model to a weight set: weight file, measurements, manifest entry, card and figures."""

import csv
import io
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

import zoo
from zoo.evaluation.measurement import measure
from zoo.modalities.image import image_file_shape
from zoo.models import registry
from zoo.pretrained import arrays, manifest
from zoo.publishing.card import write_card
from zoo.publishing.pictures import draws_images, latent_plane, samples_grid, side_by_side
from zoo.utils.devices import cores
from zoo.utils.files import write_atomically

_REFERENCE = {"seed": 0, "n": 4, "tolerance": 1e-3}

# Licenses of the data sets that recipes use by name: TFDS has no machine-readable license for MNIST and CIFAR-10.
_DATA_LICENCES = {
    "mnist": "CC BY-SA 3.0",
    "cifar10": "none stated by its authors; published for research use",
    "sprites": "Apache-2.0: rendered by the zoo",
    "photos": "none stated by its authors; published for research use",
}


def publish(recipe, model, seconds, epochs, splits, drawn=False, data_dir=None, output_dir=None, history=None, untrained=None):
    """Write the weight file and measure it, then write the manifest entry, the card and its figures.

    Args:
        recipe: the `Recipe` that was run.
        model: the trained `Autoencoder`.
        seconds: duration of the training.
        epochs: number of epochs trained; with early stopping this may be fewer than the recipe states.
        splits: mapping of "train" and "test" to the `Data` for training and measurement.
        drawn: whether the test split was drawn from a source with a single split.
        data_dir: folder of the data of metrics that name theirs.
        output_dir: a weights folder; by default the zoo's own.
        history: path of the CSV file with the losses of the training, which is copied to the folder of the card.
        untrained: function from the training images to the model before its first training step, a baseline of probes; or None.

    Returns:
        The manifest entry that was written.

    Raises:
        ZooError: if a metric does not apply, or the weights are not finite. What was published before is not changed.
    """
    folder = Path(output_dir) if output_dir else manifest.weights_dir()
    folder.mkdir(parents=True, exist_ok=True)
    earlier = manifest.read(folder).get(recipe.name)
    jit = bool(model.jit_compile)
    # Measure what users will load: a float32 model with the weights of the file.
    written = arrays.publish(model, recipe.name, folder, half=recipe.half)
    loaded = registry.build(model.config)
    try:
        arrays.load_arrays(loaded, folder / written["file"])
        metrics = measured(recipe, loaded, splits, data_dir, untrained)
    except BaseException:
        # A file that the manifest does not list would never be removed.
        if not earlier or earlier["file"] != written["file"]:
            (folder / written["file"]).unlink(missing_ok=True)
        raise
    data = splits["train"]
    trained_on = {"name": data.name, "version": data.version, "split": "train", "n": len(data.images)}
    if recipe.patches:
        trained_on |= {"patches": recipe.patches, "test": recipe.test}
    if drawn:
        trained_on |= {"split": "all but a drawn tenth", "drawn": True}
        for result in metrics.values():
            result["split"] = "drawn tenth"
    entry = {
        **written,
        "config": model.config,
        "dataset": trained_on,
        "licence": {"weights": "Apache-2.0", "data": _DATA_LICENCES.get(data.name, "stated by the owner of the data")},
        "paper": registry.variants()[model.config["variant"]],
        "metrics": metrics,
        **recipe.stated(),
        "recipe": {"path": f"training_scripts/{recipe.name}.py", "sha256": recipe.sha256(), **recipe.decides()},
        "run": {
            "backend": keras.backend.backend(),
            "device": device(),
            "jit": jit,
            "precision": recipe.precision,
            "seed": recipe.seed,
            "seconds": round(seconds),
            "epochs": epochs,
            "parameters": model.count_params(),
            "versions": versions(),
        },
        "reference_features": reference_features(loaded),
    }
    manifest.write_entry(recipe.name, entry, folder)
    if earlier and earlier["file"] != entry["file"]:
        (folder / earlier["file"]).unlink(missing_ok=True)
    entry = manifest.read(folder)[recipe.name]
    cards = folder / "cards"
    cards.mkdir(exist_ok=True)
    draw(loaded, recipe, cards, splits["test"])
    keep_history(history, cards / f"{recipe.name}.history.csv")
    write_card(recipe.name, entry, cards)
    return entry


def measured(recipe, model, splits, data_dir=None, untrained=None):
    """The metrics of a recipe for a model as users load it, in the form of a manifest entry."""
    metrics = measure(model, recipe.metrics, splits, data_dir, untrained=untrained)
    for result in metrics.values():
        result["command"] = f"zoo evaluate {recipe.name} --check"
    return metrics


def draw(model, recipe, folder, test):
    """Write the figures of a card: reconstructions, the samples if the recipe shows them, and the latent plane.

    There are none for models of vectors.
    """
    name = recipe.name
    for kind in ("", ".samples", ".plane"):
        (folder / f"{name}{kind}.png").unlink(missing_ok=True)
    if image_file_shape(model.data_shape) is None:
        return
    side_by_side(model, test.images[:16], folder / f"{name}.png")
    if recipe.samples and draws_images(model):
        samples_grid(model, folder / f"{name}.samples.png", 64, seed=0)
    # The set is published even if matplotlib, which only this figure requires, is not installed.
    if tuple(model.bottleneck.code_shape) == (2,) and test.labels is not None and find_spec("matplotlib"):
        latent_plane(model, test.images, test.labels, folder / f"{name}.plane.png")


def keep_history(source, target):
    """Write a history to `target`, with five significant digits; if there is none, an earlier `target` is removed."""
    target.unlink(missing_ok=True)
    if source is None or not Path(source).is_file():
        return
    with open(source, newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([row[0], *(f"{float(value):.5g}" if value else "" for value in row[1:])] for row in rows)
    write_atomically(target, text.getvalue().encode())


def reference_features(model):
    """Reference features: the seed of an input that can be generated again, and the features that the model gives for it."""
    from zoo.pretrained.verification import reference_input

    entry = {"reference_features": _REFERENCE, "config": model.config}
    features = model.encode(reference_input(entry))
    # The first 16 features of each input are enough to detect a deviation.
    return {**_REFERENCE, "features": np.round(features[:, :16].astype(float), 6).tolist()}


def device():
    """Name of the device that the backend uses."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        accelerators = tf.config.list_physical_devices("GPU")
        names = [tf.config.experimental.get_device_details(a).get("device_name", "GPU") for a in accelerators]
    elif keras.backend.backend() == "jax":
        import jax

        names = [d.device_kind for d in jax.devices() if d.platform != "cpu"]
    else:
        import torch

        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or f"CPU, {cores()} core{'s' * (cores() > 1)}"


def versions():
    """Versions of the packages that the results depend on."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "zoo": zoo.__version__,
        **{name: version(name) for name in ("keras", backend, "numpy")},
    }
