"""`zoo finetune NAME`: a pretrained model, a user's own images, and what becomes of the two."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from zoo.data.fingerprint import fingerprint
from zoo.data.left_out import left_out
from zoo.data.memory import is_whole
from zoo.data.pipeline import fixed_batches, training_batches
from zoo.data.splitting import split
from zoo.data.writers import check_apart
from zoo.errors import ZooError
from zoo.finetuning.adapt import adapt
from zoo.finetuning.batches import labelled_batches
from zoo.finetuning.data import read
from zoo.finetuning.depths import groups, without_effect
from zoo.finetuning.optimizer import DepthwiseAdamW, factors
from zoo.finetuning.patches import PatchDropoutTurns
from zoo.finetuning.report import confusion, draw_confusion, draw_curves, write_report
from zoo.modalities.image import check_images, image_file_shape
from zoo.models.base.autoencoder import Autoencoder
from zoo.models.base.classifier import classifier
from zoo.optimizers.adam import AdamW
from zoo.pretrained.arrays import named_variables
from zoo.pretrained.loading import check_place, load, save
from zoo.training.callbacks import Checkpoint, EarlyStopping, StopOnNaN
from zoo.training.fit import forget
from zoo.utils.precision import PRECISIONS, computing_in
from zoo.utils.streams import say as tell
from zoo.utils.streams import verbosity

# What decides nothing where an autoencoder is trained on.
_OF_CLASSES = ("layer_decay", "freeze", "layer", "pool", "mixup", "cutmix", "patch_dropout")


@dataclass(frozen=True)
class Settings:
    """All that decides what a fine-tuned model becomes, besides the model and the images.

    Args:
        epochs: passes over the training images, at most.
        batch_size: images a step.
        learning_rate: of the head, after a warm-up over a twentieth of the steps; falls to zero by a cosine.
        layer_decay: factor on the rate from each depth of the encoder to the one before it, in (0, 1].
        freeze: depths of the encoder, from the image on, that stay as they are; "all" trains the head alone. What begins anew,
            because the images have another shape than the model's, is trained all the same.
        layer, pool: the depth whose features the head reads, see `Encoder.at`; None is what `encode` gives.
        weight_decay: decoupled.
        mixup, cutmix: α of each, 0 for none, see `zoo.finetuning.batches`.
        dropout, drop_path: of the encoder's backbone while it is trained; None leaves them as they were.
        patch_dropout: the same, share of a transformer's patches that every step leaves out, and its time with them; the head
            then reads a block (`layer`) by `pool` "mean" or "token". Several, such as (0.75, 0.5), take turns, each for an equal
            part of the epochs.
        transforms: random transforms of the training images, see `zoo.data.pipeline`.
        validation: share of the images of each class that is held out.
        patience: epochs without a better held-out loss until training stops; the best weights come back.
        precision: "float32", or "mixed_bfloat16", which takes less time where the processor has it; what is saved, measured and
            given back computes in single precision.
        seed: of everything random.
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
                # NumPy's too, which no JSON file takes.
                object.__setattr__(self, field, int(getattr(self, field)))

        def expect(field, right, wanted):
            if not right:
                raise ZooError(f"got {field}={getattr(self, field)!r}, expected {wanted}.")

        expect("epochs", self.epochs >= 1, "at least 1")
        expect("batch_size", self.batch_size >= 1, "at least 1")
        expect("learning_rate", 0 < self.learning_rate < 10, "a positive number, below 10")
        expect("layer_decay", 0 < self.layer_decay <= 1, "a factor above 0, at most 1")
        number = isinstance(self.freeze, int) and self.freeze >= 0
        expect("freeze", number or self.freeze == "all", "a number of depths from 0 on, or 'all'")
        expect("weight_decay", self.weight_decay >= 0, "a number from 0 on")
        expect("mixup", self.mixup >= 0, "a number from 0 on")
        expect("cutmix", self.cutmix >= 0, "a number from 0 on")
        pooled = self.layer not in (None, "code") and self.pool in ("mean", "token")
        expect("patch_dropout", not self.patch_dropout or pooled, "a block as layer and pool 'mean' or 'token' with it")
        shares = self.patch_dropout if isinstance(self.patch_dropout, tuple) else (self.patch_dropout or 0,)
        expect("patch_dropout", shares and all(0 <= share < 1 for share in shares), "a share from 0 on, below 1, or several")
        expect("validation", 0 < self.validation < 1, "a share above 0, below 1")
        expect("patience", self.patience >= 1, "at least 1")
        expect("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        expect("seed", 0 <= self.seed < 2**31, "an integer from 0 on, below 2**31")


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
    """Train a classifier on a pretrained encoder, or without labels the autoencoder itself, and save it to `folder`/model.

    A run found in `folder` goes on. Beside the model lie report.json, history.csv, curves.png and, for a classifier,
    confusion.png (with matplotlib).

    Args:
        model: an `Autoencoder`; it stays as it is.
        images: (N, H, W, C), uint8 or floats 0..1; where their shape is not the model's, it is adapted to theirs.
        labels: integers (N,), numbers of `class_names`, or None to train the autoencoder on.
        class_names: of the labels, or None.
        folder: of the results.
        settings: a `Settings`.
        about: a JSON-able mapping of where model and images come from: a run of another is not gone on with.
        progress: called with lines of text; None for silence.
        validation: a pair (images, labels) to stop by and measure on, in the place of images that are held out; labels None
            where `labels` are.
        test: such a pair, measured after the training.

    Returns:
        The trained model, and the report, a mapping: `train` and `held_out` counts, `reinitialized` paths, `epochs`, `seconds`,
        of the held-out images `loss` and, for a classifier, `accuracy` and `confusion`; with a test `test`, a mapping of
        `images`, their number, and `loss` or, for a classifier, `accuracy` and `confusion`.

    Raises:
        ZooError: on images and labels that do not fit, settings that decide nothing, a folder of another run, and a place
            where no model can be written; before the training.
    """
    if labels is None:
        _refuse_of_classes(settings)
    else:
        labels = _checked_labels(labels, len(images), class_names)
    names = None if labels is None else list(map(str, class_names))
    say = progress or (lambda line: None)
    folder = Path(folder)
    check_place(folder / "model")
    images = check_images(images, np.shape(images)[1:])
    validation, test = (_checked_pair(pair, images.shape[1:], labels, class_names) for pair in (validation, test))
    if validation is None:
        train, held = split(len(images), labels, settings.validation, settings.seed, names)
        validation = images[held], None if labels is None else labels[held]
    else:
        train = np.arange(len(images))
    if len(train) < settings.batch_size:
        raise ZooError(
            f"got {len(train)} images to train on and batches of {settings.batch_size}; lower the batch size to at most that."
        )
    keras.utils.set_random_seed(settings.seed)
    changes = {key: value for key in ("dropout", "drop_path", "patch_dropout") if (value := getattr(settings, key)) is not None}
    shares = settings.patch_dropout if isinstance(settings.patch_dropout, tuple) else ()
    if shares:
        changes["patch_dropout"] = max(shares)
    with computing_in(settings.precision):
        model, anew = adapt(model, input_shape=list(images.shape[1:]), **changes)
        trained = model if labels is None else classifier(model, names, settings.layer, settings.pool)
    turns = [PatchDropoutTurns(model, shares, settings.epochs)] if shares else []
    grouped = None
    if labels is not None:
        anew = [path for path in anew if path.startswith("encoder/")]
        grouped = groups(trained)
        known = named_variables(model)
        _freeze(trained, grouped, settings.freeze, [known[path] for path in anew])
    if anew:
        say(f"begins anew, as the images are {tuple(images.shape[1:])}: {', '.join(anew)}")
    steps = len(train) // settings.batch_size
    _compile(trained, grouped, settings, steps * settings.epochs)
    folder.mkdir(parents=True, exist_ok=True)
    given = {"images": fingerprint(images), "labels": fingerprint(labels), "classes": names}
    if len(train) == len(images):  # held out by the user, not by the settings
        given["validation"] = fingerprint(validation[0])
    # As JSON gives it back: a checkpoint is held against it.
    chosen = {key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(settings).items()}
    decides = {**chosen, **(about or {}), **given}
    stopping = EarlyStopping(settings.patience)
    checkpoint = Checkpoint(folder, decides, stopping)
    done = checkpoint.restore(trained)
    if done:
        say(f"goes on after epoch {done}")
    if not checkpoint.stopped and done < settings.epochs:
        held, classes = validation
        table = None if labels is None else np.eye(len(names), dtype=np.float32)
        left = (settings.epochs - done) * steps
        common = (settings.batch_size, settings.seed, done * steps, left, settings.transforms)
        if table is None:
            batches, stop_by = training_batches(images[train], *common), fixed_batches(held, settings.batch_size)
        else:
            batches = labelled_batches(images[train], table[labels[train]], *common, settings.mixup, settings.cutmix)
            stop_by = (held, table[classes])
        trained.fit(
            batches,
            shuffle=False,  # the batches come shuffled
            epochs=settings.epochs,
            initial_epoch=done,
            steps_per_epoch=steps,
            validation_data=stop_by,
            validation_batch_size=None if table is None else settings.batch_size,
            callbacks=[*turns, StopOnNaN(), stopping, checkpoint],
            verbose=verbosity(),
        )
    stopping.set_model(trained)
    stopping.bring_back_best()
    save(trained, folder / "model")
    if settings.precision != "float32":
        with computing_in("float32"):
            trained = load(folder / "model")
    report = {
        **(about or {}),
        "train": len(train),
        "held_out": len(validation[0]),
        "reinitialized": anew,
        "epochs": checkpoint.epoch,
        "seconds": round(checkpoint.seconds, 1),
        "loss": stopping.best,
    }
    if labels is not None:
        report |= {"classes": names, **_measured(trained, *validation, len(names))}
    if test is not None:
        loss = {} if labels is not None else {"loss": _loss(trained, test[0], settings.batch_size)}
        report["test"] = {"images": len(test[0]), **(loss or _measured(trained, *test, len(names)))}
    # Before the pictures: these are looked at, the report is what the training has found.
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


def _checked_pair(pair, shape, labels, class_names):
    """A pair (images, labels) that fits the images and labels to train on, or None."""
    if pair is None:
        return None
    images, classes = check_images(pair[0], shape), pair[1]
    if labels is None:
        return images, None
    return images, _checked_labels(classes, len(images), class_names)


def _checked_labels(labels, images, class_names):
    """`labels` as an array of integers, one an image, each the number of a class."""
    if class_names is None:
        raise ZooError("got labels without class_names, expected a name for each class, in the order of the labels.")
    found, classes = np.asarray(labels), len(class_names)
    wanted = f"expected integers from 0 to {classes - 1}, one for each of {images} images"
    if found.shape != (images,) or not np.issubdtype(found.dtype, np.integer):
        raise ZooError(f"got labels of shape {found.shape} and type {found.dtype}, {wanted}.")
    if found.min() < 0 or found.max() >= classes:
        raise ZooError(f"got labels from {found.min()} to {found.max()}, {wanted}; name as many classes as there are.")
    return found


def _refuse_of_classes(settings):
    """A setting that would decide nothing is one that was meant for something else."""
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if field.name in _OF_CLASSES and value != field.default:
            raise ZooError(f"got {field.name}={value!r} without classes, where it decides nothing; leave it out, or give labels.")


def _freeze(model, grouped, freeze, fresh):
    """Leave trainable what is in use and not frozen, and what is `fresh`: frozen, that would stay as chance made it."""
    depths = len(grouped) - 1
    if freeze != "all" and freeze > depths:
        raise ZooError(f"got freeze={freeze}, expected at most {depths}, the depths of the encoder that are read, or 'all'.")
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


def run(name, source, output, settings, autoencode=False, data_dir=None, resize=False, skip_unreadable=False, restart=False):
    """What `zoo finetune` does: load, train, save; returns the report. Arguments are those of its flags."""
    check_apart(source, output, inside=True)
    model = load(name)
    if not isinstance(model, Autoencoder):
        raise ZooError(f"{name} is a classifier already, expected an autoencoder; fine-tune the one that it was made from.")
    shape = image_file_shape(model.data_shape) if resize else None
    given = read(source, not autoencode, data_dir, shape, resize, skip_unreadable)
    for line in [*given.notes, *left_out(given.skipped)]:
        tell(f"zoo: {line}")
    if restart:
        forget(Path(output))
    about = {"name": str(name), "data": str(source), "task": "autoencode" if autoencode else "classify", "resize": resize}
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
