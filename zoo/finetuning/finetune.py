"""`zoo finetune NAME`: train a pretrained model on a user's own images."""

import dataclasses
import functools
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from zoo.data.fingerprint import fingerprint
from zoo.data.notes import notes_of
from zoo.data.pipeline import fixed_batches, training_batches
from zoo.data.splitting import split
from zoo.data.writers import check_apart
from zoo.errors import ZooError, ZooWarning, check_field
from zoo.finetuning.adapt import adapt
from zoo.finetuning.batches import labelled_batches
from zoo.finetuning.data import read, read_rows
from zoo.finetuning.depths import groups, without_effect
from zoo.finetuning.optimizer import DepthwiseAdamW, factors
from zoo.finetuning.patches import PatchDropoutSchedule
from zoo.finetuning.report import confusion, draw_confusion, draw_curves, write_report
from zoo.modalities.image import image_file_shape
from zoo.modalities.table.files import is_table
from zoo.modalities.table.table import fit
from zoo.models.base.classifier import Classifier, classifier
from zoo.models.registry import create, list_models
from zoo.optimizers.adam import AdamW
from zoo.pretrained.arrays import named_variables
from zoo.pretrained.loading import check_place, load, save
from zoo.training.callbacks import Checkpoint, EarlyStopping, StopOnNaN
from zoo.training.fit import discard_run
from zoo.utils.models import check_autoencoder
from zoo.utils.numbers import is_whole
from zoo.utils.precision import PRECISIONS, computing_in
from zoo.utils.streams import verbosity

# Settings that have no effect without classes.
_OF_CLASSES = ("layer_decay", "freeze", "layer", "pool", "mixup", "cutmix", "patch_dropout")


