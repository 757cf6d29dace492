"""From a recipe to a published weight set: training, measurement and publication."""

import dataclasses
from pathlib import Path

from zoo.evaluation.measurement import check, unmeasurable
from zoo.models import registry
from zoo.pretrained import manifest
from zoo.pretrained.arrays import load_arrays
from zoo.pretrained.loading import save
from zoo.publishing.publish import publish
from zoo.training.fit import discard_run, fit
from zoo.training.initialization.start import untrained
from zoo.training.splits import load_splits
from zoo.utils.streams import say


def train(recipe, data_dir=None, output_dir=None, run_dir=None, restart=False, tensorboard=False, measurable=False):
    """Train `recipe`, measure the model and write the weight set; returns the manifest entry.

    Args:
        recipe: a `Recipe`.
        data_dir: folder of the TFDS data.
        output_dir: folder for the weight file, the manifest entry and the card; by default `weights` in `run_dir`, so that
            published files are not replaced.
        run_dir: folder for the checkpoint, the logs and the model, by default `runs/NAME`; a run in it is resumed.
        restart: discard the earlier run in `run_dir` and start again.
        tensorboard: write TensorBoard logs to `run_dir`.
        measurable: omit, with a message, metrics that cannot be measured on the data, instead of raising an error: for data
            other than that of the recipe.

    If the data has a single split, as a folder has, a tenth of the images is held out as the test split, see
    `zoo.data.sources.load_splits`.
    """
    # Errors that would occur after the training are raised before it.
    check(recipe.metrics, None if measurable else recipe.dataset)
    folder = Path(run_dir or Path("runs") / recipe.name)
    output_dir = Path(output_dir or folder / "weights")
    for path in (folder, output_dir):
        path.mkdir(parents=True, exist_ok=True)
    manifest.read(output_dir)
    if restart:
        discard_run(folder)
    splits, drawn = load_splits(recipe, data_dir)
    recipe = dataclasses.replace(recipe, metrics=_measurable(recipe.metrics, splits, measurable))
    data = splits["train"]
    model, checkpoint = fit(recipe, data.images, folder, tensorboard, data.labels)
    done = dict(seconds=checkpoint.seconds, epochs=checkpoint.epoch, history=folder / "history.csv")
    given = dict(splits=splits, drawn=drawn, data_dir=data_dir, output_dir=output_dir, untrained=untrained(recipe))
    entry = publish(recipe, model, **given, **done)
    # Saved with the weights that were measured: those of the file, which may be in half precision.
    published = registry.build(entry["config"])
    load_arrays(published, output_dir / entry["file"])
    save(published, folder / "model")
    print(f"wrote {output_dir / entry['file']} and {folder / 'model'}: zoo.load({str(folder / 'model')!r})")
    return entry


def _measurable(metrics, splits, leave_out):
    """The metrics that can be measured on the data. Errors of the others are printed with `leave_out`, or the first is raised."""
    reasons = unmeasurable(metrics, splits)
    for name, reason in reasons.items():
        if not leave_out:
            raise reason
        say(f"zoo: the metric {name} is not measured: {reason}")
    names = [metric if isinstance(metric, str) else metric["metric"] for metric in metrics]
    return tuple(metric for metric, name in zip(metrics, names) if name not in reasons) or ("mse",)
