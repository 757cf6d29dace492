"""The training loop: `keras.Model.fit` with the data and settings of a recipe, resumed if it was interrupted."""

import shutil
from pathlib import Path

import keras
import numpy as np

from zoo.data.fingerprint import fingerprint
from zoo.data.pipeline import fixed_batches, known_labels, training_batches
from zoo.errors import ZooError
from zoo.training.callbacks import Checkpoint, EarlyStopping, StopOnNaN, tensorboard_log
from zoo.training.initialization.patches import dictionary
from zoo.training.initialization.pca import linear_path
from zoo.training.initialization.start import fresh_model, held_out, initialize
from zoo.training.optimizers import optimizer
from zoo.utils.streams import verbosity

# Maximum number of steps per call from Python, so that the calls do not limit the speed of small networks.
_STEPS_A_CALL = 32

_TENSORBOARD = "tensorboard"


def discard_run(folder):
    """Remove the files that an earlier run wrote to `folder`, and nothing else, because it may be a folder of the user."""
    for path in (*folder.glob("checkpoint.npz"), *folder.glob("history.csv")):
        path.unlink()
    shutil.rmtree(folder / _TENSORBOARD, ignore_errors=True)
    for layer in folder.glob("layer[0-9]*"):
        discard_run(layer)


def fit(recipe, images, folder, tensorboard=False, labels=None):
    """Train the model of a `Recipe` on images (N, ...), uint8 or floats 0..1.

    `labels` (N,) are used if the recipe has labelled images. Returns the model and its last `Checkpoint`, which has the numbers
    of epochs and seconds.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = fresh_model(recipe)
    images = model.modality.check(images, model.data_shape)
    train, held = held_out(recipe, len(images))
    known = _labels_in_use(recipe, model, len(images), labels, train, held)
    given = {"images": fingerprint(images), "labels": fingerprint(known)}
    held_images, held_labels = (part if part is None else part[held] for part in (images, known))
    images, known = (part if part is None else part[train] for part in (images, known))
    if recipe.patience is not None and not len(held_images):
        raise ZooError("got a patience without validation images; set validation to the number of images to hold out.")
    steps = len(images) // recipe.batch_size
    if not steps:
        raise ZooError(f"got {len(images)} training images, expected at least one batch of {recipe.batch_size}.")
    stopping = EarlyStopping(recipe.patience) if recipe.patience is not None else None
    checkpoint = Checkpoint(folder, {**recipe.decides(), **given}, stopping)
    prepare(recipe, model, steps)
    done = checkpoint.restore(model)
    if not done:
        initialize(recipe, model, images, folder, fit)
    callbacks = [StopOnNaN(), *([stopping] if stopping else []), checkpoint]
    if tensorboard:
        callbacks.append(tensorboard_log(folder / _TENSORBOARD))
    if not checkpoint.stopped and done == recipe.epochs:
        # As `fit` does at its end: the moving average, if there is one, replaces the weights.
        model.optimizer.finalize_variable_values(model.trainable_variables)
    elif not checkpoint.stopped:
        left = (recipe.epochs - done) * steps
        model.fit(
            training_batches(
                images, recipe.batch_size, recipe.seed, done * steps, left, recipe.transforms, known, recipe.labelled_share
            ),
            shuffle=False,  # the batches are shuffled already
            epochs=recipe.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            validation_data=fixed_batches(held_images, recipe.batch_size, held_labels) if len(held_images) else None,
            callbacks=callbacks,
            verbose=verbosity(),
        )
    if stopping:
        stopping.set_model(model)
        stopping.restore_best()
    return model, checkpoint


def _labels_in_use(recipe, model, count, labels, train, held):
    """The labels (N,) that the training may use, -1 for unknown ones; None for a training without labels."""
    if not recipe.labelled:
        return None
    classes = getattr(model.bottleneck, "classes", None)
    if classes is None:
        raise ZooError(f"labelled={recipe.labelled!r} has no effect: {model.name} does not use labels; use cvae or m2_vae.")
    if labels is None:
        raise ZooError(f"got labelled={recipe.labelled!r}, but the training images have no labels; give a source with labels.")
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
        raise ZooError(
            f"got labels of shape {labels.shape} from {labels.min()} to {labels.max()}, expected one for each of {count} "
            f"images, from 0 to {classes - 1}; set the number of classes of the model to that of the data."
        )
    known = np.full(count, -1, np.int32)
    # Validation images have labels only if all labels are known: if there are few, all of them are used for training.
    known[held] = labels[held] if recipe.labelled == "all" else -1
    known[train] = known_labels(labels[train], recipe.labelled, recipe.seed)
    return known


def prepare(recipe, model, steps):
    """Compile with the optimizer of the recipe. Several steps per call are used with TensorFlow only, where they are faster."""
    together = 1
    if keras.backend.backend() == "tensorflow":
        together = max(n for n in range(1, min(_STEPS_A_CALL, steps) + 1) if steps % n == 0)
    if recipe.start == "pca":
        # Frozen: at the learning rate of the networks, the linear map would leave the PCA solution within a hundred steps, and
        # most of the training would be spent on returning to it.
        for layer in linear_path(model):
            layer.trainable = False
    if recipe.start == "patches":
        # Frozen: the loss of the following layers would not keep the atoms different from each other.
        dictionary(model).trainable = False
    model.compile(optimizer(recipe, steps), steps_per_execution=together)
    model.optimizer.build(model.trainable_variables)