@dataclass(frozen=True)
class Settings:
    """Settings of a fine-tuning run.

    Args:
        epochs: maximum number of epochs.
        batch_size: number of images per step; all of them if there are fewer.
        learning_rate: learning rate of the head, after a warm-up over 1/20 of the steps; it decreases to zero as a cosine.
        layer_decay: factor from the learning rate of each depth of the encoder to that of the one before it, in (0, 1].
        freeze: number of encoder depths to freeze, counted from the input; "all" trains the head only. Weights that are
            initialized again because of the shape of the images are always trained.
        layer, pool: depth and pooling of the features that the head uses, see `Encoder.at`; None uses those of `encode`.
        weight_decay: decoupled weight decay of AdamW, at least 0.
        mixup, cutmix: α of their Beta distributions; 0 turns them off, see `zoo.finetuning.batches`.
        dropout, drop_path: rates of dropout and stochastic depth in the backbone during training; None keeps those of the model.
        patch_dropout: fraction of a transformer's patches to drop in each step, which is faster; requires a block as `layer` and
            `pool` "mean" or "token". Several values, such as (0.75, 0.5), are used one after another, each for an equal part
            of the epochs.
        transforms: random transforms of the training images, see `zoo.data.pipeline`.
        validation: fraction of the images of each class to hold out, above 0 and below 1.
        patience: number of epochs without a lower validation loss after which training stops; the best weights are restored.
        precision: "float32", or "mixed_bfloat16", which is faster if the processor supports it; the model that is saved, measured
            and returned computes in float32.
        seed: random seed.

    Raises:
        ZooError: if a value is out of range.
    """

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3
    layer_decay: float = 0.75
    freeze: int | str = 0
    layer: str | None = None
    pool: str | int | None = None
    weight_decay: float = 0.01
    mixup: float = 0.0
    cutmix: float = 0.0
    dropout: float | None = None
    drop_path: float | None = None
    patch_dropout: float | tuple | None = None
    transforms: tuple = ()
    validation: float = 0.1
    patience: int = 5
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self):
        for field in ("epochs", "batch_size", "freeze", "patience", "seed"):
            if is_whole(getattr(self, field)):
                # Integers of NumPy cannot be written as JSON.
                object.__setattr__(self, field, int(getattr(self, field)))

        expect = functools.partial(check_field, self)
        expect("epochs", self.epochs >= 1, "at least 1")
        expect("batch_size", self.batch_size >= 1, "at least 1")
        expect("learning_rate", 0 < self.learning_rate < 10, "a positive number, below 10")
        expect("layer_decay", 0 < self.layer_decay <= 1, "a factor above 0 and at most 1")
        number = isinstance(self.freeze, int) and self.freeze >= 0
        expect("freeze", number or self.freeze == "all", "a number of depths, at least 0, or 'all'")
        expect("weight_decay", self.weight_decay >= 0, "a number of at least 0")
        expect("mixup", self.mixup >= 0, "a number of at least 0")
        expect("cutmix", self.cutmix >= 0, "a number of at least 0")
        pooled = self.layer not in (None, "code") and self.pool in ("mean", "token")
        expect("patch_dropout", not self.patch_dropout or pooled, "it together with a block as layer and pool 'mean' or 'token'")
        shares = self.patch_dropout if isinstance(self.patch_dropout, tuple) else (self.patch_dropout or 0,)
        expect(
            "patch_dropout",
            shares and all(0 <= share < 1 for share in shares),
            "a fraction of at least 0 and below 1, or several",
        )
        expect("validation", 0 < self.validation < 1, "a fraction above 0 and below 1")
        expect("patience", self.patience >= 1, "at least 1")
        expect("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        expect("seed", 0 <= self.seed < 2**31, "an integer of at least 0 and below 2**31")


def finetune(
    model,
    images,
    labels,
    class_names,
    folder,
    settings=Settings(),
    about=None,
    progress=print,
    validation=None,
    test=None,
):
    """Train a classifier on a pretrained encoder, or without labels the autoencoder itself; save it to `folder`/model.

    An interrupted run in `folder` is resumed. The folder also gets report.json, history.csv and, with matplotlib, curves.png and
    for a classifier confusion.png.

    Args:
        model: an `Autoencoder`, or for classification a `FeatureModel`, which is not changed.
        images: (N, H, W, C), uint8 or floats 0..1; if they have another shape than the model's inputs, the model is adapted.
        labels: integers (N,), indices into `class_names`, or None to train the autoencoder.
        class_names: list of class names, or None.
        folder: folder for the results.
        settings: a `Settings`.
        about: JSON-serializable mapping that states the origin of model and images; a run with another is not resumed.
        progress: function called with lines of text, or None.
        validation: pair (images, labels) for early stopping and measuring, instead of held-out images; its labels are None if
            `labels` is.
        test: such a pair, measured after training.

    Returns:
        The trained model and the report, a mapping with the numbers of images `train` and `held_out`, the paths `reinitialized`,
        `epochs`, `seconds`, and for the held-out images `loss` and, for a classifier, `accuracy` and `confusion`. With `test`,
        its entry `test` is a mapping with the number of `images` and their `loss`, or for a classifier `accuracy` and
        `confusion`.

    Raises:
        ZooError: before training, if images and labels do not match, a setting has no effect, the folder contains another run,
            or the model cannot be written there.
    """
    if labels is None:
        check_autoencoder(model, model.name)
        _check_without_classes(settings)
    else:
        labels = _checked_labels(labels, len(images), class_names)
    names = None if labels is None else list(map(str, class_names))
    say = progress or (lambda line: None)
    folder = Path(folder)
    check_place(folder / "model")
    modality = model.modality
    images = modality.check(images, np.shape(images)[1:])
    validation, test = (_checked_pair(pair, modality, images.shape[1:], labels, class_names) for pair in (validation, test))
    if validation is None:
        train, held = split(len(images), labels, settings.validation, settings.seed, names)
        validation = images[held], None if labels is None else labels[held]
    else:
        train = np.arange(len(images))
    batch_size = min(settings.batch_size, len(train))
    keras.utils.set_random_seed(settings.seed)
    changes = {key: value for key in ("dropout", "drop_path", "patch_dropout") if (value := getattr(settings, key)) is not None}
    shares = settings.patch_dropout if isinstance(settings.patch_dropout, tuple) else ()
    if shares:
        changes["patch_dropout"] = max(shares)
    with computing_in(settings.precision):
        model, reinitialized = adapt(model, **modality.adapted(images.shape[1:]), **changes)
        trained = model if labels is None else classifier(model, names, settings.layer, settings.pool)
    schedule = [PatchDropoutSchedule(model, shares, settings.epochs)] if shares else []
    grouped = None
    if labels is not None:
        reinitialized = [path for path in reinitialized if path.startswith("encoder/")]
        grouped = groups(trained)
        known = named_variables(model)
        _freeze(trained, grouped, settings.freeze, [known[path] for path in reinitialized])
    if reinitialized:
        say(f"initialized again because the images have shape {tuple(images.shape[1:])}: {', '.join(reinitialized)}")
    steps = len(train) // batch_size
    _compile(trained, grouped, settings, steps * settings.epochs)
    folder.mkdir(parents=True, exist_ok=True)
    given = {"images": fingerprint(images), "labels": fingerprint(labels), "classes": names}
    if len(train) == len(images):  # held out by the user, not by the settings
        given["validation"] = fingerprint(validation[0])
    # As JSON returns it, to compare it with that of a checkpoint.
    chosen = {key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(settings).items()}
    decides = {**chosen, **(about or {}), **given}
    stopping = EarlyStopping(settings.patience)
    checkpoint = Checkpoint(folder, decides, stopping)
    done = checkpoint.restore(trained)
    if done:
        say(f"resuming after epoch {done}")
    if not checkpoint.stopped and done < settings.epochs:
        held, classes = validation
        table = None if labels is None else np.eye(len(names), dtype=np.float32)
        left = (settings.epochs - done) * steps
        common = (batch_size, settings.seed, done * steps, left, settings.transforms)
        if table is None:
            batches, stop_by = training_batches(images[train], *common), fixed_batches(held, settings.batch_size)
        else:
            batches = labelled_batches(images[train], table[labels[train]], *common, settings.mixup, settings.cutmix)
            stop_by = (held, table[classes])
        trained.fit(
            batches,
            shuffle=False,  # the batches are shuffled already
            epochs=settings.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            validation_data=stop_by,
            validation_batch_size=None if table is None else settings.batch_size,
            callbacks=[*schedule, StopOnNaN(), stopping, checkpoint],
            verbose=verbosity(),
        )
    stopping.set_model(trained)
    stopping.restore_best()
    save(trained, folder / "model")
    if settings.precision != "float32":
        with computing_in("float32"):
            trained = load(folder / "model")
    report = {
        **(about or {}),
        "train": len(train),
        "held_out": len(validation[0]),
        "reinitialized": reinitialized,
        "epochs": checkpoint.epoch,
        "seconds": round(checkpoint.seconds, 1),
        "loss": stopping.best,
    }
    if labels is not None:
        report |= {"classes": names, **_measured(trained, *validation, len(names))}
    if test is not None:
        loss = {} if labels is not None else {"loss": _loss(trained, test[0], settings.batch_size)}
        report["test"] = {"images": len(test[0]), **(loss or _measured(trained, *test, len(names)))}
    # The report first: it must not be lost if a plot fails.
    write_report(folder, report)
    draw_curves(checkpoint.rows, folder / "curves.png")
    if labels is not None:
        draw_confusion(np.array(report["confusion"]), names, folder / "confusion.png")
    return trained, report


def _measured(model, images, labels, classes):
    """Accuracy and confusion of a classifier on images (N, ...)."""
    guesses = np.argmax(model.classify(images), axis=1)
    return {"accuracy": float(np.mean(guesses == labels)), "confusion": confusion(labels, guesses, classes).tolist()}


def _loss(model, images, batch_size):
    return float(model.evaluate(fixed_batches(images, batch_size), verbose=0, return_dict=True)["loss"])


def _checked_pair(pair, modality, shape, labels, class_names):
    """A pair (images, labels), checked to match the images and labels to train on, or None."""
    if pair is None:
        return None
    images, classes = modality.check(pair[0], shape), pair[1]
    if labels is None:
        return images, None
    return images, _checked_labels(classes, len(images), class_names)


def _checked_labels(labels, images, class_names):
    """`labels` as an array of integers (N,), one class index per image. Raises ZooError if they are something else."""
    if class_names is None:
        raise ZooError("got labels without class_names, expected a name for each class, in the order of the labels.")
    found, classes = np.asarray(labels), len(class_names)
    wanted = f"expected integers from 0 to {classes - 1}, one for each of {images} images"
    if found.shape != (images,) or not np.issubdtype(found.dtype, np.integer):
        raise ZooError(f"got labels of shape {found.shape} and type {found.dtype}, {wanted}.")
    if found.min() < 0 or found.max() >= classes:
        raise ZooError(f"got labels from {found.min()} to {found.max()}, {wanted}; give a name for every class.")
    return found


def _check_without_classes(settings):
    """Raises ZooError for settings that have no effect without classes."""
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if field.name in _OF_CLASSES and value != field.default:
            raise ZooError(f"{field.name}={value!r} has no effect without classes; omit it, or give labels.")


def _freeze(model, grouped, freeze, fresh):
    """Freeze all variables but those that are used and not to be frozen. Newly initialized variables, `fresh`, stay trainable."""
    depths = len(grouped) - 1
    if freeze != "all" and freeze > depths:
        raise ZooError(f"got freeze={freeze}, expected at most {depths}, the number of encoder depths that are used, or 'all'.")
    used = {id(v) for group in grouped for v in group}
    free = {id(v) for group in grouped[depths if freeze == "all" else freeze :] for v in group} | {id(v) for v in fresh}
    idle = {id(v) for v in without_effect(model)}
    for variable in list(model.trainable_variables):
        variable.trainable = id(variable) in (used & free) - idle


def _compile(model, grouped, settings, steps):
    warmup = max(1, steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    if grouped is None:
        model.compile(AdamW(rate, weight_decay=settings.weight_decay))
    else:
        optimizer = DepthwiseAdamW(factors(grouped, settings.layer_decay), learning_rate=rate, weight_decay=settings.weight_decay)
        model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)


def run(
    name,
    source,
    output,
    settings,
    autoencode=False,
    classes=None,
    data_dir=None,
    resize=False,
    skip_unreadable=False,
    restart=False,
):
    """Load, train and save a model, as `zoo finetune` does, whose flags are the arguments; returns the report. Warnings list
    skipped images and how images were read.

    The name of a model without weights, such as "dae_mlp", with the file of a table makes a new model of that table. `classes` is
    the column of the classes in the file of a table; without it, the autoencoder itself is trained on a table.
    """
    check_apart(source, output, inside=True)
    model = _new(name, source, classes) if name in list_models() and is_table(source) else load(name)
    if isinstance(model, Classifier):
        raise ZooError(f"{name} is already a classifier; fine-tune the autoencoder that it was made from.")
    if model.modality.has_splits:
        if classes is not None:
            raise ZooError(f"got the column {classes!r} for classes, expected 'from-folders' for images.")
        shape = image_file_shape(model.data_shape) if resize else None
        given = read(source, not autoencode, data_dir, shape, resize, skip_unreadable)
    else:
        given = read_rows(source, model.modality, classes)
        autoencode = classes is None
    for line in notes_of(given):
        warnings.warn(f"{source}: {line}", ZooWarning, stacklevel=2)
    if restart:
        discard_run(Path(output))
    about = {"name": str(name), "data": str(source), "task": "autoencode" if autoencode else "classify", "resize": resize}
    if classes is not None:
        about["classes"] = classes
    about["skipped"] = given.skipped
    _, report = finetune(
        model,
        given.images,
        given.labels,
        given.names,
        output,
        settings,
        about,
        validation=given.validation,
        test=given.test,
    )
    return report


def _new(name, source, classes):
    """A new model for the table of a file, without the column of the classes."""
    return create(name, modality=fit(source, ignore=() if classes is None else (classes,)))
