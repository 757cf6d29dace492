"""A recipe: all settings of a training, as data."""

import dataclasses
import functools
import hashlib
import importlib.util
import json
import math
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError, check_field, suggest
from zoo.pretrained.installed import own_checkout
from zoo.utils.precision import PRECISIONS

_STARTS = ("random", "pca", "patches", "layerwise")
# Fields that are newer than the first weight sets: with these values they have no effect, and are not part of the hash.
_YOUNGER = {"labelled": 0, "labelled_share": 0.0, "patches": 0}


@dataclass(frozen=True)
class Recipe:
    """Model, data and settings of a training.

    Args:
        name: of the weight set, `<variant>_<backbone>.<dataset>`.
        model: the arguments of `zoo.create`.
        dataset: a TFDS name, a .npy or .npz file, or a folder of images.
        epochs: number of epochs; 0 if k-means of patches, the initialization, is the whole training.
        batch_size: number of images per step.
        metrics: metrics to measure on the test split, see `zoo.evaluation.measure`.
        baseline: (metric, value, source): a published or measured value to compare the set with.
        learning_rate: learning rate after the warm-up.
        optimizer: "adam", "adamw" or "sgd" (with Nesterov momentum .9).
        schedule: "cosine", which decreases to zero, or "constant".
        warmup_epochs: number of epochs in which the learning rate increases from zero.
        weight_decay: decoupled weight decay, for "adamw".
        clip_norm: maximum global norm of the gradient, or None.
        ema: decay of a moving average of the weights, which replaces them at the end, or None.
        transforms: random transforms of the training images, see `zoo.data.pipeline`.
        patches: number of patches of the model's input size that are cut from each photograph of `dataset`; 0 for images that
            all have the input size.
        test: for a data set without a test split, another with the test images, from which as many patches are cut.
        labelled: number of training images whose labels are used, equally many of each class, chosen with the seed; or "all".
            0 for a training without labels.
        labelled_share: fraction of each batch that is sampled from the labelled images, the rest from all images; 0 samples from
            all images.
        start: initialization of the weights: "random"; "pca", the linear path by PCA; "patches", the dictionary by k-means of
            patches; "layerwise", greedy pretraining.
        start_epochs: number of epochs to pretrain each layer, for "layerwise".
        validation: number of training images to hold out, sampled with the seed.
        patience: number of epochs without a lower validation loss after which the training stops and restores the best weights,
            or None.
        precision: "float32" or "mixed_bfloat16".
        seed: random seed.
        half: store the weights in half precision.
        embedded: whether the main package contains the weights, instead of the data package; for a few small sets.
        samples: whether the card shows samples from the prior, if there is one; False if they do not look like the data.
    """

    name: str
    model: dict
    dataset: str
    epochs: int
    batch_size: int
    metrics: tuple
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    ema: float | None = None
    transforms: tuple = ()
    patches: int = 0
    test: str = ""
    labelled: int | str = 0
    labelled_share: float = 0.0
    start: str = "random"
    start_epochs: int = 0
    validation: int = 0
    patience: int | None = None
    precision: str = "float32"
    seed: int = 0
    half: bool = True
    embedded: bool = False
    samples: bool = True
    baseline: tuple = ()

    def __post_init__(self):
        expect = functools.partial(check_field, self)
        expect("epochs", self.epochs >= (self.start != "patches"), "at least 1, or 0 with start='patches'")
        expect("batch_size", self.batch_size >= 1, "at least 1")
        expect("learning_rate", 0 < self.learning_rate < math.inf, "a positive number")
        expect("warmup_epochs", 0 <= self.warmup_epochs < math.inf, "a number of epochs, at least 0")
        expect("weight_decay", 0 <= self.weight_decay < math.inf, "a number, at least 0")
        expect("clip_norm", self.clip_norm is None or self.clip_norm > 0, "a positive number or None")
        expect("ema", self.ema is None or 0 < self.ema < 1, "a decay between 0 and 1, or None")
        expect("patience", self.patience is None or self.patience >= 1, "at least 1, or None")
        expect("patience", self.patience is None or self.ema is None, "None with ema, because the two select different weights")
        expect("patches", self.patches >= 0, "a number of patches per photograph, or 0")
        number = isinstance(self.labelled, int) and self.labelled >= 0
        expect("labelled", number or self.labelled == "all", "a number of images, at least 0, or 'all'")
        expect("labelled_share", 0 <= self.labelled_share < 1, "a fraction, at least 0 and below 1")
        expect("labelled_share", not self.labelled_share or self.labelled, "0 without labelled images")
        expect("start", self.start in _STARTS, f"one of {', '.join(_STARTS)}")
        expect("start_epochs", self.start_epochs >= (self.start == "layerwise"), "at least 1 for start='layerwise'")
        expect("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        expect("seed", 0 <= self.seed < 2**32, "an integer, at least 0 and below 2**32")

    def as_json(self):
        """JSON-able mapping of all fields."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def decides(self):
        """JSON-able mapping of the fields that the trained weights depend on."""
        idle = {"metrics", "baseline", "embedded", "half", "samples", "test"}
        return {k: v for k, v in self.as_json().items() if k not in idle and (k not in _YOUNGER or v != _YOUNGER[k])}

    def stated(self):
        """Fields of a manifest entry that the recipe states: whether the main package contains the set, and its baseline."""
        return {"embedded": self.embedded, "baseline": dict(zip(("metric", "value", "source"), self.baseline))}

    def sha256(self):
        """Hash of `decides`, which is equal for recipes that train the same weights."""
        return hashlib.sha256(json.dumps(self.decides(), sort_keys=True).encode()).hexdigest()


def recorded(entry):
    """The `Recipe` in the manifest entry of a weight set; None if it is not complete."""
    known = {field.name for field in dataclasses.fields(Recipe)}
    given = {key: value for key, value in entry.get("recipe", {}).items() if key in known}
    needed = {"name", "model", "dataset", "epochs", "batch_size"}
    return Recipe(**given, metrics=()) if needed <= given.keys() else None


def scripts_dir():
    """The folder of training scripts: in the checkout that contains the package, or the copy in the installed package.

    Scripts are executed, so other folders, such as the working directory, are not searched.
    """
    checkout = own_checkout()
    return checkout / "training_scripts" if checkout else Path(__file__).parents[1] / "_training_scripts"


def recipes():
    """Mapping of weight set name to its script."""
    return {path.stem: path for path in sorted(scripts_dir().glob("*.py"))}


def load_recipe(name):
    """The `Recipe` of a weight set, from its script. Raises ZooError, which suggests similar names, if there is none."""
    known = recipes()
    if name not in known:
        raise ZooError(f"there is no recipe {name!r}.{suggest(name, known)} The recipes are {', '.join(known)}.")
    spec = importlib.util.spec_from_file_location("zoo_recipe", known[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RECIPE
