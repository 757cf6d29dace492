"""The one training loop: a recipe's data into plain `fit`, resumed where it was stopped."""

import shutil
from pathlib import Path

import keras
import numpy as np

from zoo.data.fingerprint import fingerprint
from zoo.data.pipeline import fixed_batches, known_labels, training_batches
from zoo.errors import ZooError
from zoo.modalities.image import check_images
from zoo.training.callbacks import Checkpoint, EarlyStopping, StopOnNaN, tensorboard_log
from zoo.training.initialization.patches import dictionary
from zoo.training.initialization.pca import linear_path
from zoo.training.initialization.start import begin, fresh_model, held_out
from zoo.training.optimizers import optimizer
from zoo.utils.streams import verbosity

# Steps that one call from Python runs: enough that a small net is not bound by the calls.
_STEPS_A_CALL = 32

_TENSORBOARD = "tensorboard"


def forget(folder):
    """Remove what an earlier run wrote to `folder`, and nothing else: it may be a folder of the user's."""
    for path in (*folder.glob("checkpoint.npz"), *folder.glob("history.csv")):
        path.unlink()
    shutil.rmtree(folder / _TENSORBOARD, ignore_errors=True)
    for layer in folder.glob("layer[0-9]*"):
        forget(layer)


def fit(recipe, images, folder, tensorboard=False, labels=None):
    """The trained model of a `Recipe` on images (N, ...), and its last `Checkpoint`, which knows the epochs and seconds.

    `labels` (N,) are read where the recipe asks for labelled images.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = fresh_model(recipe)
    images = check_images(images, model.data_shape)
    train, held = held_out(recipe, len(images))
    known = _known(recipe, model, len(images), labels, train, held)
    given = {"images": fingerprint(images), "labels": fingerprint(known)}
    held_images, held_labels = (part if part is None else part[held] for part in (images, known))
    images, known = (part if part is None else part[train] for part in (images, known))
    if recipe.patience is not None and not len(held_images):
        raise ZooError("got a patience without validation images; set validation to the number to hold out.")
    steps = len(images) // recipe.batch_size
    if not steps:
        raise ZooError(f"got {len(images)} training images, expected at least one batch of {recipe.batch_size}.")
    stopping = EarlyStopping(recipe.patience) if recipe.patience is not None else None
    checkpoint = Checkpoint(folder, {**recipe.decides(), **given}, stopping)
    prepare(recipe, model, steps)
    done = checkpoint.restore(model)
    if not done:
        begin(recipe, model, images, folder, fit)
    callbacks = [StopOnNaN(), *([stopping] if stopping else []), checkpoint]
    if tensorboard:
        callbacks.append(tensorboard_log(folder / _TENSORBOARD))
    if not checkpoint.stopped and done == recipe.epochs:
        # What `fit` does at its end: the moving average, where there is one, becomes the weights.
        model.optimizer.finalize_variable_values(model.trainable_variables)
    elif not checkpoint.stopped:
        left = (recipe.epochs - done) * steps
        model.fit(
            training_batches(
                images, recipe.batch_size, recipe.seed, done * steps, left, recipe.transforms, known, recipe.labelled_share
            ),
            shuffle=False,  # the batches come shuffled
            epochs=recipe.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            validation_data=fixed_batches(held_images, recipe.batch_size, held_labels) if len(held_images) else None,
            callbacks=callbacks,
            verbose=verbosity(),
        )
    if stopping:
        stopping.set_model(model)
        stopping.bring_back_best()
    return model, checkpoint


def _known(recipe, model, count, labels, train, held):
    """The labels that the recipe lets the training know, -1 for the others; None for a training without labels."""
    if not recipe.labelled:
        return None
    classes = getattr(model.bottleneck, "classes", None)
    if classes is None:
        raise ZooError(f"got labelled={recipe.labelled!r}, but {model.name} learns from no labels; take cvae or m2_vae.")
    if labels is None:
        raise ZooError(f"got labelled={recipe.labelled!r}, but the training images have no labels; give a source that has.")
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
        raise ZooError(
            f"got labels of shape {labels.shape} from {labels.min()} to {labels.max()}, expected one an image of {count}, "
            f"from 0 to {classes - 1}; give the model as many classes as there are."
        )
    known = np.full(count, -1, np.int32)
    # What is held out keeps a label only where all are known: of few labels none is spent on it.
    known[held] = labels[held] if recipe.labelled == "all" else -1
    known[train] = known_labels(labels[train], recipe.labelled, recipe.seed)
    return known


def prepare(recipe, model, steps):
    """Compile with the recipe's optimizer. On other backends than TensorFlow a call is one step: there, more gain nothing."""
    together = 1
    if keras.backend.backend() == "tensorflow":
        together = max(n for n in range(1, min(_STEPS_A_CALL, steps) + 1) if steps % n == 0)
    if recipe.start == "pca":
        # Kept there: steps of the size that a network needs would throw the linear map off in the first hundred, and most
        # of the training would go into finding it again.
        for layer in linear_path(model):
            layer.trainable = False
    if recipe.start == "patches":
        # Frozen: atoms are to tell patches apart, which the loss of the layers behind them does not ask for.
        dictionary(model).trainable = False
    model.compile(optimizer(recipe, steps), steps_per_execution=together)
    model.optimizer.build(model.trainable_variables)
