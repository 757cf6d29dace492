"""A weight set from its recipe: trained, measured and published."""

import dataclasses
from pathlib import Path

from zoo.data import sources
from zoo.evaluation.measurement import check, rehearse
from zoo.modalities.image import image_file_shape
from zoo.models import registry
from zoo.pretrained import manifest
from zoo.pretrained.arrays import load_arrays
from zoo.pretrained.loading import save
from zoo.publishing.publish import publish
from zoo.training.fit import fit, forget
from zoo.training.initialization.start import untrained
from zoo.utils.streams import say


def train(recipe, data_dir=None, output_dir=None, run_dir=None, restart=False, tensorboard=False, measurable=False):
    """Train `recipe` to its end, measure it and publish it; returns the manifest entry.

    Args:
        recipe: a `Recipe`.
        data_dir: where TFDS data lies.
        output_dir: where the weight file, the manifest entry and the card go; by default `weights` in `run_dir`, so that
            nothing that is published is replaced.
        run_dir: checkpoint, logs and the model; a run found there is resumed; by default `runs/NAME`.
        restart: begin anew.
        tensorboard: write TensorBoard logs to `run_dir`.
        measurable: leave out, with a line that says so, what the data cannot be measured by, rather than refuse it: for data
            that the recipe's metrics were not chosen for.

    A data set with one split, such as a folder, has a tenth of its images kept for the test, see `sources.load_splits`.
    """
    # What would fail after the training fails before it.
    check(recipe.metrics, None if measurable else recipe.dataset)
    folder = Path(run_dir or Path("runs") / recipe.name)
    output_dir = Path(output_dir or folder / "weights")
    for path in (folder, output_dir):
        path.mkdir(parents=True, exist_ok=True)
    manifest.read(output_dir)
    if restart:
        forget(folder)
    splits, drawn = sources.load_splits(recipe.dataset, data_dir, image_file_shape(recipe.model.get("input_shape", ())))
    recipe = dataclasses.replace(recipe, metrics=_measurable(recipe.metrics, splits, measurable))
    data = splits["train"]
    model, checkpoint = fit(recipe, data.images, folder, tensorboard, data.labels)
    done = dict(seconds=checkpoint.seconds, epochs=checkpoint.epoch, history=folder / "history.csv")
    entry = publish(recipe, model, splits=splits, drawn=drawn, output_dir=output_dir, untrained=untrained(recipe), **done)
    # What was measured: the weights as they are on disk.
    published = registry.build(entry["config"])
    load_arrays(published, output_dir / entry["file"])
    save(published, folder / "model")
    print(f"wrote {output_dir / entry['file']} and {folder / 'model'}: zoo.load({str(folder / 'model')!r})")
    return entry


def _measurable(metrics, splits, leave_out):
    """Those of `metrics` that the data can be measured by; the first reason why one cannot is raised, or all are printed."""
    reasons = rehearse(metrics, splits)
    for name, reason in reasons.items():
        if not leave_out:
            raise reason
        say(f"zoo: {name} is left out: {reason}")
    names = [metric if isinstance(metric, str) else metric["metric"] for metric in metrics]
    return tuple(metric for metric, name in zip(metrics, names) if name not in reasons) or ("mse",)
