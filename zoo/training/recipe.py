"""A recipe: everything that decides what a weight set becomes, as data."""

import dataclasses
import hashlib
import importlib.util
import json
import math
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError, suggest
from zoo.pretrained.installed import own_checkout
from zoo.utils.precision import PRECISIONS

_STARTS = ("random", "pca", "patches", "layerwise")
# Fields younger than the first weight sets: at these values they decide nothing, and leave the hash of a recipe as it was.
_YOUNGER = {"labelled": 0, "labelled_share": 0.0}


@dataclass(frozen=True)
class Recipe:
    """What to train on what, and how.

    Args:
        name: of the weight set, `<variant>_<backbone>.<dataset>`.
        model: the arguments of `zoo.create`.
        dataset: a TFDS name, a .npy or .npz file, or a folder of images.
        epochs: passes over the training split; 0 where k-means of patches, the start, is all that the model learns.
        batch_size: images a step.
        metrics: what to measure on the test split, see `zoo.evaluation`.
        baseline: (metric, value, source): a published or measured number to hold the set against.
        learning_rate: of the first step after the warm-up.
        optimizer: "adam", "adamw" or "sgd" (with Nesterov momentum .9).
        schedule: "cosine", down to zero at the end, or "constant".
        warmup_epochs: over which the learning rate rises from zero.
        weight_decay: decoupled, for "adamw".
        clip_norm: largest global norm of the gradient, or None.
        ema: decay of the moving average of the weights that is kept in the end, or None for the last weights.
        transforms: random transforms of the training images, see `zoo.data.pipeline`.
        labelled: training images whose labels the model sees, as many of each class, chosen with the seed, or "all"; 0 for
            images alone.
        labelled_share: share of every batch that is drawn from those, the rest from all images; 0 makes no difference.
        start: how the weights begin: "random"; "pca", the linear path at PCA's solution; "patches", the dictionary at k-means of
            patches; "layerwise", greedy pretraining.
        start_epochs: epochs of every layer's pretraining, for "layerwise".
        validation: training images to hold out, drawn with the seed.
        patience: epochs without a better validation loss until training stops and the best weights come back, or None.
        precision: "float32" or "mixed_bfloat16".
        seed: of everything random.
        half: store the weights in half precision.
        embedded: carry the weights in the package itself, not in the data package: for a handful of small sets.
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
    baseline: tuple = ()

    def __post_init__(self):
        def expect(field, right, wanted):
            if not right:
                raise ZooError(f"got {field}={getattr(self, field)!r}, expected {wanted}.")

        expect("epochs", self.epochs >= (self.start != "patches"), "at least 1, or 0 for the start at patches")
        expect("batch_size", self.batch_size >= 1, "at least 1")
        expect("learning_rate", 0 < self.learning_rate < math.inf, "a positive number")
        expect("warmup_epochs", 0 <= self.warmup_epochs < math.inf, "a number of epochs from 0 on")
        expect("weight_decay", 0 <= self.weight_decay < math.inf, "a number from 0 on")
        expect("clip_norm", self.clip_norm is None or self.clip_norm > 0, "a positive number or None")
        expect("ema", self.ema is None or 0 < self.ema < 1, "a decay between 0 and 1, or None")
        expect("patience", self.patience is None or self.patience >= 1, "at least 1, or None")
        expect("patience", self.patience is None or self.ema is None, "None beside ema: each names other weights to keep")
        number = isinstance(self.labelled, int) and self.labelled >= 0
        expect("labelled", number or self.labelled == "all", "a number of images from 0 on, or 'all'")
        expect("labelled_share", 0 <= self.labelled_share < 1, "a share from 0 on, below 1")
        expect("labelled_share", not self.labelled_share or self.labelled, "0 where no image is labelled")
        expect("start", self.start in _STARTS, f"one of {', '.join(_STARTS)}")
        expect("start_epochs", self.start_epochs >= (self.start == "layerwise"), "at least 1 for start='layerwise'")
        expect("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        expect("seed", 0 <= self.seed < 2**32, "an integer from 0 on, below 2**32")

    def as_json(self):
        """JSON-able mapping of every field."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def decides(self):
        """JSON-able mapping of what the trained weights depend on: every field but those that say what is done with them."""
        idle = {"metrics", "baseline", "embedded", "half"}
        return {k: v for k, v in self.as_json().items() if k not in idle and (k not in _YOUNGER or v != _YOUNGER[k])}

    def stated(self):
        """What a manifest entry takes on the recipe's word: whether the wheel has the weights, what to hold them against."""
        return {"embedded": self.embedded, "baseline": dict(zip(("metric", "value", "source"), self.baseline))}

    def sha256(self):
        """Hash of `decides`: the same for two recipes that train the same weights."""
        return hashlib.sha256(json.dumps(self.decides(), sort_keys=True).encode()).hexdigest()


def recorded(entry):
    """The `Recipe` that trained a weight set, by its manifest entry; None where the entry does not hold one whole."""
    known = {field.name for field in dataclasses.fields(Recipe)}
    given = {key: value for key, value in entry.get("recipe", {}).items() if key in known}
    needed = {"name", "model", "dataset", "epochs", "batch_size"}
    return Recipe(**given, metrics=()) if needed <= given.keys() else None


def scripts_dir():
    """The folder of training scripts: the checkout's that the package lies in, else the copy inside the installed package.

    Scripts are run: what lies beside an installed package, or in the working directory, is none of them.
    """
    checkout = own_checkout()
    return checkout / "training_scripts" if checkout else Path(__file__).parents[1] / "_training_scripts"


def recipes():
    """Mapping of weight set name to its script."""
    return {path.stem: path for path in sorted(scripts_dir().glob("*.py"))}


def load_recipe(name):
    """The `Recipe` of a weight set, from its script; `ZooError` with the nearest names when there is none."""
    known = recipes()
    if name not in known:
        raise ZooError(f"there is no recipe {name!r}.{suggest(name, known)} The recipes are {', '.join(known)}.")
    spec = importlib.util.spec_from_file_location("zoo_recipe", known[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RECIPE
